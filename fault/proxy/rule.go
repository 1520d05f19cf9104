package proxy

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"holdfast"
)

// A Kind is what a rule does to the paths it is for.
type Kind string

// The kinds. The first five strike answers one by one, and only those whose
// request went by while the rule held or before; the others strike the path.
//
//	          new connections                      established ones
//	delay     as ever                              an answer begins later
//	status    as ever                              an answer is replaced by a bare status
//	flap      as ever                              as status, by turns with nothing
//	halve     as ever                              an answer is cut in the middle, then closed
//	reset     reset when their first answer begins reset at once, on both legs
//	refuse    refused by the kernel                reset at once, on both legs
//	silence   the kernel drops what comes          nothing is heard or said; they go on when it is over
//	sever     as refuse, and after Turn as silence
//	lag       as ever                              every byte, either way, comes later
//	throttle  as ever                              all share so many bytes a second, each way
const (
	Delay    Kind = "delay"
	Status   Kind = "status"
	Flap     Kind = "flap"
	Halve    Kind = "halve"
	Reset    Kind = "reset"
	Refuse   Kind = "refuse"
	Silence  Kind = "silence"
	Sever    Kind = "sever"
	Lag      Kind = "lag"
	Throttle Kind = "throttle"
)

// A Scope is what a rule is for: one incarnation, or, with Ordinal 0, every
// path of a service, those laid later included.
type Scope = holdfast.ReplicaID

// A Rule breaks paths for as long as it is renewed. There is at most one of a
// kind in a scope.
type Rule struct {
	Scope  Scope          `json:"scope"`
	Kind   Kind           `json:"kind"`
	Delay  time.Duration  `json:"delay,omitempty"`  // delay, lag: how much later
	Jitter time.Duration  `json:"jitter,omitempty"` // delay, lag: and at most so much more or less, evenly
	Status int            `json:"status,omitempty"` // status, flap: 400 to 599
	Share  holdfast.Share `json:"share,omitempty"`  // of the answers, where the kind strikes answers
	Spare  string         `json:"spare,omitempty"`  // delay, status, flap, halve: a path whose answers are left alone
	Turn   time.Duration  `json:"turn,omitempty"`   // sever: how long refused before silent
	Period time.Duration  `json:"period,omitempty"` // flap: of striking and sparing together
	Duty   holdfast.Share `json:"duty,omitempty"`   // flap: of the period, from its beginning, in which it strikes
	Rate   int            `json:"rate,omitempty"`   // throttle: bytes per second, each way
}

// Bounds of a rule. A path that is broken for longer than any drill lasts is a
// mistake.
const (
	maxDelay  = time.Minute
	maxTurn   = time.Minute
	maxPeriod = time.Minute
	minHalf   = 50 * time.Millisecond // of a period: what is shorter nobody could tell from a share of answers
	maxRate   = 1 << 30               // bytes per second
	maxSpare  = 2 << 10               // bytes
)

// strikesAnswers tells the kinds that choose among answers.
func (k Kind) strikesAnswers() bool {
	return k == Delay || k == Status || k == Flap || k == Halve || k == Reset
}

// Check says what is wrong with a rule, or nil.
func (r Rule) Check() error {
	var wrong []error
	demand := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	demand(r.Scope.Service != "", "no service")
	demand(r.Scope.Ordinal == 0 == (r.Scope.Incarnation == 0), "%s: want one incarnation, or a service with neither ordinal nor incarnation", r.Scope)
	switch r.Kind {
	case Delay, Lag:
		demand(r.Delay > 0 && r.Delay <= maxDelay, "delay %s: want more than 0 and at most %s", r.Delay, maxDelay)
		demand(r.Jitter >= 0 && r.Jitter <= r.Delay, "jitter %s: want 0 to the delay", r.Jitter)
	case Status, Flap:
		demand(r.Status >= 400 && r.Status <= 599, "status %d: want 400 to 599", r.Status)
		demand(r.Kind != Flap || r.Period <= maxPeriod && min(r.strikesFor(), r.Period-r.strikesFor()) >= minHalf,
			"period %s, %v of it: want at most %s, and %s or more of both halves", r.Period, float64(r.Duty), maxPeriod, minHalf)
	case Sever:
		demand(r.Turn > 0 && r.Turn <= maxTurn, "turn %s: want more than 0 and at most %s", r.Turn, maxTurn)
	case Throttle:
		demand(r.Rate > 0 && r.Rate <= maxRate, "rate %d: want 1 to %d bytes a second", r.Rate, maxRate)
	case Halve, Reset, Refuse, Silence:
	default:
		demand(false, "%q is no kind of rule", r.Kind)
	}
	demand(r.Kind.strikesAnswers() == (r.Share != 0) && r.Share >= 0 && r.Share <= 1, "share %v: want more than 0 and at most 1 where answers are struck, else 0", float64(r.Share))
	demand(len(r.Spare) <= maxSpare, "a path of %d bytes to spare", len(r.Spare))
	if err := errors.Join(wrong...); err != nil {
		return fmt.Errorf("rule %s on %s: %w", r.Kind, r.Scope, err)
	}
	return nil
}

// covers tells whether a rule is for a path.
func covers(scope Scope, id holdfast.ReplicaID) bool {
	return scope == id || scope.Ordinal == 0 && scope.Service == id.Service
}

// A ruleKey names a rule.
type ruleKey struct {
	scope Scope
	kind  Kind
}

// An inForce is a rule that holds. All but bitten is guarded by the proxy.
type inForce struct {
	Rule
	began  time.Time
	until  time.Time     // unless it is renewed
	bitten atomic.Uint64 // answers struck, connections reset or held, pieces that came later
}

// strikes draws whether an answer is struck; target is its request's, empty
// where there is none that we could read.
func (r *inForce) strikes(target string) bool {
	if r == nil || r.Spare != "" && spared(target, r.Spare) {
		return false
	}
	return r.Share >= 1 || rand.Float64() < float64(r.Share)
}

// late draws how much later an answer begins, or a piece comes.
func (r *inForce) late() time.Duration {
	if r.Jitter == 0 {
		return r.Delay
	}
	return r.Delay - r.Jitter + rand.N(2*r.Jitter+1)
}

// refuses and silences say which half of a severance holds at an instant.
func (r *inForce) refuses(at time.Time) bool {
	return r.Kind == Refuse || r.Kind == Sever && at.Before(r.began.Add(r.Turn))
}

func (r *inForce) silences(at time.Time) bool {
	return r.Kind == Silence || r.Kind == Sever && !r.refuses(at)
}

// strikesFor is how long of each period a flap strikes.
func (r Rule) strikesFor() time.Duration { return time.Duration(float64(r.Period) * float64(r.Duty)) }

// flapsOn tells whether a flap strikes at an instant. It does at first.
func (r *inForce) flapsOn(at time.Time) bool { return at.Sub(r.began)%r.Period < r.strikesFor() }

// due is when a rule changes by itself next: it turns, or lapses.
func (r *inForce) due(at time.Time) time.Time {
	turn := r.until
	switch r.Kind {
	case Sever:
		turn = r.began.Add(r.Turn)
	case Flap:
		turn = at.Add(r.Period - at.Sub(r.began)%r.Period)
		if r.flapsOn(at) {
			turn = turn.Add(r.strikesFor() - r.Period)
		}
	}
	if at.Before(turn) && turn.Before(r.until) {
		return turn
	}
	return r.until
}

// A posture is what the rules make of a path. It never changes; another one
// takes its place.
type posture struct {
	refusal, silence            *inForce // nil where there is none
	delay, status, halve, reset *inForce
	lag, throttle               *inForce
	over                        chan struct{} // closed when another posture took its place
}

// compose is the posture that rules make of a path at an instant.
func compose(rules map[ruleKey]*inForce, id holdfast.ReplicaID, at time.Time) *posture {
	p := &posture{over: make(chan struct{})}
	for _, rule := range rules {
		if !covers(rule.Scope, id) {
			continue
		}
		switch {
		case rule.refuses(at):
			p.refusal = rule
		case rule.silences(at):
			p.silence = rule
		case rule.Kind == Delay:
			p.delay = rule
		case rule.Kind == Status:
			p.status = rule
		case rule.Kind == Flap:
			if p.status == nil && rule.flapsOn(at) {
				p.status = rule
			}
		case rule.Kind == Halve:
			p.halve = rule
		case rule.Kind == Reset:
			p.reset = rule
		case rule.Kind == Lag:
			p.lag = rule
		case rule.Kind == Throttle:
			p.throttle = rule
		}
	}
	return p
}

// same tells whether two postures are made of the same rules.
func (p *posture) same(q *posture) bool {
	return p.refusal == q.refusal && p.silence == q.silence && p.delay == q.delay &&
		p.status == q.status && p.halve == q.halve && p.reset == q.reset && p.lag == q.lag && p.throttle == q.throttle
}
