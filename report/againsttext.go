package report

import (
	"fmt"
	"strings"
	"unicode"

	"holdfast"
	"holdfast/diagnostic"
)

// AgainstText is a comparison as a terminal shows it: a line per mode that
// changed with its figures, what users saw and whose it is under it, and a line
// that counts.
func AgainstText(a *Against, paint Paint) string {
	var out strings.Builder
	fmt.Fprintf(&out, "against  %s\n", a.earlier())
	for _, caution := range a.Cautions {
		fmt.Fprintf(&out, "         caution: %s\n", plain(caution))
	}
	for _, d := range a.Deltas {
		if d.tells() {
			out.WriteString(a.deltaLines(d, paint))
		}
	}
	if n := a.leftOut(); n > 0 {
		fmt.Fprintf(&out, "%s  %s left out of one of the runs\n", paint.word("UNKNOWN", "2"), diagnostic.Count(n, "drill")+diagnostic.Agree(n, " was", " were"))
	}
	for _, d := range a.failAsBefore() {
		fmt.Fprintf(&out, "%s  %s  fails as it did before\n", paint.word("same", ""), a.called(d))
	}
	fmt.Fprintf(&out, "%s  %s\n", a.sumWord(paint), a.sum())
	return out.String()
}

// earlier is the run that it is compared with.
func (a *Against) earlier() string {
	text := plain(a.Name)
	if a.ID != "" && string(a.ID) != a.Name {
		text += ", run " + string(a.ID)
	}
	if !a.At.IsZero() {
		text += a.At.UTC().Format(" of 2 Jan 2006 15:04 UTC")
	}
	return text + ": " + string(a.Verdict)
}

func (a *Against) deltaLines(d Delta, paint Paint) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s  %s  %s\n", paint.word(d.word(), d.colour()), a.called(d), plain(d.says()))
	for _, line := range d.lines() {
		fmt.Fprintf(&out, "         %s\n", plain(line))
	}
	return out.String()
}

// tells leaves out what is the same, and what one run did not drill on purpose:
// of a run within a budget that is most.
func (d Delta) tells() bool { return d.What != Same && !d.left() }

func (d Delta) left() bool {
	skipped := func(s *Side) bool { return s != nil && s.Verdict == holdfast.Skip }
	return d.What == Unknown && !d.Broken && (skipped(d.Before) || skipped(d.After))
}

// leftOut is how many modes one of the runs left out: a SKIP.
func (a *Against) leftOut() int {
	n := 0
	for _, d := range a.Deltas {
		if d.left() {
			n++
		}
	}
	return n
}

// word is what became of a mode, in capitals: a bound that broke is more than
// worse.
func (d Delta) word() string {
	switch {
	case d.Broken && d.What == Worse:
		return "BROKEN"
	case d.What == Unknown:
		return "UNKNOWN"
	default:
		return strings.ToUpper(string(d.What))
	}
}

func (d Delta) colour() string {
	switch {
	case d.Broken || d.What == Worse:
		return "31"
	case d.What == Unknown:
		return "33"
	case d.What == Better:
		return "32"
	default:
		return "2"
	}
}

// word is a word in the column of verdicts.
func (p Paint) word(text, colour string) string {
	text = fmt.Sprintf("%-7s", text)
	if !p || colour == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func (a *Against) sumWord(paint Paint) string {
	if len(a.Deltas) > 0 && (a.Deltas[0].Broken || a.Deltas[0].What == Worse) {
		return paint.word("changed", "31")
	}
	return paint.word("held", "32")
}

// called is a mode's name, with its fault where it is drilled by several.
func (a *Against) called(d Delta) string {
	for _, other := range a.Deltas {
		if other.Mode == d.Mode && other.Fault != d.Fault && d.Fault != "" {
			return fmt.Sprintf("%s by %s", d.Mode, d.Fault)
		}
	}
	return string(d.Mode)
}

// says is what changed in one line: "restore 640ms → 12.4s ≤15s, because getting
// ready now takes 12.1s (was 300ms)".
func (d Delta) says() string {
	var parts []string
	for _, s := range d.Shifts {
		parts = append(parts, s.String())
	}
	text := strings.Join(parts, "; ")
	switch {
	case d.Why != "":
		text = "cannot be compared: " + d.Why
	case d.What == Appeared:
		text = fmt.Sprintf("was not drilled before: %s", d.After.Verdict)
	case d.What == Vanished:
		text = fmt.Sprintf("is not drilled any more; it was %s", d.Before.Verdict)
	}
	if d.Because != "" {
		text += ", because " + d.Because
	}
	return text
}

// lines are what else belongs to a delta, each a sentence.
func (d Delta) lines() []string {
	var lines []string
	for _, s := range d.Shifts {
		if !s.Broken && s.Figure != FigureVerdict {
			lines = append(lines, fmt.Sprintf("%s is no noise: %s", s.Figure, s.Sure))
		}
	}
	if d.Users != "" {
		lines = append(lines, "users: "+d.Users)
	}
	lines = append(lines, d.Notes...)
	if d.Owner != "" {
		lines = append(lines, "owner: "+string(d.Owner))
	}
	return lines
}

// String is a figure before and after, and its bound.
func (s Shift) String() string {
	switch {
	case s.Figure == FigureVerdict:
		return fmt.Sprintf("%s → %s: %s", s.Before.Text, s.After.Text, s.Sure)
	case s.Figure == FigureCalls:
		return fmt.Sprintf("%s → %s", s.Before.Text, s.After.Text)
	default:
		return strings.TrimSpace(fmt.Sprintf("%s %s → %s %s", s.Figure, s.Before.Text, s.After.Text, s.After.Bound))
	}
}

// Headline is a delta as one sentence for whoever reads nothing else:
// "catalog.crash: restore 640ms → 12.4s ≤15s since main, because getting ready
// now takes 12.1s (was 300ms); 61 POST storefront/cart failed; owner cart".
func (a *Against) Headline(d Delta) string {
	alone := d
	alone.Because = ""
	text := fmt.Sprintf("%s: %s since %s", a.called(d), alone.says(), a.Name)
	if d.Because != "" {
		text += ", because " + d.Because
	}
	if d.Users != "" {
		users, _, _ := strings.Cut(d.Users, "; the first: ")
		text += "; " + users
	}
	if d.Owner != "" {
		text += "; owner " + string(d.Owner)
	}
	return plain(text)
}

// count is how many deltas are of a kind; what broke is counted with what got
// worse.
func (a *Against) count(what What) int {
	n := 0
	for _, d := range a.Deltas {
		if d.What == what {
			n++
		}
	}
	return n
}

// broke is how many break a bound that the earlier run does not show as broken.
func (a *Against) broke() int {
	n := 0
	for _, d := range a.Deltas {
		if d.Broken {
			n++
		}
	}
	return n
}

// failAsBefore are the modes that fail now, and failed before.
func (a *Against) failAsBefore() []Delta {
	var all []Delta
	for _, d := range a.Deltas {
		if d.What == Same && d.After.Verdict == holdfast.Fail {
			all = append(all, d)
		}
	}
	return all
}

// sum counts everything in one sentence.
func (a *Against) sum() string {
	var parts []string
	if n := a.count(Worse); n > 0 {
		parts = append(parts, fmt.Sprintf("%d worse", n))
	}
	if n := a.broke(); n > 0 {
		parts = append(parts, fmt.Sprintf("%d with a bound newly broken", n))
	}
	for _, what := range []What{Better, Appeared, Vanished, Unknown} {
		if n := a.count(what); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	return strings.Join(append(parts, fmt.Sprintf("%d the same", a.count(Same))), ", ") + ", since " + plain(a.Name)
}

// plain is text of strangers on one line, without what moves a cursor or turns
// text around.
func plain(text string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n' || c == '\t' || c == '\r':
			return ' '
		case unicode.IsControl(c) || unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp):
			return -1
		default:
			return c
		}
	}, text)
}
