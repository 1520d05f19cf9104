package spec

import (
	"slices"
	"time"

	"holdfast"
	"holdfast/command"
	"holdfast/diagnostic"
	"holdfast/mode"
	"holdfast/source"
)

// maxHook bounds what a file may allow one command of a hook: less than a load
// lasts, since both commands and the watching between them happen under it.
const maxHook = 2 * time.Minute

// A hook is what the file says of breaking and mending by commands, with the
// words of both, in which variables may stand.
type hook struct {
	holdfast.Hook
	breaks, mends []rawText
}

// hookKeys read a hook; the keys tell afterwards what was written.
func (r *reader) hookKeys(into *hook) []source.Key {
	into.Hook = holdfast.Hook{Dir: r.File.Dir, Timeout: holdfast.HookTimeout}
	return []source.Key{
		{Name: "break", Read: func(v source.Value) { into.Break, into.breaks = r.program(v) }},
		{Name: "mend", Read: func(v source.Value) { into.Mend, into.mends = r.program(v) }},
		{Name: "hook_timeout", Read: scalar(r, &into.Timeout, hookTime)},
	}
}

func hookTime(text string) (time.Duration, *complaint) {
	d, wrong := duration(text)
	if wrong == nil && d > maxHook {
		return complain[time.Duration](badDuration, "write at most "+diagnostic.Tick(spanText(maxHook)), "%s is longer than a hook may take", diagnostic.Tick(text))
	}
	return d, wrong
}

// hooked says that an override breaks by a command and mends by another.
func (o override) hooked() bool { return o.hook.Break != "" && o.hook.Mend != "" }

// half says that only one of the two is there, or that one cannot be read.
func (o override) half() bool {
	_, breaks := o.said["break"]
	_, mends := o.said["mend"]
	return (breaks || mends) && !o.hooked()
}

// reportHalfHook: never a break without a mend, and nothing to mend without a
// break.
func (r *reader) reportHalfHook(o override) {
	breaks, broken := o.said["break"]
	mends, mended := o.said["mend"]
	limit, limited := o.said["hook_timeout"]
	switch {
	case broken && !mended && !meant(o.said, "mend"):
		r.Report(breaks, diagnostic.Problem{
			Code: halfHook, Message: "`break` without `mend`: what it breaks would stay broken",
			Note: "`mend` is run whatever happens, perhaps twice, and by another process if the drill dies: it must succeed any number of times",
			Help: "add `mend: …`, the command that puts back what `break` breaks",
		})
	case mended && !broken && !meant(o.said, "break"):
		r.Report(mends, diagnostic.Problem{Code: halfHook, Message: "`mend` without `break`", Help: "add `break: …`, the command that makes it fail, or remove `mend`"})
	case limited && !broken && !mended:
		r.Report(limit, diagnostic.Problem{Code: halfHook, Message: "`hook_timeout` bounds `break` and `mend`, and there are none", Help: "add both, or remove it"})
	}
}

// reportEdgeHooks: what is broken by commands is a service; who depends on it
// sees it.
func (r *reader) reportEdgeHooks(overrides []override) {
	for _, o := range overrides {
		for _, key := range []string{"break", "mend", "hook_timeout"} {
			if at, said := o.said[key]; said {
				r.Report(at, diagnostic.Problem{Code: unfitKey, Message: diagnostic.Tick(key) + " means nothing for a dependency", Help: "write it under `failure_modes` of the service that is to be broken"})
			}
		}
	}
}

// settleHook takes a hook over for a service: which variables its words may
// hold, and whom it strikes.
func (r *reader) settleHook(d *draft, o *override) {
	r.reportHalfHook(*o)
	if !o.hooked() {
		return
	}
	for _, texts := range [][]rawText{o.hook.breaks, o.hook.mends} {
		for _, raw := range texts {
			raw.given = hookVariables(d.service)
			d.texts = append(d.texts, raw)
		}
	}
	if d.service.Manage == holdfast.Full {
		r.reportAimless(o)
		return
	}
	o.hook.Whole = d.service.Replicas > 1 && !refer(o.hook.breaks, "REPLICA", "PORT", "HOST")
}

// hookVariables are those a hook is given: of the replica it strikes.
func hookVariables(s holdfast.Service) []string {
	given := []string{"REPLICA", "HOST", "PORT"}
	if s.Manage == holdfast.Full {
		given = append(given, "PID")
	}
	return given
}

// reportAimless: a private copy runs beside what it is a copy of. What names
// neither the process nor the port of the copy strikes something else.
func (r *reader) reportAimless(o *override) {
	for _, c := range []struct {
		key   string
		words []rawText
	}{{key: "break", words: o.hook.breaks}, {key: "mend", words: o.hook.mends}} {
		if !refer(c.words, "PID", "PORT") {
			r.Report(o.said[c.key], diagnostic.Problem{
				Code: aimlessHook, Message: diagnostic.Tick(c.key) + " does not say which process it means", Label: "neither `$PID` nor `$PORT`",
				Note: "the drill strikes a replica of a private copy; what is named otherwise would be something else, perhaps what runs in earnest",
				Help: "use `$PID` or `$PORT` of the struck replica, as in `kill -STOP $PID`; for what already runs, declare it with `urls`",
			})
		}
	}
}

// refer tells whether words refer to one of some variables.
func refer(texts []rawText, variables ...string) bool {
	return slices.ContainsFunc(texts, func(raw rawText) bool {
		return slices.ContainsFunc(command.Pieces(raw.text), func(p command.Piece) bool { return slices.Contains(variables, p.Name) })
	})
}

// drilledByHook puts a hook in the place of the standard fault.
func drilledByHook(f holdfast.FailureMode, said override) holdfast.FailureMode {
	if said.hooked() {
		f.Drills = []holdfast.Drill{{Fault: holdfast.FaultHook, Hook: &said.hook.Hook}}
	}
	return f
}

// seenFromOutside gives more time to notice where the kernel tells nothing and
// no request passes through us: a check may be an interval away, and its word
// needs a second one.
func seenFromOutside(f holdfast.FailureMode, s holdfast.Service) holdfast.FailureMode {
	if s.Manage != holdfast.Full {
		f.Bounds.Detect += 2 * s.Healthcheck.Interval
		f.Bounds.Mitigate = max(f.Bounds.Mitigate, f.Bounds.Detect)
	}
	return f
}

// strikes says whether a service has a failure mode: those that the catalogue
// finds fitting, and those that the file's own commands make true.
func strikes(m mode.Mode, s holdfast.Service, said override) bool {
	return m.Strikes(s) || m.Fits != nil && !m.BySession && said.hooked()
}
