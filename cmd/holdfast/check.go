package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/check"
	"holdfast/cutset"
	"holdfast/diagnostic"
	"holdfast/source"
	"holdfast/spec"
)

// checkMemory is from where on a check gives memory back before it takes more, in
// bytes: 5,000 services stay below it, and what a file can make of itself by its
// aliases, which is thrown away as fast as it is made, does not wait for a collection
// on a busy machine. Without it that took up to 601 MiB.
const checkMemory = 320 << 20

func checkCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "check [FILE|-]", Args: cobra.MaximumNArgs(1),
		Short: "read a system before it fails",
		Long: "Reads a file and says what is wrong with it, every mistake in one pass. It starts\n" +
			"nothing and writes nothing. - is what another command prints.\n\n" +
			"What is in the file may be accepted there, by its owner and until a day: see\n" +
			"holdfast explain and a code. To begin with a file that has many problems, keep\n" +
			"them (holdfast check --json > baseline.json), and look at what is new:\n" +
			"holdfast check --baseline baseline.json.\n\n" +
			"Errors end with exit 1, and a file that cannot be used with 2.",
	}
	var o checkOptions
	c.Flags().BoolVar(&o.explain, "explain", false, "show what was inferred, and from where")
	c.Flags().BoolVar(&o.strict, "strict", false, "warnings are errors")
	asFlag(c, &o.as)
	c.Flags().StringVar(&o.format, "format", "text", "how to show it: "+strings.Join(namesOf(formats(), format.called), ", "))
	c.Flags().StringVar(&o.baseline, "baseline", "", "an earlier check --json: only what is new counts")
	c.Flags().IntVar(&o.order, "order", cutset.DefaultOrder, "look for sets of up to so many things that break a promise together")
	c.Flags().BoolVar(&o.pairs, "pairs", false, "pairs that break a promise are problems, too")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if *asJSON && c.Flags().Changed("format") && o.format != "json" {
			return exit(exitUsage, errors.New("--json and --format are two ways to show one thing\n  next: give one of them"))
		} else if *asJSON {
			o.format = "json"
		}
		if o.order < 1 || o.order > maxOrder {
			return exit(exitUsage, fmt.Errorf("--order %d\n  next: write a number from 1 to %d", o.order, maxOrder))
		}
		debug.SetMemoryLimit(checkMemory)
		return untilInterrupted(c.Context(), func() error { return runCheck(c, argument(args, 0), o) })
	}
	return c
}

// asFlag adds --as.
func asFlag(c *cobra.Command, as *string) {
	c.Flags().StringVar(as, "as", "", "read the file as this kind, whatever it looks like: "+strings.Join(namesOf(fileKinds(), fileKind.called), ", "))
}

// maxOrder is far beyond what anybody reads: the number of sets grows with it
// faster than any system does.
const maxOrder = 8

// checkOptions are how check was asked.
type checkOptions struct {
	explain, strict      bool
	pairs                bool
	order                int
	as, format, baseline string
}

// facts looks beside a file: at the verdicts that were kept, and whether the files
// that are answered in a dependency's place can be.
func (o checkOptions) facts(ctx context.Context, file source.File) factsOf {
	return func(system *holdfast.System) (check.Facts, []string) {
		facts := check.Facts{
			Pairs: o.pairs, Limits: cutset.Limits{Order: o.order, Nodes: 2 << 20, Steps: 32 << 20},
			Missing: unanswerable(system), Today: time.Now(),
		}
		state, err := stateOf("", file.Dir)
		if err == nil {
			facts.Proofs, err = proofsOf(ctx, system, state, time.Now())
		}
		if err != nil {
			return facts, []string{err.Error()}
		}
		return facts, nil
	}
}

func runCheck(c *cobra.Command, name string, o checkOptions) error {
	began := time.Now()
	show, err := formatCalled(o.format)
	if err != nil {
		return err
	}
	file, err := fileToCheck(name, c.InOrStdin(), c.ErrOrStderr())
	if err != nil {
		return err
	}
	kind, err := kindOf(file, o.as)
	if err != nil {
		return err
	}
	d := checkedBy(c, kind, file, o)
	if o.explain && d.usable && d.system == nil {
		fmt.Fprintf(c.ErrOrStderr(), "--explain has nothing to show: only of a %s something is inferred\n", defaultFile)
	}
	if err := d.since(o.baseline); err != nil {
		return err
	}
	d.took = time.Since(began)
	if err := show.print(c, d); err != nil {
		return err
	}
	return d.verdict(o.strict)
}

// checked is check's document, and what the formats need beside it.
type checked struct {
	Version  int                    `json:"version"`
	File     string                 `json:"file"`
	Problems []diagnostic.Problem   `json:"problems"` // that count
	Modes    []holdfast.FailureMode `json:"modes"`
	Inferred []spec.Inference       `json:"inferred,omitempty"`
	Kind     string                 `json:"kind"`
	Accepted []diagnostic.Accepted  `json:"accepted"`           // that do not count
	Baseline *inBaseline            `json:"baseline,omitempty"` // of what is left out, when there is one
	Summary  []string               `json:"summary"`
	Unknown  []string               `json:"unknown"` // what cannot be known from such a file
	Design   *check.Summary         `json:"design,omitempty"`

	file      source.File
	system    *holdfast.System // of a holdfast.yaml that can be used
	judgement diagnostic.Judgement
	usable    bool
	took      time.Duration
}

// inBaseline counts what a baseline has to do with a file.
type inBaseline struct {
	Known int `json:"known"` // in the baseline, and still there
	Gone  int `json:"gone"`  // in the baseline, and no more
}

func checkedBy(c *cobra.Command, kind fileKind, file source.File, o checkOptions) *checked {
	r := kind.review(file, environ(), o.facts(c.Context(), file))
	judged := judge(r.Review)
	d := &checked{
		Version: diagnostic.DocumentVersion, File: file.Name, Kind: kind.name, Modes: []holdfast.FailureMode{},
		Problems: append([]diagnostic.Problem{}, judged.Problems...),
		Accepted: append([]diagnostic.Accepted{}, judged.Accepted...),
		Summary:  append([]string{}, r.Summary...),
		Unknown:  append([]string{}, r.Unknown...),
		file:     file, system: r.system, judgement: judged, usable: r.Usable(),
	}
	if d.system == nil {
		return d
	}
	d.Modes = append(d.Modes, d.system.Modes...)
	d.Design = &r.design
	if o.explain {
		d.Inferred = inferred(d.system)
	}
	return d
}

// maxBaseline bounds what is read of a baseline: check's document of 5,000
// services is 20 MB.
const maxBaseline = 64 << 20

// since leaves what is in a baseline out of what counts.
func (d *checked) since(path string) error {
	if path == "" {
		return nil
	}
	const again = "\n  next: make it anew: holdfast check --json > "
	text, err := readAtMost(path, maxBaseline)
	if errors.Is(err, fs.ErrNotExist) {
		return exit(exitUsage, fmt.Errorf("there is no baseline %s\n  next: make one: holdfast check --json > %s", path, path))
	} else if err != nil {
		return exit(exitUsage, fmt.Errorf("the baseline %s cannot be read: %w%s%s", path, err, again, path))
	}
	baseline, err := diagnostic.ReadBaseline(text)
	if err != nil {
		return exit(exitUsage, fmt.Errorf("%s is no baseline: %w%s%s", path, err, again, path))
	}
	compared := baseline.Compare(d.judgement)
	d.Problems = append([]diagnostic.Problem{}, compared.New...)
	d.Baseline = &inBaseline{Known: compared.Known, Gone: compared.Gone}
	return nil
}

// verdict is the exit: a file that cannot be used is no better for its mistakes
// being known.
func (d *checked) verdict(strict bool) error {
	switch {
	case !d.usable:
		return exit(exitUsage, nil)
	case d.count(diagnostic.Error) > 0, strict && len(d.Problems) > 0:
		return exit(exitFound, nil)
	default:
		return nil
	}
}

func (d *checked) count(severity diagnostic.Severity) int {
	n := 0
	for _, problem := range d.Problems {
		if problem.Severity == severity {
			n++
		}
	}
	return n
}

// maxUnknown is how many lines of what is not known are shown.
const maxUnknown = 6

// closing is what is said below the problems: what nobody can know, what there
// is, where to read on, and the verdict.
func (d *checked) closing() []string {
	var lines []string
	for i, unknown := range d.Unknown {
		if i == maxUnknown {
			lines = append(lines, fmt.Sprintf("not knowable from this file: %d more, which --json lists", len(d.Unknown)-i))
			break
		}
		lines = append(lines, "not knowable from this file: "+unknown)
	}
	lines = append(lines, d.Summary...)
	lines = append(lines, d.judgement.Summary()...)
	if d.Baseline != nil && d.Baseline.Gone > 0 {
		lines = append(lines, fmt.Sprintf("%s of the baseline gone: make it anew, so that they stay away", diagnostic.Count(d.Baseline.Gone, "problem")))
	}
	if len(d.Problems) > 0 {
		// The first error, or else the first warning; of the others it is said in the same way.
		first := max(0, slices.IndexFunc(d.Problems, func(p diagnostic.Problem) bool { return p.Severity == diagnostic.Error }))
		lines = append(lines, fmt.Sprintf("holdfast explain %s says more", d.Problems[first].Code))
	}
	return append(lines, d.found())
}

// found counts what is wrong with the file: "2 errors, 1 warning (3 accepted) in
// 0.08s".
func (d *checked) found() string {
	var parts, left []string
	for _, severity := range []diagnostic.Severity{diagnostic.Error, diagnostic.Warning} {
		if n := d.count(severity); n > 0 {
			parts = append(parts, diagnostic.Count(n, string(severity)))
		}
	}
	said := strings.Join(parts, ", ")
	if said == "" {
		said = "no problems"
	}
	if n := len(d.Accepted); n > 0 {
		left = append(left, fmt.Sprintf("%d accepted", n))
	}
	if d.Baseline != nil {
		left = append(left, fmt.Sprintf("%d in the baseline", d.Baseline.Known))
	}
	if len(left) > 0 {
		said += " (" + strings.Join(left, ", ") + ")"
	}
	if !d.usable {
		said = d.File + " cannot be used: " + said
	}
	return fmt.Sprintf("%s in %.2fs", said, d.took.Seconds())
}

// summary is a system in one line.
func summary(system *holdfast.System) string {
	owned := 0
	for _, mode := range system.Modes {
		if mode.Owner != "" {
			owned++
		}
	}
	return fmt.Sprintf("%s: %s, %s, %s; %d of %s owned",
		system.Name, diagnostic.Count(len(system.Services), "service"), diagnostic.Count(replicas(system), "replica"), diagnostic.Count(len(system.Edges()), "dependency"),
		owned, diagnostic.Count(len(system.Modes), "failure mode"))
}

func replicas(system *holdfast.System) int {
	n := 0
	for _, service := range system.Services {
		n += service.Replicas
	}
	return n
}
