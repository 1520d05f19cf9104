package report

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"holdfast"
)

// A trial is a drill with a name that no other of its run has.
type trial struct {
	Drill
	Name string
}

// trials names drills by their mode; where a mode was drilled with several
// faults, by the fault too; and where that was done several times, by a number.
// A verdict that nobody here knows decides nothing.
func trials(drills []Drill) []trial {
	type way struct {
		mode  holdfast.ModeName
		fault holdfast.FaultName
	}
	times, faults := map[way]int{}, map[holdfast.ModeName]int{}
	for _, d := range drills {
		w := way{mode: d.Mode, fault: d.Fault}
		if times[w]++; times[w] == 1 {
			faults[d.Mode]++
		}
	}
	nth := map[way]int{}
	var named []trial
	for _, d := range drills {
		w, name := way{mode: d.Mode, fault: d.Fault}, string(d.Mode)
		nth[w]++
		if faults[d.Mode] > 1 && d.Fault != "" {
			name += " by " + string(d.Fault)
		}
		if times[w] > 1 {
			name += fmt.Sprintf(" #%d", nth[w])
		}
		if !slices.Contains(verdicts(), d.Verdict) {
			d.Verdict = holdfast.Invalid
		}
		named = append(named, trial{Drill: d, Name: name})
	}
	return named
}

// byFault names drills by their mode, and where a mode was drilled with several
// faults by the fault too.
func byFault(drills []Drill) func(Drill) string {
	first, several := map[holdfast.ModeName]holdfast.FaultName{}, map[holdfast.ModeName]bool{}
	for _, d := range drills {
		if fault, is := first[d.Mode]; is && fault != d.Fault {
			several[d.Mode] = true
		}
		first[d.Mode] = d.Fault
	}
	return func(d Drill) string {
		if several[d.Mode] && d.Fault != "" {
			return fmt.Sprintf("%s by %s", d.Mode, d.Fault)
		}
		return string(d.Mode)
	}
}

// verdicts are in the order in which a person wants to see them.
func verdicts() []holdfast.Verdict {
	return []holdfast.Verdict{holdfast.Fail, holdfast.Aborted, holdfast.Invalid, holdfast.Pass, holdfast.Skip}
}

// target is what a mode strikes, as its name says it: a service, an edge, or
// Holdfast.
func target(mode holdfast.ModeName) string {
	if dot := strings.LastIndexByte(string(mode), '.'); dot > 0 {
		return string(mode)[:dot]
	}
	return string(mode)
}

// lasted is how long a drill was watched; 0 where nothing says it.
func (d Drill) lasted() Millis {
	var from, to Millis
	if d.Marks.Began != nil {
		from = *d.Marks.Began
	}
	for _, at := range []*Millis{d.Detect, d.Mitigate, d.Restore, d.Marks.Ended} {
		if at != nil {
			to = max(to, *at)
		}
	}
	return max(to-from, 0)
}

// measured tells whether anything was; what could not be asked was not.
func (d Drill) measured() bool {
	return d.Verdict == holdfast.Fail || d.Sent > 0 || d.Contained != nil
}

// legible is a text that strangers had a hand in, for people to look at: what
// does not show itself, or turns round what stands beside it, is replaced by a
// mark that does. It has a bounded number of characters, and says how many were
// left out.
func legible(text string, most int) string {
	var out strings.Builder
	for at, r := range text { // what is not UTF-8 comes as U+FFFD
		if most--; most < 0 {
			fmt.Fprintf(&out, " … (%s more characters)", thousands(utf8.RuneCountInString(text[at:])))
			break
		}
		if hidden(r) {
			r = '\uFFFD'
		}
		out.WriteRune(r)
	}
	return out.String()
}

// hidden tells of control characters, of those that set the direction of a text,
// and of what no text may hold.
func hidden(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < 0x20 || r >= 0x7F && r <= 0x9F || r == '\uFFFE' || r == '\uFFFF':
		return true
	default:
		return r == '\u061C' || r >= '\u200B' && r <= '\u200F' || r >= '\u2028' && r <= '\u202E' || r >= '\u2060' && r <= '\u206F' || r == '\uFEFF'
	}
}
