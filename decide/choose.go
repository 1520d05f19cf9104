// Package decide chooses what is to be done about a failure, and withholds it
// when a guardrail says no.
//
// It is pure and looks at one failed replica at a time: everything a choice
// depends on is in the Case, so that each rule can be read, tested and switched
// off by itself.
package decide

import (
	"time"

	"holdfast"
	"holdfast/event"
)

// A Case is everything that a choice about one failed replica depends on.
// Instants are by the boot clock; 0 is never.
type Case struct {
	Now      time.Duration
	Mode     holdfast.FailureMode
	Armed    bool // the mode's remedies may end a living process
	ID       holdfast.ReplicaID
	Sign     holdfast.Sign   // what the failure is believed by
	Alive    bool            // its process runs: a remedy would end it
	Attempts []time.Duration // earlier remedies of this replica, oldest first
	Streak   int             // of those, how many in a row did not last
	FailedAt time.Duration   // when it failed this time; back-off counts from here
	Paused   bool
	Replicas int // declared for the service
	Out      int // other replicas of the service that are not admitted
	Doubted  int // replicas of the service that live and look bad, this one included
	Around   Surroundings
	Rails    holdfast.Guardrails
}

// Surroundings are what a choice about a living replica has to look at beside
// the replica itself.
type Surroundings struct {
	TurnedBad int                    // replicas of the service that turned bad within MassWithin, this one included
	BadZones  int                    // zones of those
	BadSince  time.Duration          // when the first of those did
	ZoneOut   holdfast.ZoneName      // another zone in which a replica of the service is out; empty: there is none
	Sick      []holdfast.ServiceName // what the service requires and does not get
	Downs     int                    // how often this replica went out within FlapWithin
	Ended     time.Duration          // when a living replica of the system was last ended by a remedy
}

// A Choice is what to do about a Case. Exactly one of the four is meant: nothing
// automatic can help (Do is empty), a guardrail forbids it (Withheld is set),
// what is under way may yet suffice (Waiting), or it is to be done at the
// instant At, which may be now.
type Choice struct {
	Do       event.Action
	At       time.Duration
	Attempt  int // which attempt this is within the budget's span, from 1
	Waiting  bool
	Withheld holdfast.Guardrail
	Why      string
	// Escalate says that a person is needed, now and whatever comes later.
	Escalate bool
	// Again is when to look once more although nothing else happens; 0 is never.
	Again time.Duration
}

const (
	// settlingElse is holdfast.Settling for one that still answers, too late or badly:
	// it may recover, and ending it costs more than it does where it is.
	settlingElse = 10 * time.Second
	// PersonAfter is how long what routing hides may last before a person is
	// told: the system is whole for its users and one failure short.
	PersonAfter = time.Minute
)

// Choose goes down the mode's remedies to the first that is due, and holds it
// against every guardrail.
func Choose(c Case) Choice {
	if len(c.Mode.Remedies) == 0 {
		return Choice{Why: "no remedy is declared for " + string(c.Mode.Name), Escalate: true}
	}
	last := len(c.Mode.Remedies) - 1
	for i, remedy := range c.Mode.Remedies {
		if remedy == holdfast.RemedyRestart {
			return c.restart()
		}
		// The gateways do it, and did so before anybody was asked. What is left
		// to decide is for how long it is enough.
		until := c.FailedAt + c.patience(i == last)
		switch {
		case i < last && !c.Alive:
		case c.Now < until:
			return Choice{Do: event.Action(remedy), Waiting: true, Again: until}
		}
	}
	return Choice{Why: "it has been out for " + event.Short(c.Now-c.FailedAt) + ", and no other remedy is declared", Escalate: true}
}

// patience is how long the present remedy may take to show that it suffices.
func (c Case) patience(last bool) time.Duration {
	switch {
	case last:
		return PersonAfter
	case c.Sign == holdfast.SignSilent || c.Sign == holdfast.SignMissed:
		return holdfast.Settling
	default:
		return settlingElse
	}
}

func (c Case) restart() Choice {
	choice := Choice{Do: event.ActRestart, Attempt: c.spent() + 1}
	for _, rail := range rails() {
		if refusal, refused := rail.holds(c); refused {
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
