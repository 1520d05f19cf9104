package check

import (
	"holdfast"
	"holdfast/topology"
)

// A Summary is a system in numbers: what there is, how much of it somebody
// answers for, and what breaks each promise.
type Summary struct {
	Services     int        `json:"services"`
	Replicas     int        `json:"replicas"`
	Dependencies int        `json:"dependencies"`
	Zones        int        `json:"zones"`
	Modes        int        `json:"failure_modes"`
	Owned        int        `json:"owned"`     // modes that somebody answers for
	Detected     int        `json:"detected"`  // that some evidence makes believed
	Remedied     int        `json:"remedied"`  // that something mends without a person
	Escalated    int        `json:"escalated"` // that somebody can be told of, by a policy or as their owner
	Drilled      *int       `json:"drilled"`   // whose last drill passed, on what there is now; nil: nobody looked
	Order        int        `json:"order"`     // of the largest sets that were looked for; less than what was asked for where that was too much
	Promises     []Standing `json:"promises"`
}

// A Standing is a promise and what breaks it.
type Standing struct {
	Promise   holdfast.Promise       `json:"promise"`
	Entries   []holdfast.ServiceName `json:"entries"`            // the services that users of it come to
	Decided   bool                   `json:"decided"`            // false: the search was given up, and nothing is known
	Truncated bool                   `json:"truncated"`          // there are larger sets than were looked for
	ByOrder   []int                  `json:"by_order,omitempty"` // sets of one risk, of two, …
	Smallest  [][]topology.Risk      `json:"smallest,omitempty"` // the first of them
	Cuts      topology.Cuts          `json:"-"`                  // all of them
}

// smallestShown is how many sets of each promise are listed: a person reads a
// line of them.
const smallestShown = 12

func (c *judging) summary() Summary {
	s := Summary{Services: len(c.system.Services), Dependencies: len(c.system.Edges()), Zones: len(c.system.Zones), Modes: len(c.system.Modes), Order: c.order}
	for _, service := range c.system.Services {
		s.Replicas += service.Replicas
	}
	drilled, told := 0, c.told()
	for _, mode := range c.system.Modes {
		s.Owned += one(mode.Owner != "")
		s.Detected += one(len(mode.DetectedBy) > 0)
		s.Remedied += one(len(mode.Remedies) > 0)
		s.Escalated += one(told(mode))
		drilled += one(c.facts.Proofs[mode.Name] == Proved)
	}
	if c.facts.Proofs != nil {
		s.Drilled = &drilled
	}
	for _, p := range c.promises {
		s.Promises = append(s.Promises, c.standing(p))
	}
	return s
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func (c *judging) standing(p judged) Standing {
	s := Standing{Promise: p.Promise, Entries: c.risks.Entries(p.Promise), Decided: p.cuts.Decided(), Truncated: p.cuts.Truncated(), Cuts: p.cuts}
	if !s.Decided {
		return s
	}
	s.ByOrder = p.cuts.ByOrder()[1:]
	for set := range p.cuts.Each {
		if len(s.Smallest) == smallestShown {
			break
		}
		s.Smallest = append(s.Smallest, set)
	}
	return s
}
