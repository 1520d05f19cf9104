package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/event"
	"holdfast/internal/proc"
	"holdfast/mode"
	"holdfast/prove"
	"holdfast/report"
	"holdfast/runs"
)

func proveCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "prove [FILE] [MODE...]",
		Short: "break what the file says can break, under load, and judge by what users saw",
		Long: "Starts a private copy of the system (its own processes, state and loopback ports,\n" +
			"nothing of your environment but PATH, HOME, LANG and TZ), loads it with GET\n" +
			"requests and what the file's sessions send, breaks it and passes or fails each\n" +
			"failure mode. Nothing of a running system is touched, but with --live: that drills\n" +
			"what runs elsewhere (urls) by the hooks of the file, where prove.allow names it,\n" +
			"and says first what it will touch.\n\n" + exitHelp,
		Example: "  holdfast prove --live --dry-run\n  holdfast prove --stop\n  holdfast prove\n  holdfast prove catalog.crash --repeat 20 --rate 400/s\n  holdfast prove storefront/catalog.loss\n  holdfast prove errors --every-fault\n  holdfast prove cart.errors --fault reset",
	}
	flag := stateFlag(c)
	show := addShowFlags(c)
	since := addSinceFlags(c)
	asked := addDrillFlags(c)
	stop := c.Flags().Bool("stop", false, "end the live run that is under way with this state directory, and mend what it broke")
	dry := c.Flags().Bool("dry-run", false, "print what would be touched, and touch nothing")
	every := c.Flags().Bool("every-fault", false, "drill each mode by every fault that makes it true, not by the file's alone")
	by := c.Flags().String("fault", "", "drill by this fault and no other")
	c.RunE = func(c *cobra.Command, args []string) error {
		if *stop {
			return stopLive(c.Context(), *flag, args, c.OutOrStdout())
		}
		rated := c.Flags().Changed("rate")
		options, err := asked.read(rated)
		if err != nil {
			return exit(exitUsage, err)
		}
		shown, err := show.read(c)
		if err != nil {
			return err
		}
		if err := since.check(c); err != nil {
			return err
		}
		name, modes := splitArguments(args)
		p := proving{
			out: c.OutOrStdout(), notices: c.ErrOrStderr(), shown: shown, since: *since, flag: *flag, dry: *dry,
			faults: faults{every: *every, only: holdfast.FaultName(*by)}, byFile: !rated && !options.Live, options: options,
		}
		run, err := p.file(c.Context(), name, modes)
		if err != nil {
			return err
		}
		return failOn(since.failOn).judged(c.Context(), run)
	}
	return c
}

// drillFlags say how drills are made.
type drillFlags struct {
	prove.Options
	rate string
}

func addDrillFlags(c *cobra.Command) *drillFlags {
	d := &drillFlags{}
	c.Flags().StringVar(&d.rate, "rate", "200/s", "requests per second; the control run lowers what the copy cannot bear")
	c.Flags().IntVar(&d.Repeat, "repeat", 1, "how often each mode is drilled")
	c.Flags().Uint64Var(&d.Seed, "seed", 0, "of the load and of the choice of replicas (0: any)")
	c.Flags().BoolVar(&d.Keep, "keep", false, "keep the copy's journal and logs")
	c.Flags().BoolVar(&d.Live, "live", false, "drill what runs elsewhere, where the file allows it: in earnest")
	c.Flags().BoolVar(&d.OutsideHours, "outside-hours", false, "with --live: drill although the file's hours for it are over; the run says so")
	c.Flags().BoolVar(&d.Blind, "blind-witness", false, "leave the witness out: shows that a fault nobody saw decides nothing")
	c.Flags().BoolVar(&d.Neuter, "neuter", false, "let every fault do nothing: shows that what did not bite decides nothing")
	_ = c.Flags().MarkHidden("neuter")
	return d
}

// read is what they ask for; rated says that a rate was named.
func (d *drillFlags) read(rated bool) (o prove.Options, err error) {
	o = d.Options
	o.By = who()
	switch {
	case o.OutsideHours && !o.Live:
		return o, errors.New("--outside-hours: only live drills keep to hours\n  next: add --live, or leave it out")
	case o.Repeat < 1 || o.Repeat > 1000:
		return o, fmt.Errorf("--repeat %d: want 1 to 1000\n  next: --repeat 20, or leave it out", o.Repeat)
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64N(1_000_000) + 1
	}
	if o.Live && !rated {
		o.Rate = prove.LiveRate
		return o, nil
	}
	o.Rate, err = parseRate(d.rate)
	return o, err
}

// splitArguments tells the file from the modes: it is first, and is no mode.
func splitArguments(args []string) (name string, modes []string) {
	if len(args) == 0 || isModeName(args[0]) {
		return "", args
	}
	if strings.HasSuffix(args[0], ".yaml") || strings.HasSuffix(args[0], ".yml") || strings.ContainsRune(args[0], os.PathSeparator) {
		return args[0], args[1:]
	}
	return "", args
}

// isModeName tells "storefront/catalog.loss", which looks like a path, by the
// kind of failure that it ends with.
func isModeName(text string) bool {
	kind := holdfast.Kind(strings.TrimPrefix(filepath.Ext(text), "."))
	_, known := mode.Find(kind)
	_, own := mode.FindOwn(kind)
	return known || own
}

func parseRate(text string) (float64, error) {
	number, _ := strings.CutSuffix(text, "/s")
	rate, err := strconv.ParseFloat(number, 64)
	if err != nil || rate < 1 || rate > 10_000 {
		return 0, fmt.Errorf("--rate %s: want 1/s to 10000/s\n  next: --rate 200/s, or leave it out", text)
	}
	return rate, nil
}

// A proving is one run of prove with what it prints to. Results go to out,
// progress to notices.
type proving struct {
	out, notices io.Writer
	shown        showing
	since        sinceFlags // what it is compared with, and how long it may take
	flag         string     // --state
	dry          bool       // say what would be touched, and no more
	faults       faults     // that the modes are drilled by
	byFile       bool       // the file's rate holds, if it has one
	options      prove.Options
}

// file proves the modes of a file, all of them when none is named.
func (p proving) file(ctx context.Context, name string, modes []string) (report.Run, error) {
	o := p.options
	o.Environ = os.Environ()
	// A copy sees the same environment, so what is missing there is missing here.
	file, reading, err := understand(name, byName(proc.Baseline(os.Environ())), p.notices)
	if err != nil {
		return report.Run{}, err
	}
	o.File, o.System = file, reading.System
	if rate := o.System.Load.Rate; p.byFile && rate > 0 {
		o.Rate = rate
	}
	if o.Live && !slices.ContainsFunc(o.System.Services, func(s holdfast.Service) bool { return s.Command == "" }) {
		return report.Run{}, exit(exitUsage, fmt.Errorf("--live: every service of %s has a `command`, and none runs elsewhere\n  next: leave --live out; what runs elsewhere is named by `urls`", file.Name))
	}
	if o.Modes, err = pick(p.drillable(o.System), modes); err != nil {
		return report.Run{}, exit(exitUsage, err)
	}
	if o.Modes, err = p.faults.of(o.Modes); err != nil {
		return report.Run{}, exit(exitUsage, err)
	}
	state, err := stateOf(p.flag, o.File.Dir)
	if err != nil {
		return report.Run{}, exit(exitCouldNot, err)
	}
	o.State, o.Paused = string(state), state.paused
	if p.dry {
		return report.Run{}, p.dryRun(ctx, o, state)
	}
	if err := state.prepare(); err != nil {
		return report.Run{}, exit(exitCouldNot, err)
	}
	before, err := earlierRun(state, p.since.against)
	if err != nil {
		return report.Run{}, err
	}
	if healed, err := state.heal(ctx); err != nil || !healed.Clean() {
		fmt.Fprint(p.notices, healedText(healed))
	}
	if o.Program, err = os.Executable(); err != nil {
		return report.Run{}, exit(exitCouldNot, err)
	}
	if p.since.budget > 0 {
		o.Modes, o.Unless = p.within(ctx, o, state)
	}
	run, err := p.run(ctx, o)
	if err != nil {
		return run, err
	}
	if before != nil {
		run.Against = before.against(before.comparable(o.System, o.Modes), run)
	}
	p.keep(&run, o, before)
	return run, p.print(run, whereIn(file.Name, o.System, reading))
}

// run proves, and prints drills as they end. What will be touched is said first.
func (p proving) run(ctx context.Context, o prove.Options) (report.Run, error) {
	began := time.Now()
	fmt.Fprintf(p.notices, "%s\n", plan(o))
	if err := p.announce(o); err != nil {
		return report.Run{}, err
	}
	o.Say = func(line string) { fmt.Fprintln(p.notices, strings.TrimRight(line, "\n")) }
	o.Drilled = func(report.Drill) {}
	if p.shown.isText() {
		width := widest(o.Modes)
		o.Drilled = func(d report.Drill) {
			fmt.Fprint(p.out, drillWord(d)+report.DrillLines(titled(d, o.Modes), width, report.Paint(isTerminal(p.out))))
		}
	}
	run, _ := prove.Run(ctx, o) // the run says why it went no further
	took := time.Since(began)
	run.At, run.Took, run.Digest = began.UTC().Round(0), report.Millis(took.Milliseconds()), o.System.Digest
	run.ID = runs.NewID(began, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
	fmt.Fprintf(p.notices, "took %s\n", took.Round(100*time.Millisecond))
	return run, nil
}

// print prints a run that is over, as far as it was not printed on the way.
func (p proving) print(run report.Run, where report.Where) error {
	var err error
	if p.shown.isText() {
		_, err = io.WriteString(p.out, report.Ending(run, report.Paint(isTerminal(p.out))))
	} else {
		err = p.shown.format.write(p.out, run, where)
	}
	if err = errors.Join(err, p.shown.write(run, where)); err != nil {
		return exit(exitCouldNot, err)
	}
	return nil
}

// keep keeps a run, however it ended, and what it is compared with beside it. One
// that cannot be kept has no name.
func (p proving) keep(run *report.Run, o prove.Options, before *earlier) {
	if o.Blind || o.Neuter {
		run.ID = ""
		fmt.Fprintln(p.notices, "this run is not kept: a fault that nobody saw, or that did nothing, decides nothing, and there is nothing to compare with")
		return
	}
	if err := runs.Keep(o.State, *run); err != nil {
		run.ID = ""
		fmt.Fprintf(p.notices, "this run is not kept, and earlier ones are as they were: %v\n  next: make room for %s, or name another with --state\n", err, o.State)
		return
	}
	var spared []report.RunID
	if before != nil {
		spared = append(spared, before.run.ID)
	}
	if err := runs.Prune(o.State, spared...); err != nil {
		fmt.Fprintln(p.notices, err)
	}
}

// announce says what will be touched, and what keeps it from harm, before it is.
func (p proving) announce(o prove.Options) error {
	touched := prove.Touched(o)
	if len(touched) == 0 {
		return nil
	}
	guards, err := prove.Guarded(o)
	if err != nil {
		return exit(exitCouldNot, err)
	}
	for _, line := range touched {
		fmt.Fprintln(p.notices, event.DrillWord+"  will touch  "+line)
	}
	for _, line := range guards {
		fmt.Fprintln(p.notices, event.DrillWord+"  guarded by  "+line)
	}
	fmt.Fprintln(p.notices, event.DrillWord+"  to end it at any time, from any terminal: holdfast prove --stop"+stateWord(p.flag))
	return nil
}

// stateWord is a state directory as a command line names it.
func stateWord(flag string) string {
	if flag == "" {
		return ""
	}
	return " --state " + flag
}

// drillWord says of what was struck in earnest that it was a drill.
func drillWord(d report.Drill) string {
	if !d.Live {
		return ""
	}
	return event.DrillWord + "  "
}

// plan says what will be done, before it is.
func plan(o prove.Options) string {
	text := fmt.Sprintf("%s: %s to drill, %s, in a private copy (%s on loopback)\n  load   %s, %.0f/s\n  state  %s\n  %s",
		o.System.Name, diagnostic.Count(len(o.Modes), "failure mode"), often(o), diagnostic.Count(replicas(o.System), "replica"), requests(o), o.Rate, o.State, mercy(o))
	if len(prove.Touched(o)) > 0 {
		return event.DrillWord + "  " + strings.ReplaceAll(text, "\n", "\n"+event.DrillWord)
	}
	return text
}

// often says how many drills the modes are.
func often(o prove.Options) string {
	drills := 0
	for _, m := range o.Modes {
		drills += max(len(m.Drills), 1)
	}
	text := diagnostic.Count(o.Repeat, "time") + " each"
	if drills > len(o.Modes) {
		text = fmt.Sprintf("by %s, %s", diagnostic.Count(drills, "fault"), text)
	}
	return text
}

// requests says what will be sent: what reads, unless a session writes.
func requests(o prove.Options) string {
	var writing []holdfast.SessionName
	for _, session := range o.System.Sessions {
		if !o.Live && slices.ContainsFunc(session.Steps, func(s holdfast.Step) bool { return s.Method != "GET" && s.Method != "HEAD" }) {
			writing = append(writing, session.Name)
		}
	}
	reads := "GET requests"
	if slices.ContainsFunc(o.System.Services, func(s holdfast.Service) bool { return s.Protocol == holdfast.GRPC }) {
		reads += " and health calls of gRPC"
	}
	if len(writing) == 0 {
		return reads + " only"
	}
	return reads + ", and what " + diagnostic.Series(writing, 3) + diagnostic.Agree(len(writing), " sends", " send")
}

// mercy says what becomes of a system that runs.
func mercy(o prove.Options) string {
	if len(prove.Touched(o)) > 0 {
		return "of what runs elsewhere this is touched, in earnest:"
	}
	return "a running system is not touched"
}

// A dryRun is what a run would do, as a document.
type dryRun struct {
	Version int                 `json:"version"`
	System  holdfast.SystemName `json:"system"`
	Touches []string            `json:"touches"`
	Guards  []string            `json:"guards"` // what keeps live drills from harm, and how it stands
	Skips   map[string]string   `json:"skips"`  // by mode, why
	Drills  []holdfast.ModeName `json:"drills"`
}

// dryRun prints what a run would touch, and touches nothing.
func (p proving) dryRun(ctx context.Context, o prove.Options, state stateDir) error {
	document := dryRun{System: o.System.Name, Touches: append([]string{}, prove.Touched(o)...), Guards: []string{}, Skips: map[string]string{}, Drills: []holdfast.ModeName{}}
	if len(document.Touches) > 0 {
		guards, err := prove.Guarded(o)
		if err != nil {
			return exit(exitCouldNot, err)
		}
		document.Guards = append(document.Guards, guards...)
	}
	fits := func(holdfast.FailureMode) string { return "" }
	if p.since.budget > 0 {
		o.Modes, fits = p.wouldFit(ctx, o, state)
	}
	for _, mode := range o.Modes {
		why := prove.Untouchable(o.System, o.Live, mode)
		if why == "" {
			var err error
			if why, err = prove.Held(o, mode); err != nil {
				return exit(exitCouldNot, err)
			}
		}
		if why != "" {
			document.Skips[string(mode.Name)] = why
		} else if why := fits(mode); why != "" {
			document.Skips[string(mode.Name)] = why
		} else {
			document.Drills = append(document.Drills, mode.Name)
		}
	}
	if p.shown.format.name == "json" {
		if err := json.NewEncoder(p.out).Encode(document); err != nil {
			return exit(exitCouldNot, err)
		}
		return exit(exitNothing, nil)
	}
	for _, line := range document.Touches {
		fmt.Fprintln(p.out, "would touch  "+line)
	}
	for _, line := range document.Guards {
		fmt.Fprintln(p.out, "guarded by   "+line)
	}
	for _, mode := range document.Drills {
		fmt.Fprintln(p.out, "would drill  "+string(mode))
	}
	for _, mode := range slices.Sorted(maps.Keys(document.Skips)) {
		fmt.Fprintf(p.out, "would skip   %s: %s\n", mode, document.Skips[mode])
	}
	fmt.Fprintln(p.out, "nothing was touched: this was a dry run")
	return exit(exitNothing, nil)
}

// pick finds the named modes: "catalog.crash", "catalog" for all of a service,
// "crash" for all of a kind, "holdfast" for those of Holdfast itself.
func pick(all []holdfast.FailureMode, names []string) ([]holdfast.FailureMode, error) {
	if len(names) == 0 {
		return all, nil
	}
	var picked []holdfast.FailureMode
	for _, name := range names {
		found := slices.Collect(func(yield func(holdfast.FailureMode) bool) {
			for _, mode := range all {
				if (string(mode.Name) == name || mode.Strikes.Role == "" && string(mode.Strikes.Service) == name || mode.Strikes.Role != "" && mode.Strikes.String() == name || string(mode.Kind) == name) && !yield(mode) {
					return
				}
			}
		})
		if len(found) == 0 {
			return nil, noMode(name, all)
		}
		picked = append(picked, found...)
	}
	return picked, nil
}

// noMode says that there is none of a name, and which was meant.
func noMode(name string, all []holdfast.FailureMode) error {
	var names []string
	for _, m := range all {
		names = append(names, string(m.Name), string(m.Kind), m.Strikes.String())
	}
	if near := diagnostic.Nearest(name, names); near != "" {
		return fmt.Errorf("there is no failure mode %q\n  next: did you mean %s? holdfast prove --dry-run lists all", name, near)
	}
	return fmt.Errorf("there is no failure mode %q\n  next: one of %s", name, modeNames(all))
}

// drillable are the modes that a run may drill. What runs in earnest is no part of
// what Holdfast itself is drilled under: it would be loaded for nothing.
func (p proving) drillable(system *holdfast.System) []holdfast.FailureMode {
	if p.options.Live {
		return system.Modes
	}
	return drillable(system)
}

// drillable are the failure modes of a system, and those of Holdfast itself under
// it, which come last: what they break every other drill needs.
func drillable(system *holdfast.System) []holdfast.FailureMode {
	return slices.Concat(system.Modes, mode.OfHoldfast(system))
}

func modeNames(all []holdfast.FailureMode) string {
	var names []string
	for _, mode := range all {
		names = append(names, string(mode.Name))
	}
	return strings.Join(names, ", ")
}

// verdictError is the exit code of a run.
func verdictError(ctx context.Context, run report.Run) error {
	switch {
	case run.Verdict == holdfast.Aborted && ctx.Err() != nil:
		return exit(exitInterrupted, nil)
	case run.Verdict == holdfast.Aborted:
		return exit(exitAborted, nil)
	case run.Verdict == holdfast.Fail:
		return exit(exitFound, nil)
	case run.Verdict == holdfast.Invalid:
		return exit(exitCouldNot, nil)
	case !slices.ContainsFunc(run.Drills, func(d report.Drill) bool { return d.Verdict != holdfast.Skip }):
		return exit(exitNothing, nil)
	default:
		return nil
	}
}
