package check

import (
	"fmt"
	"slices"

	"holdfast"
	"holdfast/diagnostic"
)

// evenVotes finds replicas that decide together and are too few, or one too many,
// for that.
func evenVotes() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2107", Severity: diagnostic.Warning, Title: "replicas that decide together are a bad number for it"},
		find: func(c *judging) []Finding {
			var all []Finding
			for _, s := range c.system.Services {
				switch n := s.Replicas; {
				case quorum(s) && n == 2:
					all = append(all, pairOfVotes(s))
				case quorum(s) && n%2 == 0 && s.Capacity.Needed() < n-1:
					all = append(all, idleVote(s))
				case s.State != nil && !s.State.Quorum && s.State.Promote == holdfast.Automatic && n == 2 && !c.arbitrated(s):
					all = append(all, twoPrimaries(s))
				}
			}
			return all
		},
	}
}

func quorum(s holdfast.Service) bool { return s.State != nil && s.State.Quorum }

// arbitrated says whether somebody else can tell which of two is alive: a service
// of three votes or more that needs this one, or that it needs.
func (c *judging) arbitrated(s holdfast.Service) bool {
	votes := func(name holdfast.ServiceName) bool { return quorum(c.services[name]) && c.services[name].Replicas > 2 }
	for _, d := range s.DependsOn {
		if votes(d.On) && !d.Completed {
			return true
		}
	}
	return slices.ContainsFunc(c.system.Services, func(other holdfast.Service) bool {
		return votes(other.Name) && slices.ContainsFunc(other.DependsOn, func(d holdfast.Dependency) bool { return d.On == s.Name })
	})
}

func pairOfVotes(s holdfast.Service) Finding {
	return voting(s, Finding{
		Label:   "two votes, and it takes both",
		Message: fmt.Sprintf("%s stops when either of its two replicas is lost", diagnostic.Tick(string(s.Name))),
		Note:    "more than half of two is two: it stops about twice as often as one replica would",
		Help:    "have three of them: then any one may be lost",
	})
}

func idleVote(s holdfast.Service) Finding {
	n := s.Replicas
	return voting(s, Finding{
		Label:   fmt.Sprintf("%d votes, and it takes %d", n, n/2+1),
		Message: fmt.Sprintf("%s may lose %d of its %d replicas, as it could of %d", diagnostic.Tick(string(s.Name)), n/2-1, n, n-1),
		Note:    fmt.Sprintf("more than half of %d is %d, more than half of %d is %d: the last one is only one more that can fail", n, n/2+1, n-1, n/2),
		Help:    fmt.Sprintf("have %d of them, or %d, of which %d may be lost", n-1, n+1, n/2),
	})
}

func twoPrimaries(s holdfast.Service) Finding {
	return voting(s, Finding{
		Label:   "neither can tell whether the other is dead",
		Message: fmt.Sprintf("the two replicas of %s may both take over: nothing here breaks a tie", diagnostic.Tick(string(s.Name))),
		Note:    "when they cannot reach each other, or one pauses and comes back, both are written to, and what one of them took has to be thrown away",
		Help:    "let a third vote: a third replica, or another service of three (`stateful: {quorum: true}`) that this one depends on; or let a person decide: `promote: manual`",
	})
}

// voting is a finding about how many replicas a service has that decide together.
func voting(s holdfast.Service, f Finding) Finding {
	f.Of, f.At = string(s.Name), replicasAt(s)
	return f
}
