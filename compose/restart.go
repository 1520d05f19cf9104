package compose

import (
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"holdfast/diagnostic"
)

// missingRestarts says once which services stay down: Docker starts nothing again
// unless it is told to, not after a crash and not after a reboot.
func missingRestarts(f *file) {
	if f.swarm {
		return // a swarm starts everything again, unless it is told not to
	}
	down := f.which(func(s *service) bool {
		return s.runs() && s.Restart == "" && s.policy() == types.RestartPolicyNo && (s.Deploy == nil || s.Deploy.RestartPolicy == nil)
	})
	f.reportOnce(down, diagnostic.Problem{
		Code: noRestart, Message: "nothing starts " + names(down) + " again after a crash or a reboot", Label: "no `restart`",
		Note: "Docker's own policy is `no`: what has ended stays down until a person comes",
		Help: "write `restart: unless-stopped` for each",
	})
}

// halfRestarts finds services that others or users need and that are not always
// started again, because somebody said so.
func halfRestarts(f *file) {
	for _, s := range f.services {
		if !s.runs() || !s.published() && !s.needed() {
			continue
		}
		key := []string{"restart"}
		if s.Deploy != nil && s.Deploy.RestartPolicy != nil {
			key = []string{"deploy", "restart_policy"}
		} else if s.Restart == "" {
			continue
		}
		p := diagnostic.Problem{Code: staysDown, Help: "write `restart: unless-stopped`"}
		switch s.policy() {
		case types.RestartPolicyNo:
			p.Message = diagnostic.Tick(s.Name) + " stays down after a crash or a reboot" + s.because()
			p.Note = "the file says that Docker must not start it again"
		case types.RestartPolicyOnFailure:
			if f.swarm {
				continue
			}
			p.Message = diagnostic.Tick(s.Name) + " is started again only when it ends with an error" + s.because()
			p.Note = "a server that ends without one stays down; and by Docker's manual `on-failure` starts nothing again when the daemon or the host restarts"
			if _, attempts, limited := strings.Cut(s.Restart, ":"); limited {
				p.Note = "after " + attempts + " attempts it stays down for good; and by Docker's manual `on-failure` starts nothing again when the daemon or the host restarts"
			}
		default:
			continue
		}
		f.report(s, s.at(key...), p)
	}
}

// because is who needs a service.
func (s *service) because() string {
	if len(s.Ports) > 0 {
		return ", and users reach it"
	}
	var callers []mark
	for _, caller := range s.callers {
		callers = append(callers, mark{of: caller})
	}
	return ", and " + names(callers) + verb(callers, " needs it", " need it")
}
