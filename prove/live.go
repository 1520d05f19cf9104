package prove

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"holdfast"
	"holdfast/load"
	"holdfast/report"
)

// LiveRate is the load on what runs in earnest unless somebody asks for another:
// enough for the 200 requests without which a drill shows nothing.
const LiveRate = 100

// onlyPrivate takes back the file's consent in a run that nobody said is to
// touch what runs elsewhere.
func onlyPrivate(system *holdfast.System) *holdfast.System {
	less := *system
	less.Prove = holdfast.Consent{}
	return &less
}

// consented tells whether this run may touch a service that runs elsewhere.
func consented(system *holdfast.System, name holdfast.ServiceName) bool {
	return slices.Contains(system.Prove.Allow, name)
}

// runsElsewhere tells whether a mode strikes what no private copy holds.
func runsElsewhere(system *holdfast.System, mode holdfast.FailureMode) bool {
	service, _ := system.Service(mode.Strikes.Service)
	return mode.Strikes.Role == "" && service.Manage != holdfast.Full
}

// Untouchable says why a drill of a mode is not made, if it is not: it would
// touch what runs in earnest, and somebody has not said that it may. declared is
// the file's system, live what was asked for on the command line.
func Untouchable(declared *holdfast.System, live bool, mode holdfast.FailureMode) string {
	name := mode.Strikes.Service
	switch {
	case !runsElsewhere(declared, mode):
		return ""
	case !live && !consented(declared, name):
		return fmt.Sprintf("%s runs elsewhere and is no part of a private copy; next: write `prove: {allow: [%s]}` in the file, and run holdfast prove --live", name, name)
	case !live:
		return fmt.Sprintf("%s runs elsewhere and is no part of a private copy; next: holdfast prove --live --dry-run %s shows what would be touched, without --dry-run it is", name, mode.Name)
	case !consented(declared, name):
		return fmt.Sprintf("%s runs elsewhere and the file does not allow to touch it; next: write `prove: {allow: [%s]}` in the file", name, name)
	default:
		return ""
	}
}

// skipped is a drill that is not made.
func skipped(mode holdfast.FailureMode, by holdfast.Drill, why string) report.Drill {
	drill := undecided(mode, by, why)
	drill.Verdict = holdfast.Skip
	return drill
}

// direct are the urls of what is only observed: no gateway of ours is on the way
// to them, so that is where their users ask.
func direct(system *holdfast.System) []target {
	var all []target
	for _, service := range system.Services {
		if service.Manage != holdfast.Observe || !consented(system, service.Name) {
			continue
		}
		for i, at := range service.URLs {
			name := string(holdfast.NameReplica(service.Name, i+1))
			all = append(all, target{name: name, url: at, service: service.Name, words: wordsOf(service)})
		}
	}
	return all
}

// Words are what a service that speaks no HTTP is told, and must say.
type words struct{ send, expect string }

func wordsOf(service holdfast.Service) words {
	return words{send: service.Healthcheck.Send, expect: service.Healthcheck.Expect}
}

// asked is a target as the load asks for it.
func (t target) asked() load.Target {
	at := t.url
	switch {
	case at != "":
	case t.bare:
		at = "tcp://" + t.address
	default:
		at = "http://" + t.address + cmp.Or(t.path, "/")
	}
	asked := load.Target{Name: t.name, URL: at, Host: t.host}
	if t.calls {
		asked.Protocol = holdfast.GRPC
	}
	if strings.HasPrefix(at, "tcp:") {
		asked.Send, asked.Expect = t.words.send, t.words.expect
	}
	return asked
}

// itself is where one replica of a service is asked by no way but its own.
func itself(service holdfast.Service, id holdfast.ReplicaID, address string) load.Target {
	t := target{name: string(id.Name()), address: address, bare: service.Protocol == holdfast.TCP, words: wordsOf(service)}
	if n := id.Ordinal; n > 0 && n <= len(service.URLs) {
		t.url = service.URLs[n-1]
	} else if !t.bare && service.Healthcheck.Path != "" {
		t.url = "http://" + address + service.Healthcheck.Path
	}
	asked := t.asked()
	asked.Protocol = service.Protocol
	return asked
}

// hosts are the addresses of a service that runs elsewhere, as its urls name
// them.
func hosts(service holdfast.Service) []string {
	var all []string
	for _, text := range service.URLs {
		if at, err := url.Parse(text); err == nil {
			all = append(all, at.Host)
		}
	}
	return all
}

// Touched says what a live run will touch, a line for each thing, before it is
// touched: services and addresses, the exact commands, the load and how long.
func Touched(o Options) []string {
	var lines []string
	seen := map[holdfast.ServiceName]bool{}
	for _, mode := range o.Modes {
		service, _ := o.System.Service(mode.Strikes.Service)
		commands := hooks(mode)
		if len(commands) == 0 || !runsElsewhere(o.System, mode) || Untouchable(o.System, o.Live, mode) != "" {
			continue
		}
		if !seen[service.Name] {
			seen[service.Name] = true
			way := "straight to its urls"
			if service.Manage == holdfast.Route {
				way = "through the gateway of the private copy"
			}
			lines = append(lines, fmt.Sprintf("%s, in earnest, at %s: %s, %s", service.Name, strings.Join(hosts(service), ", "), what(service), way))
		}
		for _, hook := range commands {
			lines = append(lines,
				fmt.Sprintf("%s  break: %s", mode.Name, hook.Break),
				fmt.Sprintf("%s  mend:  %s", mode.Name, hook.Mend),
				fmt.Sprintf("%s  each in %s, for at most %s; broken for about %s, at most %s", mode.Name, hook.Dir, hook.Timeout, brokenAtLeast, longestHold(mode, o.Rate)))
		}
	}
	if len(lines) > 0 {
		lines = append(lines, fmt.Sprintf("load: %.0f/s for %s without a fault, then during each drill", o.Rate, controlFor))
	}
	return lines
}

// hooks are the commands of a mode's drills.
func hooks(mode holdfast.FailureMode) []holdfast.Hook {
	var all []holdfast.Hook
	for _, by := range mode.Drills {
		if by.Hook != nil {
			all = append(all, *by.Hook)
		}
	}
	return all
}

func what(service holdfast.Service) string {
	if service.Protocol == holdfast.TCP {
		return "connections and the words of its health check only"
	}
	return "GET requests only"
}
