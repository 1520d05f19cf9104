package prove

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/report"
)

// A story is what the copy's journal says about one fault, from its injection
// on. Instants are 0 where nothing of the kind was said.
type story struct {
	injected time.Duration
	entries  []event.Entry // of the struck service

	ejected, detected, decided, started, admitted, restored time.Duration

	last      holdfast.ReplicaID // of the struck replica, the incarnation that was started last
	exits     int                // of its incarnations after the struck one
	unstarted string             // why the last one could not be started; empty: it could
	others    string             // another replica of the service that exited, and how
	remedies  []string
	withheld  []string
	why       string // of the last withheld
	escalated bool
}

// tell reads the journal for what concerns the struck service.
func tell(f facts) story {
	s := story{injected: f.injected}
	for _, entry := range f.entries {
		if entry.At.Boot >= f.injected {
			s.take(f, entry)
		}
	}
	return s
}

func (s *story) take(f facts, entry event.Entry) {
	at := entry.At.Boot
	switch b := entry.Body.(type) {
	case holdfast.Ejected:
		if b.ID != f.victim.ID {
			return
		}
		first(&s.ejected, at)
	case event.Detected:
		if b.ID.Service != f.service.Name {
			return
		}
		first(&s.detected, at)
		s.restored = 0 // whole, and broken again
	case event.Decided:
		if b.Mode != f.mode.Name {
			return
		}
		s.remedies = append(s.remedies, string(b.Do))
		s.decided = at
	case holdfast.Started:
		if b.ID.Name() != f.victim.ID.Name() || b.ID == f.victim.ID {
			return // struck, it is only told again by an agent that woke up
		}
		s.started, s.last, s.unstarted = at, b.ID, ""
	case holdfast.NotStarted:
		if b.ID.Name() != f.victim.ID.Name() {
			return
		}
		s.unstarted = b.Reason
	case holdfast.Exited:
		if b.ID.Service != f.service.Name || b.ID == f.victim.ID {
			return // of the struck one the witness's word and the detection say it
		}
		if b.ID.Name() == f.victim.ID.Name() {
			s.exits++
		} else {
			s.others = fmt.Sprintf("%s, which nobody struck, ended too: %s", b.ID, b.Status)
		}
	case holdfast.Admitted:
		if b.ID.Service != f.service.Name {
			return
		}
		if b.ID == s.last {
			s.admitted = at
		}
	case event.Withheld:
		if b.Mode != f.mode.Name {
			return
		}
		s.withheld = append(s.withheld, string(b.Guardrail))
		s.why = b.Why
	case event.Escalated:
		if b.Mode != f.mode.Name {
			return
		}
		s.escalated = true
	case event.Restored:
		if b.ID.Service != f.service.Name {
			return
		}
		s.restored = at
	default:
		return
	}
	s.entries = append(s.entries, entry)
}

func first(at *time.Duration, now time.Duration) {
	if *at == 0 {
		*at = now
	}
}

// since is the time from the injection to an instant of the story, nil for one
// that never came.
func (s story) since(at time.Duration) *report.Millis {
	if at == 0 {
		return nil
	}
	return since(s.injected, at)
}

// whyNot says why the service never was whole again: how far it came, what
// forbade to go on, and what else went wrong.
func (s story) whyNot(f facts) string {
	if len(f.mode.Remedies) == 0 {
		return "no remedy is declared for " + string(f.mode.Name)
	}
	var reasons []string
	for _, reason := range []string{s.stuck(f), s.forbidden(), s.others, f.diagnose} {
		if reason != "" {
			reasons = append(reasons, reason)
		}
	}
	return strings.Join(reasons, "; ")
}

// stuck says how far the struck replica came on its way back.
func (s story) stuck(f facts) string {
	name := f.victim.ID.Name()
	switch {
	case s.exits > 0:
		return fmt.Sprintf("%s was started again and exited, %s", name, times(s.exits))
	case s.unstarted != "":
		return fmt.Sprintf("%s could not be started: %s", name, s.unstarted)
	case s.decided == 0 && len(s.withheld) > 0:
		return ""
	case s.decided == 0:
		return "nothing was done about it"
	case s.started < s.decided:
		return "the restart was decided and nothing was started"
	default:
		return fmt.Sprintf("%s was started after %s and did not get ready", s.last, event.Short(s.started-s.injected))
	}
}

// forbidden says which guardrail had the last word.
func (s story) forbidden() string {
	if len(s.withheld) == 0 {
		return ""
	}
	return fmt.Sprintf("restart withheld by %s: %s", s.withheld[len(s.withheld)-1], s.why)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// slowest names the step that took most of the way to a whole service.
func (s story) slowest() string {
	type step struct {
		text string
		took time.Duration
	}
	steps := []step{
		{text: "until it was noticed", took: s.detected - s.injected},
		{text: "before the attempt", took: s.decided - s.detected},
		{text: "until " + s.last.String() + " was started", took: s.started - s.decided},
		{text: "from the start of " + s.last.String() + " to its first good answer", took: s.admitted - s.started},
	}
	worst := steps[0]
	for _, next := range steps[1:] {
		if next.took > worst.took {
			worst = next
		}
	}
	return fmt.Sprintf("%s of it passed %s", event.Short(worst.took), worst.text)
}

// lines is the story as a timeline counted from the injection. What does not fit
// into a number of lines is left out of its middle: how it began says what was
// done, how it ended says what came of it.
func (s story) lines(limit int) []string {
	lines := []string{"     0s  fault injected"}
	for _, entry := range s.entries {
		lines = append(lines, fmt.Sprintf("%7s  %s", event.Short(entry.At.Boot-s.injected), event.Text(entry.Body)))
	}
	if over := len(lines) - limit; over > 0 {
		head := limit / 2
		left := fmt.Sprintf("         … %d more …", over+1)
		lines = slices.Concat(lines[:head], []string{left}, lines[head+over+1:])
	}
	return lines
}
