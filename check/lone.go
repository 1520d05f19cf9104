package check

import (
	"fmt"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/topology"
)

// lonePoint finds services whose one replica takes a promise down. Where there
// are several and one of them does, another finding says why; and so it is where
// not even this one bears the load.
func lonePoint() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2101", Severity: diagnostic.Warning, Title: "a promise breaks with the one replica of a service"},
		find: func(c *judging) []Finding {
			var all []Finding
			for _, p := range c.points(topology.ReplicaRisk) {
				if s := c.services[p.Service]; s.Replicas == 1 && s.Capacity.Needed() == 1 {
					all = append(all, c.lone(s, p))
				}
			}
			return all
		},
	}
}

func (c *judging) lone(s holdfast.Service, p point) Finding {
	f := Finding{
		Of: string(s.Name), At: replicasAt(s), Label: "there is no other to retry on",
		Message: fmt.Sprintf("%s is a single point of failure: %s with it", diagnostic.Tick(string(s.Name)), c.fails(p.breaks)),
		Note:    "when it crashes, hangs or is replaced, requests wait for a moment and then fail until it is back",
		Help:    second(s) + c.without(s, p.breaks),
	}
	if len(s.URLs) > 0 {
		f.Label = "there is one URL"
		f.Note = "when it does not answer, requests fail until it does"
		f.Help = "add a second URL, if there is one" + c.without(s, p.breaks)
	}
	return f
}

// second says how a service gets another replica that is of use. Of two that
// decide together neither may be lost, nor can they tell a dead from a silent one.
func second(s holdfast.Service) string {
	switch state := s.State; {
	case state == nil:
		return "write " + copies(s, 2)
	case state.Quorum || state.Promote == holdfast.Automatic:
		return "write " + copies(s, 3) + ", for two of them to decide when one is lost"
	case state.Promote == holdfast.Manual:
		return "write " + copies(s, 2) + ", for a person to have another one to promote"
	default:
		return "write " + copies(s, 2) + ", and how the other takes over: `stateful: {promote: manual}`"
	}
}

// copies is what to write for n replicas of a service. Where ports are written,
// each takes one, or the file is refused.
func copies(s holdfast.Service, n int) string {
	text := fmt.Sprintf("`replicas: %d`", n)
	if len(s.Listen) > 0 {
		text += fmt.Sprintf(" with %d ports in `listen`", n)
	}
	return text
}
