package spec

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/goccy/go-yaml/ast"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/mode"
	"holdfast/source"
)

// An override is what the file says of one failure mode of a service, to be put
// over what the catalogue says.
type override struct {
	mode     mode.Mode
	at       diagnostic.Place
	remedies []holdfast.Remedy // meant only when said
	said     map[string]diagnostic.Place
	bounds   overlay
	owner    holdfast.OwnerName
	escalate holdfast.PolicyName
	urgency  holdfast.Urgency
	runbook  string
	armed    bool
	faults   []holdfast.FaultName // meant only when said
	hook     hook
}

// failureModes reads what is said of the failure modes of a service, or of one
// of its dependencies, which can have some remedies.
func (r *reader) failureModes(into *[]override, can func(mode.Mode) []holdfast.Remedy) func(source.Value) {
	return func(v source.Value) {
		entries, _ := r.Entries(v, "failure modes by kind")
		for _, e := range entries {
			found, exists := mode.Find(holdfast.Kind(e.Key))
			if !exists {
				r.Report(e.At, diagnostic.Problem{Code: unknownMode, Message: "no failure mode is called " + diagnostic.Tick(e.Key), Help: diagnostic.DidYouMean("", diagnostic.Nearest(e.Key, kinds()), "there are "+diagnostic.Ticks(kinds()))})
				continue
			}
			*into = append(*into, r.override(found, e, can(found)))
		}
	}
}

func (r *reader) override(of mode.Mode, e source.Entry, can []holdfast.Remedy) override {
	o := override{mode: of, at: e.At}
	o.said = r.Keys(e.Value, "a failure mode", append([]source.Key{
		{Name: "remedies", Read: func(v source.Value) { o.remedies = r.remedies(v, can) }},
		{Name: "bounds", Read: r.bounds(&o.bounds)},
		{Name: "owner", Read: scalar(r, &o.owner, label[holdfast.OwnerName])},
		{Name: "escalate", Read: scalar(r, &o.escalate, label[holdfast.PolicyName])},
		{Name: "urgency", Read: scalar(r, &o.urgency, oneOf(badWord, "an urgency", holdfast.Page, holdfast.Ticket))},
		{Name: "runbook", Read: scalar(r, &o.runbook, label[string])},
		{Name: "armed", Read: scalar(r, &o.armed, truth)},
		{Name: "faults", Read: func(v source.Value) { o.faults = r.faults(v, of) }},
	}, r.hookKeys(&o.hook)...))
	r.reportTwoWays(o)
	r.reportRemedied(o)
	return o
}

// faults are what makes a failure mode true, one drill after the other.
func (r *reader) faults(v source.Value, of mode.Mode) []holdfast.FaultName {
	all := list(r, v, "faults", "`faults: ["+string(of.Fault)+"]`", oneOf(unknownFault, "a fault of `"+string(of.Kind)+"`", of.Faults()...))
	if list, is := v.Node.(*ast.SequenceNode); is && len(list.Values) == 0 {
		r.Report(v.At, diagnostic.Problem{Code: source.EmptyValue, Message: "faults is empty", Help: "remove it: what no drill shows is not declared"})
	}
	return all
}

// reportTwoWays: who breaks it by commands of his own has no faults of ours.
func (r *reader) reportTwoWays(o override) {
	at, faults := o.said["faults"]
	_, breaks := o.said["break"]
	_, mends := o.said["mend"]
	if faults && (breaks || mends) {
		r.Report(at, diagnostic.Problem{Code: unfitKey, Message: "`faults` means nothing beside `break` and `mend`", Label: "the commands are the fault", Help: "remove it, or remove the commands"})
	}
}

// reportRemedied: what only its drill can show is mended by nobody, and broken by
// nobody's commands.
func (r *reader) reportRemedied(o override) {
	if !o.mode.BySession {
		return
	}
	for _, key := range []string{"remedies", "armed", "break", "mend", "hook_timeout"} {
		if at, said := o.said[key]; said {
			r.Report(at, diagnostic.Problem{Code: unfitKey, Message: diagnostic.Tick(key) + " means nothing for " + diagnostic.Tick(string(o.mode.Kind)), Label: "its drill alone shows it", Help: "remove it: its owner mends it, by another design"})
		}
	}
}

// remedies are never nil: an empty list says that a person is the remedy.
func (r *reader) remedies(v source.Value, can []holdfast.Remedy) []holdfast.Remedy {
	known := oneOf(unknownRemedy, "a remedy of this failure mode", can...)
	uncovered := func(text string) (holdfast.Remedy, *complaint) {
		remedy, wrong := known(text)
		if wrong != nil && text == string(holdfast.RemedyFallback) && slices.Contains(can, holdfast.RemedyFailFast) {
			wrong.help = "give the dependency a `fallback: …`, which is its remedy then"
		}
		return remedy, wrong
	}
	if len(can) == 0 {
		return nil // of which more is said
	}
	return append([]holdfast.Remedy{}, list(r, v, "remedies", "`remedies: ["+string(can[0])+"]`, or `[]` for none", uncovered)...)
}

// remediesOfService are those that some failure mode of services has: one may be
// added to another, as a restart to slow. What strikes a dependency is not among
// them, and is refused in its place.
func remediesOfService(of mode.Mode) []holdfast.Remedy {
	if of.FitsPublished != nil {
		return of.OfPublished(holdfast.Service{}).Remedies
	}
	if of.Fits == nil || of.BySession || of.Named {
		return of.Remedies
	}
	var all []holdfast.Remedy
	for _, m := range mode.Catalogue() {
		for _, remedy := range m.Remedies {
			if m.Fits != nil && !m.Named && !slices.Contains(all, remedy) {
				all = append(all, remedy)
			}
		}
	}
	return all
}

// remediesOfEdge are those that a dependency has by itself: whether it is covered
// by a fallback decides, and no word beside it.
func remediesOfEdge(d *holdfast.Dependency) func(mode.Mode) []holdfast.Remedy {
	return func(of mode.Mode) []holdfast.Remedy {
		if of.FitsEdge == nil {
			return remediesOfService(of)
		}
		return of.OfEdge(holdfast.Service{}, *d).Remedies
	}
}

// modes are the failure modes of a service and of its dependencies: those of the
// catalogue that fit, with what the file says put over them.
func (r *reader) modes(d *draft, drafts []*draft, asked map[holdfast.ServiceName]bool, published holdfast.Publishing, standard defaults) []holdfast.FailureMode {
	var all []holdfast.FailureMode
	for _, m := range mode.Catalogue() {
		said := saidOf(m, d.overrides)
		switch {
		case m.Named && said.at.Line == 0:
		case m.BySession && (!asked[d.service.Name] || !m.Strikes(d.service)):
			if said.at.Line > 0 && d.service.Manage != "" {
				r.reportUnfit(m, said, string(d.service.Name), fitting(m, d.service))
			}
		case strikes(m, d.service, said):
			all = append(all, r.mode(seenFromOutside(m.Of(d.service), d.service), standard.bounds, d.bounds, said))
		case m.StrikesPublished(published, d.service):
			all = append(all, r.mode(m.OfPublished(d.service), standard.bounds, d.bounds, said))
		case said.at.Line == 0 || d.service.Manage == "":
		case m.FitsEdge != nil:
			r.reportUncovered(m, said, d.service, published)
		default:
			r.reportUnfit(m, said, string(d.service.Name), fitting(m, d.service))
		}
	}
	for _, n := range d.needs {
		all = append(all, r.edgeModes(d, n, drafts, standard)...)
	}
	return all
}

// edgeModes are the failure modes of one dependency.
func (r *reader) edgeModes(d *draft, n need, drafts []*draft, standard defaults) []holdfast.FailureMode {
	i := slices.IndexFunc(drafts, func(other *draft) bool { return other.service.Name == n.dependency.On })
	if i < 0 || drafts[i] == d || d.service.Manage == "" {
		return nil
	}
	edge := holdfast.Edge{From: d.service.Name, To: n.dependency.On}.String()
	if d.service.Manage != holdfast.Full || d.service.Once {
		for _, said := range n.overrides {
			r.reportUnfit(said.mode, said, edge, "remove it: a dependency is lost on purpose where holdfast runs its caller by `command`, and goes on running it")
		}
		return nil
	}
	var all []holdfast.FailureMode
	for _, m := range mode.Catalogue() {
		said := saidOf(m, n.overrides)
		switch {
		case m.StrikesEdge(n.dependency, drafts[i].service):
			all = append(all, r.mode(m.OfEdge(d.service, n.dependency), standard.bounds, overlay{}, said))
		case said.at.Line > 0:
			r.reportUnfit(m, said, edge, fittingEdge(m, drafts[i].service))
		}
	}
	return all
}

// saidOf is what the file says of a mode, if it says anything.
func saidOf(m mode.Mode, overrides []override) override {
	for _, o := range overrides {
		if o.mode.Kind == m.Kind {
			return o
		}
	}
	return override{}
}

// reportUncovered: a service is lost as a whole for those who depend on it, and for
// its users where a route says what they get then.
func (r *reader) reportUncovered(m mode.Mode, said override, s holdfast.Service, published holdfast.Publishing) {
	p := diagnostic.Problem{
		Code: unfitMode, Message: diagnostic.Tick(string(m.Kind)) + " strikes a dependency, not a service", Label: m.Title,
		Help: "write it where the dependency is declared: `depends_on: {other: {failure_modes: {" + string(m.Kind) + ": …}}}`",
	}
	switch {
	case len(published.CoveredTo(s.Name)) > 0:
		p.Message = diagnostic.Tick(string(s.Name)) + " cannot be lost on purpose"
		p.Help = "remove it: only what holdfast runs, speaks HTTP and has a health check can"
	case len(published.RoutesTo(s.Name)) > 0:
		p.Message = "nothing says what the users of " + diagnostic.Tick(string(s.Name)) + " get when it is lost"
		p.Help = "give a route of the gateway that leads to it `stale: 10m`, or a `fallback`; without, all who come fail, and no drill is needed to know it"
	}
	r.Report(said.at, p)
}

func (r *reader) reportUnfit(m mode.Mode, said override, target, help string) {
	if said.half() {
		return // which has been reported
	}
	r.Report(said.at, diagnostic.Problem{
		Code: unfitMode, Message: diagnostic.Tick(target) + " cannot be drilled for " + diagnostic.Tick(string(m.Kind)), Label: m.Title,
		Help: help,
	})
}

// fitting is what makes a failure mode fit a service.
func fitting(m mode.Mode, s holdfast.Service) string {
	const hook = "add `break: …` and `mend: …`, the commands that break it and put it back"
	switch {
	case m.BySession:
		return "write a session with a step that asks it; what is `stateful`, or keeps its data in `$DATA_DIR`, or is not run here, cannot be drilled for it"
	case s.Once:
		return "remove it: what runs once, to its end, has no replica that goes on"
	case s.Manage != holdfast.Full:
		return hook
	default:
		return hook + "; only what speaks HTTP and has a health check has " + diagnostic.Tick(string(m.Kind)) + " by itself"
	}
}

// fittingEdge is what makes one fit a dependency on a service.
func fittingEdge(m mode.Mode, on holdfast.Service) string {
	called := diagnostic.Tick(string(on.Name))
	switch {
	case m.FitsEdge == nil:
		return "write it at " + called + " itself, which it strikes: `failure_modes: {" + string(m.Kind) + ": …}`"
	case on.Once:
		return "remove it: " + called + " runs once, to its end, and nobody asks it anything"
	case on.Manage != holdfast.Full:
		return "remove it, or let holdfast run " + called + " by `command`"
	default:
		return "remove it: only what speaks HTTP and has a health check can be lost on purpose, and " + called + " does not"
	}
}

// mode puts over a failure mode what the file says of all, of its service, and
// of itself.
func (r *reader) mode(f holdfast.FailureMode, everywhere, here overlay, said override) holdfast.FailureMode {
	f.Owner = cmp.Or(said.owner, f.Owner)
	f.Escalation, f.Urgency, f.Runbook, f.Armed = said.escalate, said.urgency, said.runbook, said.armed
	for i, fault := range said.faults {
		if i == 0 {
			f.Drills = nil
		}
		f.Drills = append(f.Drills, holdfast.Drill{Fault: fault})
	}
	f = drilledByHook(f, said)
	if _, ok := said.said["remedies"]; ok {
		f.Remedies = said.remedies
	}
	for _, o := range []overlay{everywhere, here, said.bounds} {
		f.Bounds = o.over(f.Bounds)
	}
	r.reportOddBounds(f, said.bounds, here, everywhere)
	return f
}

// reportOddBounds warns where the innermost bounds stand that were written:
// they made the whole contradict itself.
func (r *reader) reportOddBounds(f holdfast.FailureMode, innermostFirst ...overlay) {
	at := diagnostic.Place{}
	for _, o := range innermostFirst {
		if at.Line == 0 {
			at = o.at
		}
	}
	if r.odd[at] {
		return
	}
	b := f.Bounds
	for _, odd := range []struct {
		name string
		of   time.Duration
	}{{name: "detect", of: b.Detect}, {name: "mitigate", of: b.Mitigate}} {
		if odd.of > b.Restore && at.Line > 0 {
			r.odd[at] = true
			r.Report(at, diagnostic.Problem{
				Code: oddBounds, Message: fmt.Sprintf("the bounds of %s allow more time to %s (%s) than to restore (%s)", diagnostic.Tick(string(f.Kind)), odd.name, spanText(odd.of), spanText(b.Restore)),
				Note: "what was not written comes from the failure mode's own bounds; all of them count from the injection",
				Help: "raise `restore`, or lower the other",
			})
		}
	}
}

func kinds() []holdfast.Kind {
	var all []holdfast.Kind
	for _, m := range mode.Catalogue() {
		all = append(all, m.Kind)
	}
	return all
}
