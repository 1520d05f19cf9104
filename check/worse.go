package check

import (
	"fmt"
	"maps"
	"slices"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/mode"
)

// worsening finds remedies that may take away what still works. What guardrails
// refuse whatever the file says is not among them: nothing is restarted for a
// link, or while all replicas look bad.
func worsening() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2404", Severity: diagnostic.Warning, Title: "a remedy can make a failure worse"},
		find: func(c *judging) []Finding {
			var onTheWay map[holdfast.ServiceName]bool // made when it is asked for: few systems arm a lone replica
			var all []Finding
			for _, m := range c.system.Modes {
				s := c.services[m.Strikes.Service]
				if s.Manage != holdfast.Full || m.Strikes.IsEdge() || !slices.Contains(m.Remedies, holdfast.RemedyRestart) {
					continue
				}
				switch {
				case m.Kind == mode.Slow().Kind || m.Kind == mode.Errors().Kind:
					all = append(all, c.restartsWhatAnswers(m))
				case m.Kind == mode.Hang().Kind && m.Armed && alone(s):
					all = append(all, killsTheData(m))
				case m.Kind == mode.Hang().Kind && m.Armed && s.Replicas == 1:
					if onTheWay == nil {
						onTheWay = c.onTheWay()
					}
					if onTheWay[s.Name] {
						all = append(all, killsTheOnly(m))
					}
				}
			}
			return append(all, c.allMayBeOut()...)
		},
	}
}

// onTheWay are the services that some promise takes.
func (c *judging) onTheWay() map[holdfast.ServiceName]bool {
	found := map[holdfast.ServiceName]bool{}
	for _, p := range c.promises {
		maps.Copy(found, c.takenBy(p.Promise))
	}
	return found
}

// restartsWhatAnswers: a replica that is slow or fails some of what it is asked
// is out of use as soon as that is seen.
func (c *judging) restartsWhatAnswers(m holdfast.FailureMode) Finding {
	return Finding{
		Of: string(m.Name), At: modeAt(m, "remedies", string(holdfast.RemedyRestart)), Label: "ends a process that still answers",
		Message: fmt.Sprintf("`restart` for %s takes away what still answers", diagnostic.Tick(string(m.Name))),
		Note:    fmt.Sprintf("others are asked in its place already; a start begins cold, mends no disk, password or neighbour, and comes again, up to %d times", c.system.Guardrails.MaxActions.Count),
		Help:    "write `remedies: [eject]`: it comes back by itself when it is well again, and after a minute a person is told",
	}
}

// unproved is what both have in common that end a process for its silence.
const unproved = "it is ended by SIGKILL within seconds of falling silent, also when it only paused; `armed: true` allows that though no drill has shown that it helps"

func killsTheData(m holdfast.FailureMode) Finding {
	return Finding{
		Of: string(m.Name), At: modeAt(m, "armed"), Label: "no other replica takes over meanwhile",
		Message: fmt.Sprintf("a pause of %s ends the process that holds its data", diagnostic.Tick(string(m.Strikes.Service))), Note: unproved,
		Help: "remove `armed: true` and prove it: `holdfast prove " + string(m.Name) + "` arms it when it passes; or write how another takes over: `promote`, `quorum`",
	}
}

func killsTheOnly(m holdfast.FailureMode) Finding {
	return Finding{
		Of: string(m.Name), At: modeAt(m, "armed"), Label: "there is no other replica",
		Message: fmt.Sprintf("a pause of the only replica of %s ends it", diagnostic.Tick(string(m.Strikes.Service))), Note: unproved,
		Help: "remove `armed: true` and prove it: `holdfast prove " + string(m.Name) + "` arms it when it passes; or write `replicas: 2`",
	}
}

// allMayBeOut finds services of which a guardrail lets remedies end the last
// replica. One that is alone has no other that could be left.
func (c *judging) allMayBeOut() []Finding {
	most := c.system.Guardrails.MaxUnavailable
	var names []holdfast.ServiceName
	for _, s := range c.system.Services {
		if s.Manage == holdfast.Full && s.Replicas > 1 && s.Replicas <= most {
			names = append(names, s.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	f := Finding{
		At:      Path{"guardrails", "max_unavailable"},
		Message: fmt.Sprintf("remedies may take out every replica of %s at the same time", several(names, mostNamed)),
		Label:   fmt.Sprintf("%d may be out at once", most),
		Note:    "this guardrail is what keeps remedies from ending the last replica while the others are still starting",
		Help:    "write less than the number of replicas of each service: `max_unavailable: 1`",
	}
	for _, name := range names[:min(len(names), 3)] {
		f.Also = append(f.Also, Point{At: at(name, "replicas"), Label: fmt.Sprintf("%d in all", c.services[name].Replicas)})
	}
	return []Finding{f}
}
