// Package decide chooses what is to be done about a failure, and withholds it
// when a guardrail says no.
//
// It is pure and looks at one failed replica at a time: everything a choice
// depends on is in the Case, so that each rule can be read, tested and switched
// off by itself.
package decide

import (
	"fmt"
	"time"

	"holdfast"
	"holdfast/event"
)

// A Case is everything that a choice about one failed replica depends on.
type Case struct {
	Now      time.Duration // by the boot clock, like every instant here
	Mode     holdfast.FailureMode
	ID       holdfast.ReplicaID
	Alive    bool            // its process runs: a remedy would end it
	Attempts []time.Duration // earlier remedies of this replica, oldest first
	Streak   int             // of those, how many in a row did not last
	FailedAt time.Duration   // when it failed this time; back-off counts from here
	Paused   bool
	Replicas int // declared for the service
	Out      int // other replicas of the service that are not admitted
	Doubted  int // replicas of the service that live and look bad, this one included
	Rails    holdfast.Guardrails
}

// A Choice is what to do about a Case. Exactly one of the three is meant:
// nothing automatic can help (Do is empty), a guardrail forbids it (Withheld is
// set), or it is to be done at the instant At, which may be now.
type Choice struct {
	Do       event.Action
	At       time.Duration
	Attempt  int // which attempt this is within the budget's span, from 1
	Withheld holdfast.Guardrail
	Why      string
	// Escalate says that a person is needed, now and whatever comes later.
	Escalate bool
	// Again is when to look once more although nothing else happens; 0 is never.
	Again time.Duration
}

// Choose picks the mode's first remedy and holds it against every guardrail.
func Choose(c Case) Choice {
	if len(c.Mode.Remedies) == 0 {
		return Choice{Why: "no remedy is declared for " + string(c.Mode.Name), Escalate: true}
	}
	choice := Choice{Do: event.Action(c.Mode.Remedies[0]), Attempt: c.spent() + 1}
	for _, rail := range rails() {
		if refusal, refused := rail.refuses(c); refused {
			choice.Withheld, choice.Why = rail.name, refusal.why
			choice.Escalate, choice.Again = refusal.escalate, refusal.again
			return choice
		}
	}
	choice.At = max(c.Now, c.FailedAt+Backoff(c.ID, c.Streak))
	return choice
}

// spent is how many remedies count against the budget now.
func (c Case) spent() int {
	n := 0
	for _, at := range c.Attempts {
		if c.Now-at < c.Rails.MaxActions.Per {
			n++
		}
	}
	return n
}

// A rail is one guardrail as a rule.
type rail struct {
	name    holdfast.Guardrail
	refuses func(Case) (refusal, bool)
}

// A refusal says why a remedy may not be, whether a person has to know, and
// when to ask again (0: when something happens).
type refusal struct {
	why      string
	escalate bool
	again    time.Duration
}

// rails lists the guardrails in the order in which they are asked. A person's
// word comes first; then what needs no look at the rest of the service.
func rails() []rail {
	return []rail{
		{name: holdfast.RailPause, refuses: pause},
		{name: holdfast.RailAttempts, refuses: attempts},
		{name: holdfast.RailEverything, refuses: everything},
		{name: holdfast.RailShadow, refuses: shadow},
		{name: holdfast.RailUnavailable, refuses: unavailable},
	}
}

func pause(c Case) (refusal, bool) {
	return refusal{why: "remedies are paused"}, c.Paused
}

// attempts stops what does not help. When the oldest attempt leaves the span
// one more is allowed: a dependency that comes back after an hour should find
// its callers trying, seldom, and not given up.
func attempts(c Case) (refusal, bool) {
	budget := c.Rails.MaxActions
	if c.spent() < budget.Count {
		return refusal{}, false
	}
	oldest := c.Attempts[len(c.Attempts)-budget.Count]
	return refusal{
		why:      fmt.Sprintf("its budget of %d in %s is spent", budget.Count, event.Short(budget.Per)),
		escalate: true,
		again:    oldest + budget.Per,
	}, true
}

// everything doubts our sight rather than the system: when every living replica
// of a service with more than one looks bad at once, and the kernel says that
// they run, ending them can only make it worse. (Eureka, Kubernetes and Amazon
// stop in the same place, at 85 %, 55 % and all.)
func everything(c Case) (refusal, bool) {
	return refusal{
		why:      fmt.Sprintf("all %d replicas live and look bad at once", c.Replicas),
		escalate: true,
	}, c.Alive && c.Replicas > 1 && c.Doubted >= c.Replicas
}

// shadow keeps a remedy from ending a living process until its failure mode is
// armed. What exited may always be started again.
func shadow(c Case) (refusal, bool) {
	return refusal{why: "it would end a living process, and " + string(c.Mode.Name) + " is not armed", escalate: true}, c.Alive && !c.Mode.Armed
}

// unavailable keeps a remedy from taking a living replica out while as many as
// may be missing are missing already.
func unavailable(c Case) (refusal, bool) {
	return refusal{
		why:      fmt.Sprintf("%d of %d replicas are out already, %d may be", c.Out, c.Replicas, c.Rails.MaxUnavailable),
		escalate: true,
	}, c.Alive && c.Out >= c.Rails.MaxUnavailable
}
