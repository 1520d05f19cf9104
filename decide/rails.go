package decide

import (
	"fmt"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
)

// The spans that guardrails look at.
const (
	// MassWithin: what goes bad within ten seconds of one another has one cause,
	// and it is not the replicas.
	MassWithin = 10 * time.Second
	// FlapWithin and flapLimit: the fourth time out within two minutes is a
	// pattern that restarts do not mend. The gateways' own rule is a penalty that
	// fades (detect.Flapping), which four times out reach only within 54 s of one
	// another: to leave a replica out costs less than to end it. This one counts,
	// so that a person finds its number in the journal.
	FlapWithin = 2 * time.Minute
	flapLimit  = 4
	// endedApart is the least time between two living processes that remedies
	// end anywhere in the system: the second one waits until the first one's
	// successor was seen to help, or not.
	endedApart = 10 * time.Second
)

// A rail is one guardrail as a rule. Most hold only remedies that would end a
// living process: to start what exited takes nothing away.
type rail struct {
	name    holdfast.Guardrail
	refuses func(Case) (refusal, bool)
	always  bool // it holds what exited, too
}

func (r rail) holds(c Case) (refusal, bool) {
	if !c.Alive && !r.always {
		return refusal{}, false
	}
	return r.refuses(c)
}

// A refusal says why a remedy may not be, whether a person has to know, and
// when to ask again (0: when something happens).
type refusal struct {
	why      string
	escalate bool
	again    time.Duration
}

// rails lists the guardrails in the order in which they are asked. A person's
// word comes first; then what needs no look at the rest of the service; then
// what doubts the cause; last what only asks for patience.
func rails() []rail {
	return []rail{
		{name: holdfast.RailPause, refuses: pause, always: true},
		{name: holdfast.RailAttempts, refuses: attempts, always: true},
		{name: holdfast.RailEverything, refuses: everything},
		{name: holdfast.RailEvidence, refuses: evidence},
		{name: holdfast.RailDependency, refuses: dependency},
		{name: holdfast.RailMass, refuses: mass},
		{name: holdfast.RailShadow, refuses: shadow},
		{name: holdfast.RailFlapping, refuses: flapping},
		{name: holdfast.RailUnavailable, refuses: unavailable},
		{name: holdfast.RailZone, refuses: zone},
		{name: holdfast.RailVelocity, refuses: velocity},
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
	}, c.Replicas > 1 && c.Doubted >= c.Replicas
}

// evidence asks for more than what routing needs before a process is ended that
// may be doing its work: a check may be missed for the checker's sake, and a way
// may be cut while what is behind it is well. When a minute brings nothing
// surer, a person looks.
func evidence(c Case) (refusal, bool) {
	personAt := c.FailedAt + PersonAfter
	refused := refusal{why: fmt.Sprintf("%s is no proof that its process is stuck", c.Sign), escalate: c.Now >= personAt}
	if !refused.escalate {
		refused.again = personAt
	}
	return refused, c.Sign == holdfast.SignMissed || c.Sign == holdfast.SignUnreachable
}

// dependency keeps callers alive while what they need is sick: a restarted
// caller of a sick dependency is a cold caller of a sick dependency.
func dependency(c Case) (refusal, bool) {
	var names []string
	for _, name := range c.Around.Sick {
		names = append(names, string(name))
	}
	return refusal{why: "what it depends on is failing: " + strings.Join(names, ", "), escalate: true}, len(names) > 0
}

// mass holds still when more than a third of the replicas, or replicas of
// several zones, turn bad within seconds. One of two is not many, whatever share
// of them it is.
func mass(c Case) (refusal, bool) {
	a := c.Around
	many := a.TurnedBad > max(1, c.Replicas/3)
	where := ""
	if a.BadZones > 1 {
		where = fmt.Sprintf(", of %d zones,", a.BadZones)
	}
	return refusal{
		why:      fmt.Sprintf("%d of %d replicas%s turned bad within %s", a.TurnedBad, c.Replicas, where, event.Short(MassWithin)),
		escalate: true,
		again:    a.BadSince + MassWithin,
	}, (many || a.BadZones > 1) && c.Now < a.BadSince+MassWithin
}

// shadow keeps a remedy from ending a living process until its failure mode is
// armed. What exited may always be started again.
func shadow(c Case) (refusal, bool) {
	return refusal{why: "it would end a living process, and " + string(c.Mode.Name) + " is not armed", escalate: true}, !c.Armed
}

func flapping(c Case) (refusal, bool) {
	return refusal{
		why:      fmt.Sprintf("it went out %d times within %s, which no restart mends", c.Around.Downs, event.Short(FlapWithin)),
		escalate: true,
		again:    c.Now + FlapWithin,
	}, c.Around.Downs >= flapLimit
}

// unavailable keeps a remedy from taking a living replica out while as many as
// may be missing are missing already.
func unavailable(c Case) (refusal, bool) {
	return refusal{
		why:      fmt.Sprintf("%d of %d replicas are out already, %d may be", c.Out, c.Replicas, c.Rails.MaxUnavailable),
		escalate: true,
	}, c.Out >= c.Rails.MaxUnavailable
}

// zone ends nothing in one zone while another is short.
func zone(c Case) (refusal, bool) {
	return refusal{why: "a replica in zone " + string(c.Around.ZoneOut) + " is out, and one zone at a time is mended", escalate: true}, c.Around.ZoneOut != ""
}

// velocity bounds how fast capacity is taken away, whatever the reasons are.
func velocity(c Case) (refusal, bool) {
	next := c.Around.Ended + endedApart
	return refusal{
		why:   fmt.Sprintf("another living process was ended %s ago, and %s lie between two", event.Short(c.Now-c.Around.Ended), event.Short(endedApart)),
		again: next,
	}, c.Around.Ended != 0 && c.Now < next
}
