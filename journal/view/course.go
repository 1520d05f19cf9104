package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
)

const (
	// maxTries bounds the remedies that are told of one failure: the first few and the
	// latest, since what is between repeats itself.
	maxTries  = 20
	firstFew  = 4
	maxHeld   = 8
	held      = time.Minute      // what served for so long and is then ended, as by a reload or a stop, was mended
	remembers = 10 * time.Minute // a failure that is over: what comes back within it is the same to who is woken
)

// A Course is what became of one failure: since when there was evidence, what was
// tried with which result, and what was withheld.
type Course struct {
	Since     time.Time `json:"since,omitzero"` // the first evidence
	Detected  time.Time `json:"detected,omitzero"`
	Sign      string    `json:"sign,omitempty"` // what it was believed by
	Times     int       `json:"times,omitempty"`
	Out       *Out      `json:"out,omitempty"`
	Tries     []Try     `json:"tries,omitempty"`
	Left      int       `json:"left,omitempty"` // tries left out after the first few
	Withheld  []Held    `json:"withheld,omitempty"`
	Evidence  string    `json:"evidence,omitempty"` // the file, and what matters in it
	Mitigated time.Time `json:"mitigated,omitzero"`
	Restored  time.Time `json:"restored,omitzero"`
}

// Out says that a gateway took a replica out of use, or had to keep it.
type Out struct {
	At      time.Time            `json:"at"`
	Gateway holdfast.GatewayName `json:"gateway"`
	Left    int                  `json:"left"` // replicas that are in use
	Kept    bool                 `json:"kept,omitempty"`
}

// A Try is a remedy that was decided, and what came of it.
type Try struct {
	At      time.Time          `json:"at"`
	Action  event.ID           `json:"action"`
	Do      event.Action       `json:"do"`
	ID      holdfast.ReplicaID `json:"id"`
	Attempt int                `json:"attempt,omitempty"`
	Of      int                `json:"of,omitempty"`
	Result  string             `json:"result,omitempty"` // empty: nothing was heard of it
}

// Held is a remedy that a guardrail forbade.
type Held struct {
	At        time.Time          `json:"at"`
	Do        event.Action       `json:"do"`
	ID        holdfast.ReplicaID `json:"id"`
	Guardrail holdfast.Guardrail `json:"guardrail"`
	Why       string             `json:"why,omitempty"`
	Again     int                `json:"again,omitempty"` // how often it was forbidden once more
}

// A failing is a course that is not over, or was a moment ago.
type failing struct {
	Mode   holdfast.ModeName  `json:"mode"`
	ID     holdfast.ReplicaID `json:"id"`
	Course Course             `json:"course"`
}

// The change of a course, and who is told of it.
type (
	turn   func(*Course)
	struck func(holdfast.ModeName, holdfast.ReplicaID) bool
)

// turnOf is what an entry changes in the courses of failures, and in which; nil
// where it changes none.
func turnOf(e event.Entry) (struck, turn) {
	at := e.At.Wall
	switch b := e.Body.(type) {
	case event.Detected:
		return in(b.Mode, b.ID), func(c *Course) { c.detect(at, b) }
	case event.Decided:
		if b.Mode == "" || b.Do == event.ActCapture {
			return nil, nil
		}
		return in(b.Mode, b.ID), func(c *Course) {
			c.try(Try{At: at, Action: e.ID, Do: b.Do, ID: b.ID, Attempt: b.Attempt, Of: b.Of})
		}
	case event.Withheld:
		return in(b.Mode, b.ID), func(c *Course) { c.withhold(Held{At: at, Do: b.Do, ID: b.ID, Guardrail: b.Guardrail, Why: b.Why}) }
	case event.Captured:
		return of(b.ID), func(c *Course) { c.Evidence = captured(b) }
	case event.Mitigated:
		return in(b.Mode, b.ID), func(c *Course) { c.Mitigated = at }
	case event.Restored:
		return in(b.Mode, b.ID), func(c *Course) { c.Mitigated, c.Restored = cmp.Or(c.Mitigated, at), at }
	case event.Cleared:
		return in(b.Mode, b.ID), func(c *Course) { c.Mitigated, c.Restored = cmp.Or(c.Mitigated, at), at }
	default:
		return turnOfHand(e)
	}
}

// turnOfHand is the same of what the hands report.
func turnOfHand(e event.Entry) (struck, turn) {
	switch b := e.Body.(type) {
	case event.Done:
		return everything, func(c *Course) {
			c.result(func(t *Try) bool { return t.Action == b.Action && t.Result == "" }, "was carried out")
		}
	case event.Failed:
		return everything, func(c *Course) { c.result(func(t *Try) bool { return t.Action == b.Action }, "failed: "+b.Reason) }
	case holdfast.NotStarted:
		return of(b.ID), func(c *Course) { c.became(b.ID, "could not be started: "+b.Reason) }
	case holdfast.Exited:
		return of(b.ID), func(c *Course) {
			if !c.Restored.IsZero() && b.Ran >= held {
				return // it helped: if this is a failure, it will be detected
			}
			c.became(b.ID, fmt.Sprintf("it ended again: %s after %s", b.Status, event.Short(b.Ran)))
		}
	case holdfast.Admitted:
		return of(b.ID), func(c *Course) { c.became(b.ID, "it answers again") }
	case holdfast.Ejected:
		return of(b.ID), func(c *Course) { c.eject(Out{At: e.At.Wall, Gateway: b.Gateway, Left: b.Remaining, Kept: b.Kept}) }
	default:
		return nil, nil
	}
}

func in(mode holdfast.ModeName, id holdfast.ReplicaID) struck {
	return func(m holdfast.ModeName, o holdfast.ReplicaID) bool { return m == mode && one(o, id) }
}

func of(id holdfast.ReplicaID) struck {
	return func(_ holdfast.ModeName, o holdfast.ReplicaID) bool { return o.Ordinal > 0 && one(o, id) }
}

// one tells whether two lives are of one replica, or two edges lead to one service.
func one(a, b holdfast.ReplicaID) bool { return a.Service == b.Service && a.Ordinal == b.Ordinal }

func everything(holdfast.ModeName, holdfast.ReplicaID) bool { return true }

func captured(b event.Captured) string {
	if b.Path == "" {
		return b.Summary
	}
	return b.Path + ": " + b.Summary
}

// detect begins a failure, or the next one of the same kind soon after.
func (c *Course) detect(at time.Time, b event.Detected) {
	if c.Since.IsZero() || !c.Restored.IsZero() {
		if c.Out != nil && c.Out.At.Before(c.Restored) {
			c.Out = nil
		}
		c.Since, c.Detected = at.Add(-b.After), at
	}
	c.Times++
	c.Mitigated, c.Restored = time.Time{}, time.Time{}
	c.Sign = string(b.Sign)
	if b.Detail != "" {
		c.Sign += ": " + b.Detail
	}
	c.became(b.ID, "it failed again: "+c.Sign)
}

// eject keeps the first time of a failure: to be taken out again is no news.
func (c *Course) eject(o Out) {
	if c.Out == nil || c.Out.Kept || !c.Restored.IsZero() {
		c.Out = &o
	}
}

func (c *Course) try(t Try) {
	c.Tries = append(c.Tries, t)
	if len(c.Tries) > maxTries {
		c.Tries = slices.Delete(c.Tries, firstFew, firstFew+1)
		c.Left++
	}
}

// result is put down with the latest try that it is of.
func (c *Course) result(is func(*Try) bool, what string) {
	for k := range slices.Backward(c.Tries) {
		if is(&c.Tries[k]) {
			c.Tries[k].Result = what
			return
		}
	}
}

// became is put down with the try that an incarnation is the result of. How it ended
// says more than that it failed.
func (c *Course) became(id holdfast.ReplicaID, what string) {
	c.result(func(t *Try) bool {
		return t.ID == id && (len(t.Result) < len("it ended again") || t.Result[:len("it ended again")] != "it ended again")
	}, what)
}

// withhold counts what is forbidden once more, by the same guardrail.
func (c *Course) withhold(h Held) {
	if n := len(c.Withheld); n > 0 && c.Withheld[n-1].Guardrail == h.Guardrail && c.Withheld[n-1].Do == h.Do {
		h.Again = c.Withheld[n-1].Again + 1
		c.Withheld[n-1] = h
		return
	}
	c.Withheld = last(append(c.Withheld, h), maxHeld)
}

// detail is the sign without its name, as the reasons of others quote it.
func (c Course) detail() string {
	if _, detail, ok := strings.Cut(c.Sign, ": "); ok {
		return detail
	}
	return c.Sign
}

// copy is a course that is changed by itself from now on.
func (c Course) copy() Course {
	c.Tries, c.Withheld = slices.Clone(c.Tries), slices.Clone(c.Withheld)
	if c.Out != nil {
		out := *c.Out
		c.Out = &out
	}
	return c
}
