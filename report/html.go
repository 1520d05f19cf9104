package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"holdfast"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

// How much of a run a page shows. Of what is left out it says how much that was;
// the document of prove --json has all of it.
const (
	mostDrills   = 300 // those that did not pass first
	mostName     = 120
	mostSaid     = 2000 // of a reason
	mostBody     = 600  // of a failed answer
	mostMoments  = 60   // of a timeline; half of that where the drill passed
	mostMoment   = 240
	mostEvidence = 20
	mostSteps    = 30
	mostHelp     = 8
	mostChanges  = 200
	deepest      = 6 // steps of indentation
)

// HTML writes a run as one page that needs nothing but itself. Everything that a
// service, a log or a file could have had a hand in is text there and never
// markup; that nothing is fetched, and no script runs but the page's own, the
// page's policy says once more.
func HTML(w io.Writer, run Run) error {
	written, err := template.New("page").Parse(pageText)
	if err != nil {
		return fmt.Errorf("read the page's template: %w", err)
	}
	if err := written.Execute(w, pageOf(run)); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// A page is a run as it is laid out.
type page struct {
	Policy   string
	Style    template.CSS
	Script   template.JS
	System   string
	Verdict  holdfast.Verdict
	Headline string
	Reason   string
	Worst    []link // what does not hold, to go there
	Facts    []fact
	Against  *changes
	Rows     []row
	Filters  []filter
	Chapters []chapter
	Skipped  []row
	LeftOut  string
}

// A fact is something about the whole run, or a whole drill.
type fact struct{ Name, Value string }

// A link leads to a drill.
type link struct{ ID, Name string }

// A filter shows the drills of one verdict only.
type filter struct {
	Verdict holdfast.Verdict
	Count   int
}

// A chapter is the drills that have their verdict in common.
type chapter struct {
	Title   string
	Verdict holdfast.Verdict
	Drills  []section
}

func pageOf(run Run) page {
	kept, left := fit(trials(run.Drills))
	p := page{
		Policy: policy(), Style: template.CSS(pageStyle), Script: template.JS(pageScript),
		System: legible(string(run.System), mostName), Verdict: run.Verdict, Headline: headline(run), Reason: legible(run.Reason, mostSaid),
		Facts: factsOf(run), Against: changesOf(run.Against), LeftOut: left,
	}
	counts := map[holdfast.Verdict]int{}
	var sections []section
	for i, t := range kept {
		s := sectionOf(run, t, fmt.Sprintf("drill-%d", i+1))
		sections, p.Rows = append(sections, s), append(p.Rows, s.Row)
		if counts[t.Verdict]++; t.Verdict == holdfast.Skip {
			p.Skipped = append(p.Skipped, s.Row)
		}
		if (t.Verdict == holdfast.Fail || t.Verdict == holdfast.Aborted) && len(p.Worst) < 8 {
			p.Worst = append(p.Worst, link{ID: s.Row.ID, Name: s.Row.Name})
		}
	}
	for _, verdict := range verdicts() {
		if n := counts[verdict]; n > 0 {
			p.Filters = append(p.Filters, filter{Verdict: verdict, Count: n})
		}
	}
	p.Chapters = chapters(sections)
	return p
}

// policy lets the page's own style and script run, by what they say, and nothing
// else: no image, font, frame, form or request, wherever it would come from.
func policy() string {
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return fmt.Sprintf("default-src 'none'; style-src %s; script-src %s; base-uri 'none'; form-action 'none'", hash(pageStyle), hash(pageScript))
}

// fit keeps as many drills as a page holds, in their order: those that passed are
// left out first.
func fit(all []trial) (kept []trial, left string) {
	over := len(all) - mostDrills
	if over <= 0 {
		return all, ""
	}
	var dropped []holdfast.Verdict
	drop := make([]bool, len(all))
	for _, verdict := range []holdfast.Verdict{holdfast.Pass, holdfast.Skip, holdfast.Invalid, holdfast.Fail, holdfast.Aborted} {
		for i := len(all) - 1; i >= 0 && over > 0; i-- {
			if all[i].Verdict == verdict {
				drop[i] = true
				dropped = append(dropped, verdict)
				over--
			}
		}
	}
	for i, t := range all {
		if !drop[i] {
			kept = append(kept, t)
		}
	}
	return kept, fmt.Sprintf("This page holds %d drills. Left out: %s. The document of prove --json has all of them.", mostDrills, Counted(dropped))
}

// chapters sort drills by what became of them; what is neither held, nor broken,
// nor ended, nor left out, was not decided.
func chapters(all []section) []chapter {
	var out []chapter
	for _, verdict := range []holdfast.Verdict{holdfast.Fail, holdfast.Aborted, holdfast.Invalid, holdfast.Pass} {
		next := chapter{Verdict: verdict, Title: map[holdfast.Verdict]string{
			holdfast.Fail: "What does not behave as promised", holdfast.Aborted: "What was ended before its end",
			holdfast.Invalid: "What could not be decided", holdfast.Pass: "What behaves as promised",
		}[verdict]}
		for _, s := range all {
			if s.Row.Verdict == verdict {
				next.Drills = append(next.Drills, s)
			}
		}
		if len(next.Drills) > 0 {
			out = append(out, next)
		}
	}
	return out
}

// headline is a run in one sentence, or two: of the failure modes that were
// drilled, how many behave as promised. A mode that was drilled several times
// counts once, with the worst of its verdicts; what was left out of it says nothing
// of the rest.
func headline(run Run) string {
	byMode := map[holdfast.ModeName][]holdfast.Verdict{}
	for _, d := range run.Drills {
		byMode[d.Mode] = append(byMode[d.Mode], d.Verdict)
	}
	counts := map[holdfast.Verdict]int{}
	for _, of := range byMode {
		counts[Worst(made(of))]++
	}
	drilled := len(byMode) - counts[holdfast.Skip]
	if drilled == 0 {
		return "Nothing was drilled."
	}
	text := fmt.Sprintf("%s of %s behave%s as promised", thousands(counts[holdfast.Pass]), modes(drilled), one(counts[holdfast.Pass], "s", ""))
	var but []string
	if n := counts[holdfast.Fail]; n > 0 {
		but = append(but, fmt.Sprintf("%s do%s not", thousands(n), one(n, "es", "")))
	}
	if n := counts[holdfast.Aborted]; n > 0 {
		but = append(but, fmt.Sprintf("%s w%s ended before the end", thousands(n), one(n, "as", "ere")))
	}
	if n := counts[holdfast.Invalid]; n > 0 {
		but = append(but, fmt.Sprintf("%s could not be decided", thousands(n)))
	}
	switch {
	case len(but) > 0:
		text += "; " + strings.Join(but, ", ") + "."
	case drilled == 1:
		text = "The one failure mode that was drilled behaves as promised."
	default:
		text = fmt.Sprintf("All %s behave as promised.", modes(drilled))
	}
	if n := counts[holdfast.Skip]; n > 0 {
		text += fmt.Sprintf(" %s w%s not drilled.", thousands(n), one(n, "as", "ere"))
	}
	return text
}

// made are the verdicts of drills that were made.
func made(of []holdfast.Verdict) []holdfast.Verdict {
	return slices.DeleteFunc(of, func(v holdfast.Verdict) bool { return v == holdfast.Skip })
}

func modes(n int) string { return thousands(n) + " failure mode" + one(n, "", "s") }

func one(n int, singular, plural string) string {
	if n == 1 {
		return singular
	}
	return plural
}

// factsOf are what the whole run was made with.
func factsOf(run Run) []fact {
	c := run.Control
	facts := []fact{{Name: "system", Value: legible(string(run.System), mostName)}}
	if !run.At.IsZero() {
		facts = append(facts, fact{Name: "drilled", Value: when(run)})
	}
	if run.Took > 0 {
		facts = append(facts, fact{Name: "took", Value: Short(run.Took)})
	}
	if c.Sent > 0 {
		facts = append(facts,
			fact{Name: "load", Value: fmt.Sprintf("%.0f requests/s", c.Rate)},
			fact{Name: "without a fault", Value: fmt.Sprintf("%d of %s failed, %d late, 99%% within %s", c.Failed, thousands(c.Sent), c.Late, Short(Millis(c.P99)))})
	}
	facts = append(facts, fact{Name: "seed", Value: fmt.Sprint(run.Seed)})
	if run.ID != "" {
		facts = append(facts, fact{Name: "run", Value: legible(string(run.ID), mostName)})
	}
	if run.Digest != "" {
		facts = append(facts, fact{Name: "file", Value: legible(string(run.Digest)[:min(len(run.Digest), 12)], 12)})
	}
	return facts
}

// when is the day and the minute, of no place.
func when(run Run) string { return run.At.UTC().Format("2 January 2006, 15:04 UTC") }

// Changes are what became of behaviours since an earlier run.
type changes struct {
	With     string
	Earlier  string
	Sum      string
	All      []change
	LeftOut  string
	Cautions []string
}

// A change is what became of one mode.
type change struct {
	What   string
	Broken bool
	Mode   string
	Says   string
	Lines  []string
}

// changesOf is a comparison as a page tells it; nil where there was none.
func changesOf(a *Against) *changes {
	if a == nil {
		return nil
	}
	c := &changes{With: legible(a.Name, mostName), Earlier: legible(a.earlier(), mostMoment), Sum: legible(a.sum(), mostSaid), Cautions: few(a.Cautions, mostHelp, mostSaid)}
	for _, d := range a.Deltas {
		if d.What != Same {
			c.add(a, d, strings.ToLower(d.word()))
		}
	}
	for _, d := range a.failAsBefore() {
		c.add(a, d, "fails as before")
	}
	if over := len(c.All) - mostChanges; over > 0 {
		c.All, c.LeftOut = c.All[:mostChanges], fmt.Sprintf("%s more are not shown here.", thousands(over))
	}
	return c
}

func (c *changes) add(a *Against, d Delta, what string) {
	c.All = append(c.All, change{
		What: legible(what, mostName), Broken: d.Broken, Mode: legible(a.called(d), mostName), Says: legible(d.says(), mostSaid), Lines: few(d.lines(), mostHelp, mostMoment),
	})
}

// few are the first of some lines, legible, and a word about the rest.
func few(lines []string, most, long int) []string {
	var out []string
	for _, line := range lines[:min(len(lines), most)] {
		out = append(out, legible(line, long))
	}
	if more := len(lines) - most; more > 0 {
		out = append(out, fmt.Sprintf("… %s more", thousands(more)))
	}
	return out
}
