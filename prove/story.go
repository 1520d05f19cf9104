package prove

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
)

// A story is what the copy's journal says about one fault, from its injection
// on. Instants are 0 where nothing of the kind was said.
type story struct {
	injected time.Duration
	undone   time.Duration // by us, where only we could
	entries  []event.Entry // of the struck service

	ejected, detected, decided, gone, started, admitted, restored time.Duration

	sign      holdfast.Sign                             // by which it was detected first
	out       map[holdfast.ReplicaName]holdfast.Ejected // of the struck service and its callers, who gets no requests, and why
	back      time.Duration                             // when the last of the struck service's came back
	harmed    []string                                  // living things that were ended though no remedy of the mode does that
	fell      map[holdfast.ReplicaName]holdfast.Ejected // callers of what was lost that ended or went out meanwhile
	mended    map[holdfast.ReplicaName]bool             // of a service whose edge is lost, for whom a remedy of its own was decided
	others    string                                    // another replica of the service that exited, and how
	remedies  []string
	withheld  []string
	why       string // of the last withheld
	escalated bool
	successors
}

// struckAgain tells whether a fault that strikes more than once struck this
// incarnation, too. The journal says so, perhaps after it says what came of it.
func (f facts) struckAgain(id holdfast.ReplicaID) bool {
	return slices.ContainsFunc(f.entries, func(entry event.Entry) bool {
		b, injected := entry.Body.(event.FaultInjected)
		return injected && b.ID == id && b.Mode == f.mode.Name && entry.At.Boot >= f.injected
	})
}

// Successors are the incarnations of the struck replica after the struck one.
type successors struct {
	wanted    holdfast.Incarnation // that a remedy is to bring
	last      holdfast.ReplicaID   // the one that was started last
	unstarted string               // why the last one could not be started; empty: it could
	exits     int                  // how many ended by themselves
	exited    holdfast.Exited      // the last of these
	failed    holdfast.Ejected     // the last that was left out again for what it answered
	gaveUp    string               // why one of them was given up before it was ready; empty: none was
}

// tell reads the journal for what concerns the struck service.
func tell(f facts) story {
	s := story{injected: f.injected, undone: f.undone, out: map[holdfast.ReplicaName]holdfast.Ejected{}, mended: map[holdfast.ReplicaName]bool{}, fell: map[holdfast.ReplicaName]holdfast.Ejected{}}
	for _, entry := range f.entries {
		if entry.At.Boot >= f.injected {
			s.take(f, entry)
		}
	}
	return s
}

// take follows an entry and, where it is a part of the story, keeps it.
func (s *story) take(f facts, entry event.Entry) {
	s.follow(f, entry)
	if f.tells(entry.Body) {
		s.note(f, entry)
		s.entries = append(s.entries, entry)
	}
}

// tells tells whether what the journal says is a part of the story.
func (f facts) tells(body event.Body) bool {
	switch b := body.(type) {
	case holdfast.Ejected:
		return f.struck(b.ID)
	case holdfast.Started:
		return b.ID.Name() == f.victim.ID.Name() && b.ID != f.victim.ID // struck, it is only told again by an agent that woke up
	case holdfast.NotStarted:
		return b.ID.Name() == f.victim.ID.Name()
	case holdfast.Exited:
		return b.ID.Service == f.service.Name && b.ID != f.victim.ID // of the struck one the witness's word and the detection say it
	case holdfast.Admitted:
		return b.ID.Service == f.service.Name
	case event.Detected:
		return f.about(b.Mode, b.ID)
	case event.Restored:
		return f.about(b.Mode, b.ID)
	case event.Decided:
		return b.Mode == f.mode.Name
	case event.Withheld:
		return b.Mode == f.mode.Name
	case event.Escalated:
		return b.Mode == f.mode.Name
	default:
		return false
	}
}

// about tells whether a word of the mind's is about what was drilled: by its
// mode, or by the struck service, whose failure may be taken for another.
func (f facts) about(mode holdfast.ModeName, id holdfast.ReplicaID) bool {
	return mode == f.mode.Name || id.Service == f.service.Name
}

// named tells whether a detection counts as that of what was drilled. An overload
// that is taken for a replica's own fault is not noticed but mistaken: what is done
// about that takes capacity away.
func (f facts) named(mode holdfast.ModeName) bool {
	return f.victim.Flood == nil || mode == f.mode.Name
}

// note takes over what a part of the story says.
func (s *story) note(f facts, entry event.Entry) {
	at := entry.At.Boot
	switch b := entry.Body.(type) {
	case holdfast.Ejected:
		first(&s.ejected, at)
	case event.Detected:
		if s.detected == 0 && f.named(b.Mode) {
			s.detected, s.sign = at, b.Sign
		}
		s.restored = 0 // whole, and broken again
		if b.ID != f.victim.ID && strings.HasPrefix(b.Detail, "not ready ") {
			s.gaveUp = b.Detail
		}
	case event.Decided:
		if b.Do != event.ActCapture { // evidence mends nothing
			s.remedies, s.decided = append(s.remedies, string(b.Do)), at
			s.wanted = b.ID.Incarnation
		}
	case holdfast.Started:
		s.started, s.last, s.unstarted = at, b.ID, ""
	case holdfast.NotStarted:
		s.unstarted = b.Reason
	case holdfast.Exited:
		if b.ID.Name() == f.victim.ID.Name() {
			if b.ID.Incarnation < s.wanted || f.struckAgain(b.ID) {
				return // a remedy ended it, or we did
			}
			s.exits, s.exited = s.exits+1, b
		} else {
			s.others = fmt.Sprintf("%s, which nobody struck, ended too: %s", b.ID, b.Status)
		}
	case holdfast.Admitted:
		if b.ID == s.last && s.admitted < s.started { // the first time of perhaps many
			s.admitted = at
		}
	case event.Withheld:
		s.withheld, s.why = append(s.withheld, string(b.Guardrail)), b.Why
	case event.Escalated:
		s.escalated = true
	case event.Restored:
		s.restored = at
	}
}

// struck tells whether a fault's victim is this incarnation: itself, or one of
// the service that was struck as a whole.
func (f facts) struck(id holdfast.ReplicaID) bool {
	if f.victim.ID.Ordinal == 0 {
		return id.Service == f.service.Name
	}
	return id == f.victim.ID
}

// follow keeps who of those concerned gets no requests, and what was done to the
// living that no remedy of the mode does. What a remedy can end may be ended.
func (s *story) follow(f facts, entry event.Entry) {
	switch b := entry.Body.(type) {
	case holdfast.Ejected:
		if f.concerns(b.ID.Service) && !b.Kept {
			s.out[b.ID.Name()] = b
			s.fall(f, b)
			if b.ID == s.last && b.Sign == holdfast.SignErrors {
				s.failed = b
			}
		}
	case event.Decided:
		if f.loss != nil && b.ID.Service == f.service.Name && b.Do != event.ActCapture {
			s.mended[b.ID.Name()] = true
		}
	case holdfast.Exited:
		if !f.concerns(b.ID.Service) {
			return
		}
		s.out[b.ID.Name()] = ended(b)
		s.fall(f, ended(b))
		if b.ID == f.victim.ID && s.decided != 0 && s.sign != holdfast.SignExit {
			s.gone = entry.At.Boot // ended by the remedy, and not by the fault
		}
		if f.byUndo && !s.mended[b.ID.Name()] {
			s.harmed = append(s.harmed, fmt.Sprintf("%s %s (%s)", b.ID, how(b.Status), b.Status))
		}
	case holdfast.Admitted:
		if _, was := s.out[b.ID.Name()]; !was {
			return
		}
		delete(s.out, b.ID.Name())
		if b.ID.Service == f.service.Name {
			s.back = entry.At.Boot
		}
	}
}

// how tells an end that a process came to by itself from one that a signal made.
func how(status holdfast.ExitStatus) string {
	if status.Signal == "" && !status.Unknown {
		return "ended by itself"
	}
	return "was ended"
}

// fall keeps that a caller of what was lost ended, or went out.
func (s *story) fall(f facts, e holdfast.Ejected) {
	if e.ID.Service != f.service.Name {
		s.fell[e.ID.Name()] = e
	}
}

// outOfCallers are the callers that ended, or are out at the end.
func (s story) outOfCallers(f facts) []holdfast.Ejected {
	var all []holdfast.Ejected
	for _, name := range slices.Sorted(maps.Keys(s.fell)) {
		_, out := s.out[name]
		if e := s.fell[name]; out || e.Sign == holdfast.SignExit {
			all = append(all, e)
		}
	}
	return all
}

// ended is an exit as the reason why a replica gets no requests.
func ended(b holdfast.Exited) holdfast.Ejected {
	return holdfast.Ejected{ID: b.ID, Sign: holdfast.SignExit, Detail: b.Status.String()}
}

// concerns tells whether a drill is about a service: the struck one and, of an
// edge, those that need it.
func (f facts) concerns(service holdfast.ServiceName) bool {
	return service == f.service.Name || f.loss != nil && slices.Contains(f.loss.callers, service)
}

// outOf are the replicas of a service that get no requests at the end, and why.
func (s story) outOf(service holdfast.ServiceName) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(s.out)) {
		if e := s.out[name]; e.ID.Service == service {
			out = append(out, e.ID.String()+" is out "+by(e))
		}
	}
	return out
}

// by says why a replica gets no requests.
func by(e holdfast.Ejected) string {
	return strings.TrimSuffix(fmt.Sprintf("by %s: %s", e.Sign, e.Detail), ": ")
}

// backAfter is when every replica of the struck service was used again, an
// instant at the earliest, if all are.
func (s story) backAfter(f facts, from time.Duration) (time.Duration, bool) {
	return max(s.back, from), len(s.outOf(f.service.Name)) == 0
}

// stillOut says why a service is not whole although the fault is gone.
func (s story) stillOut(f facts) string {
	reasons := s.outOf(f.service.Name)
	if f.diagnose != "" {
		reasons = append(reasons, f.diagnose)
	}
	return strings.Join(reasons, "; ")
}

// harm says what was done to the living that no remedy of the mode does, and who
// was lastingly blamed for what another lost.
func (s story) harm(f facts) string {
	harmed := slices.Clone(s.harmed)
	if f.loss != nil {
		for _, caller := range f.loss.callers {
			harmed = append(harmed, s.outOf(caller)...)
		}
	}
	if len(harmed) == 0 {
		return ""
	}
	return strings.Join(harmed, ", ") + ", and no remedy of " + string(f.mode.Name) + " does that"
}

func first(at *time.Duration, now time.Duration) {
	if *at == 0 {
		*at = now
	}
}

// whyNot says why the service never was whole again: how far it came, what
// forbade to go on, and what else went wrong.
func (s story) whyNot(f facts) string {
	if len(f.mode.Remedies) == 0 {
		return "no remedy is declared for " + string(f.mode.Name)
	}
	return strings.Join(said(s.stuck(f), s.forbidden(), s.others, f.diagnose), "; ")
}

// stuck says how far the struck replica came on its way back.
func (s story) stuck(f facts) string {
	name := f.victim.ID.Name()
	switch {
	case s.exits > 0:
		return fmt.Sprintf("%s was started again and exited, %s, the last time with %s", name, times(s.exits), s.exited.Status) + s.lastWords(f)
	case s.unstarted != "":
		return fmt.Sprintf("%s could not be started: %s", name, s.unstarted)
	case s.decided == 0 && len(s.withheld) > 0:
		return ""
	case s.decided == 0:
		return "nothing was done about it"
	case s.started < s.decided:
		return "the restart was decided and nothing was started"
	case s.admitted >= s.started:
		return s.notForLong(f)
	default:
		return fmt.Sprintf("%s was started after %s and did not get ready", s.last, event.Short(s.started-s.injected))
	}
}

// notForLong says what became of one that was in use again, unless it is another
// that was not.
func (s story) notForLong(f facts) string {
	e, out := s.out[f.victim.ID.Name()]
	text := fmt.Sprintf("%s was in use after %s", s.last, event.Short(s.admitted-s.injected))
	switch {
	case out && e.ID == s.last:
		return text + " and is out again " + by(e)
	case s.failed.ID == s.last:
		return text + " and was out again " + by(s.failed)
	case s.others != "" || f.diagnose != "":
		return "" // which says more
	default:
		return text + ", and not all of " + string(f.service.Name) + " were whole at once"
	}
}

// lastWords are what an incarnation that ended by itself printed last.
func (s story) lastWords(f facts) string {
	if f.diagnose != "" {
		return "" // which quotes them
	}
	if line := f.lastLine(s.exited.ID, s.started, f.ended); line != "" {
		return fmt.Sprintf("; it last printed %q", line)
	}
	return ""
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

// lines are the story as evidence.
func (s story) lines(limit int) []string {
	return timeline(s.entries, s.injected, s.undone, "fault injected", "fault taken away", limit)
}

// timeline is what the journal says, counted from the injection, with the words
// for what was done then and, unless it is 0, at the undo. How it began says what
// was done, how it ended says what came of it; the rest is left out where it is
// too long.
func timeline(entries []event.Entry, injected, undone time.Duration, broke, mended string, limit int) []string {
	at := func(instant time.Duration, text string) string {
		return fmt.Sprintf("%7s  %s", event.Short(instant-injected), text)
	}
	lines := []string{at(injected, broke)}
	for _, entry := range entries {
		if undone != 0 && entry.At.Boot >= undone {
			lines, undone = append(lines, at(undone, mended)), 0
		}
		lines = append(lines, at(entry.At.Boot, event.Text(entry.Body)))
	}
	if undone != 0 {
		lines = append(lines, at(undone, mended))
	}
	return elide(lines, limit)
}

// elide leaves lines out of the middle, unless all of them fit into a number.
func elide(lines []string, limit int) []string {
	over := len(lines) - limit
	if over <= 0 {
		return lines
	}
	head := limit / 2
	left := fmt.Sprintf("         … %d more …", over+1)
	return slices.Concat(lines[:head], []string{left}, lines[head+over+1:])
}
