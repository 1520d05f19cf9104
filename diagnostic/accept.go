package diagnostic

import (
	"fmt"
	"slices"
	"time"
)

// The codes of acceptances, whatever kind of file they stand in.
const (
	ended        Code = "HF1301"
	acceptsNone  Code = "HF1302"
	unacceptable Code = "HF1303"
)

// AcceptanceCodes lists what can be wrong with an acceptance.
func AcceptanceCodes() []Meaning {
	return []Meaning{
		{Code: ended, Severity: Error, Title: "an acceptance has ended"},
		{Code: acceptsNone, Severity: Warning, Title: "an acceptance accepts nothing"},
		{Code: unacceptable, Severity: Error, Title: "an acceptance of what cannot be accepted"},
	}
}

const (
	day = 24 * time.Hour
	// longestAcceptance is a year, even a leap year. What is accepted for longer is
	// meant for ever, and outlives the one who signed it.
	longestAcceptance = 366 * day
	// endsSoon is when an acceptance is spoken of: two weeks are enough to mend
	// most things, or to find out who still wants them as they are.
	endsSoon = 14 * day
)

// A Judgement is a review once what was accepted is taken out of it.
type Judgement struct {
	Problems []Problem    // that count, in the order of the text; those of the acceptances themselves among them
	Accepted []Accepted   // that do not, in the order of the text
	Ending   []Acceptance // that accept something and end within two weeks, the first to end first
	Today    time.Time    // when that is so
}

// An Accepted problem, and who has accepted it.
type Accepted struct {
	Problem Problem    `json:"problem"`
	By      Acceptance `json:"by"`
}

// Accept takes out of a review what its acceptances accept. An acceptance that
// has ended accepts nothing and is an error, so that what it hid comes back
// together with who hid it and why; one that accepts nothing any more is a
// warning.
//
// An acceptance is of one code and one thing. There are no wild cards: whoever
// accepts every single point of failure accepts those that the next change adds,
// which nobody has looked at and nobody has signed. Nor can it be accepted that a
// file is not understood. known are the codes of all findings.
func Accept(review Review, today time.Time, known []Meaning) Judgement {
	a := acceptor{
		Judgement: Judgement{Today: today.UTC().Truncate(day)},
		known:     known, usable: review.Usable(), reported: map[Code][]string{}, holds: map[subject]Acceptance{},
	}
	for _, p := range review.Problems {
		a.reported[p.Code] = append(a.reported[p.Code], p.Of)
	}
	for _, by := range review.Accepted {
		a.weigh(by)
	}
	for _, p := range review.Problems {
		a.settle(p)
	}
	Sort(a.Problems)
	slices.SortStableFunc(a.Ending, func(x, y Acceptance) int { return x.Until.Compare(y.Until) })
	return a.Judgement
}

// A subject is what a problem and its acceptance have in common.
type subject struct {
	code Code
	of   string
}

type acceptor struct {
	Judgement
	known    []Meaning
	usable   bool              // everything was looked for
	reported map[Code][]string // of what each code is
	holds    map[subject]Acceptance
}

// weigh says what is wrong with an acceptance, or lets it hold. Of two for one
// thing, which is how one is renewed, the later one counts.
func (a *acceptor) weigh(by Acceptance) {
	idle := a.usable && !slices.Contains(a.reported[by.Code], by.Of)
	switch wrong, refused := a.refusal(by); {
	case refused:
		a.report(by, wrong)
	case idle:
		a.report(by, a.idle(by))
	case by.Until.Before(a.Today):
		a.report(by, Problem{
			Code: ended, Message: by.what() + " was accepted until " + by.Until.Format(time.DateOnly), Label: "ended " + daysText(a.Today.Sub(by.Until)) + " ago",
			Note: by.Owner + " accepted it: " + by.Reason,
			Help: "mend it and remove this; or, if it may stay, let its owner sign a later day",
		})
	default:
		of := subject{code: by.Code, of: by.Of}
		if other, twice := a.holds[of]; !twice || other.Until.Before(by.Until) {
			a.holds[of] = by
		}
	}
}

func (a *acceptor) report(by Acceptance, p Problem) {
	p.Severity, p.File, p.Place = SeverityOf(p.Code, AcceptanceCodes()), by.File, by.Place
	a.Problems = append(a.Problems, p)
}

// refusal is why something cannot be accepted at all, or not for so long.
func (a *acceptor) refusal(by Acceptance) (Problem, bool) {
	i := slices.IndexFunc(a.known, func(m Meaning) bool { return m.Code == by.Code })
	last := a.Today.Add(longestAcceptance)
	why, help := "", "mend it, and remove this"
	switch {
	case i < 0:
		why, help = "no problem has the code "+Tick(string(by.Code)), DidYouMean("", Nearest(string(by.Code), codesOf(a.known)), "holdfast explain lists all codes")
	case by.Code.ofText():
		why = string(by.Code) + " is about how the file is written, which cannot be accepted"
	case by.Code.ofAcceptance():
		why = string(by.Code) + " is about an acceptance, and cannot be accepted itself"
	case by.Code.ofReading() && a.known[i].Severity == Error:
		why = string(by.Code) + " cannot be accepted: the file cannot be used until it is mended"
	case by.Until.After(last):
		why, help = by.what()+" is accepted for more than a year", "write a day up to "+last.Format(time.DateOnly)+", and look at it again then"
	}
	return Problem{Code: unacceptable, Message: why, Help: help}, why != ""
}

// idle is an acceptance of what is not there, because it was mended or because
// it is of something else.
func (a *acceptor) idle(by Acceptance) Problem {
	p := Problem{Code: acceptsNone, Message: by.what() + " is accepted and not there", Help: "if it was mended, remove this"}
	others := slices.DeleteFunc(slices.Clone(a.reported[by.Code]), func(of string) bool { return of == "" })
	switch near := Nearest(by.Of, others); {
	case len(others) == 0 && len(a.reported[by.Code]) > 0:
		p.Help = "remove `of`: " + string(by.Code) + " is reported of the whole"
	case near != "":
		p.Help = DidYouMean("of: ", near, "")
	case len(others) > 0:
		p.Help += "; " + string(by.Code) + " is reported of " + Ticks(others)
	}
	return p
}

// settle puts a problem where it belongs.
func (a *acceptor) settle(p Problem) {
	by, holds := a.holds[subject{code: p.Code, of: p.Of}]
	if !holds {
		a.Problems = append(a.Problems, p)
		return
	}
	a.Accepted = append(a.Accepted, Accepted{Problem: p, By: by})
	if by.Until.Sub(a.Today) <= endsSoon && !slices.Contains(a.Ending, by) {
		a.Ending = append(a.Ending, by)
	}
}

// mostEnding acceptances are named one by one.
const mostEnding = 3

// Summary says what was accepted, a line each.
func (j Judgement) Summary() []string {
	if len(j.Accepted) == 0 {
		return nil
	}
	first := slices.MinFunc(j.Accepted, func(x, y Accepted) int { return x.By.Until.Compare(y.By.Until) }).By
	lines := []string{fmt.Sprintf("%d accepted, the first until %s: %s", len(j.Accepted), first.Until.Format(time.DateOnly), first.what())}
	for i, ending := range j.Ending {
		if i == mostEnding {
			return append(lines, fmt.Sprintf("and %d more within %s", len(j.Ending)-i, daysText(endsSoon)))
		}
		lines = append(lines, fmt.Sprintf("%s counts again in %s: %s accepted it (%s)", ending.what(), daysText(ending.Until.Sub(j.Today)+day), Shown(ending.Owner), Shown(ending.Reason)))
	}
	return lines
}

// what an acceptance is of: "HF2101 of cart".
func (a Acceptance) what() string {
	if a.Of == "" {
		return string(a.Code)
	}
	return string(a.Code) + " of " + Shown(a.Of)
}

func daysText(d time.Duration) string {
	if d < 2*day {
		return "1 day"
	}
	return fmt.Sprintf("%d days", d/day)
}

func codesOf(meanings []Meaning) []Code {
	all := make([]Code, len(meanings))
	for i, m := range meanings {
		all[i] = m.Code
	}
	return all
}

// What the digits of a code say.
func (c Code) ofText() bool       { return c < "HF12" }
func (c Code) ofAcceptance() bool { return c >= "HF13" && c < "HF14" }

// ofReading says that an error of this code keeps the file from being used:
// those of our own file, and what Compose refuses in its.
func (c Code) ofReading() bool { return c < "HF2" || c >= "HF310" && c < "HF311" }
