package check

import (
	"fmt"
	"slices"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/mode"
)

// unseen finds services whose failures show nowhere but in what users get. That a
// connect shows no hang is said when the file is read.
func unseen() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2409", Severity: diagnostic.Warning, Title: "nothing but its users notices a failure of a service"},
		find: func(c *judging) []Finding {
			waiting, modes := c.waiting(), c.modesOf()
			var all []Finding
			for _, s := range c.system.Services {
				switch blind := blindTo(s, modes[s.Name]); {
				case s.Healthcheck.Disabled && !s.Once && (len(waiting[s.Name]) > 0 || c.system.Publishes(s)):
					all = append(all, unasked(s, waiting[s.Name]))
				case len(blind) > 0:
					all = append(all, anyAnswerDoes(blind[0]))
				}
			}
			return all
		},
	}
}

// waiting are the services that require a service to answer.
func (c *judging) waiting() map[holdfast.ServiceName][]holdfast.ServiceName {
	callers := map[holdfast.ServiceName][]holdfast.ServiceName{}
	for _, s := range c.system.Services {
		for _, d := range s.DependsOn {
			if d.Required && !d.Completed {
				callers[d.On] = append(callers[d.On], s.Name)
			}
		}
	}
	return callers
}

func unasked(s holdfast.Service, callers []holdfast.ServiceName) Finding {
	who := "users wait"
	if len(callers) > 0 {
		who = several(callers, 3) + diagnostic.Agree(len(callers), " waits", " wait")
	}
	seen := "only the end of its process is seen"
	if s.Manage != holdfast.Full {
		seen = "nothing of it is seen"
	}
	return Finding{
		Of: string(s.Name), At: at(s.Name, "healthcheck", "disable"), Or: []Path{{"defaults", "healthcheck", "disable"}}, Label: seen,
		Message: fmt.Sprintf("%s is never asked whether it answers, and %s for it", diagnostic.Tick(string(s.Name)), who),
		Note:    "a replica that hangs or cannot be reached goes on getting its share of the requests; none of these failures is drilled, mended or told of",
		Help:    "remove `disable: true`, which is for what listens nowhere; if nothing is asked of it, remove it from `depends_on`",
	}
}

// blindTo are the failure modes of a service that a hook makes true and whose
// signs nothing looks for: no traffic of it is ours to see, and any answer passes
// its check.
func blindTo(s holdfast.Service, modes []holdfast.FailureMode) []holdfast.FailureMode {
	h := s.Healthcheck
	if s.Manage != holdfast.Observe || h.Disabled || h.Path != "" || h.Expect != "" {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(modes), func(m holdfast.FailureMode) bool {
		return m.Strikes.IsEdge() || m.Kind != mode.Errors().Kind
	})
}

func anyAnswerDoes(m holdfast.FailureMode) Finding {
	s := string(m.Strikes.Service)
	return Finding{
		Of: string(m.Name), At: modeAt(m), Label: "its drill cannot pass",
		Message: fmt.Sprintf("nothing notices %s: any answer passes the health check of %s, and no request to it comes through Holdfast", diagnostic.Tick(string(m.Name)), diagnostic.Tick(s)),
		Note:    "a service that fails everything it is asked looks well",
		Help:    "demand an answer: `healthcheck: {path: /healthz}`, or of TCP `send` and `expect`; or write `manage: route`",
	}
}
