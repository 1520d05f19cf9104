package spec

import (
	"cmp"
	"path"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"holdfast"
)

// promiseWindow is four weeks, so that every window holds the same weekdays.
const promiseWindow = 28 * 24 * time.Hour

// defaults are what every service starts from.
type defaults struct {
	health holdfast.Healthcheck
	bounds overlay
	grace  time.Duration
}

// An overlay puts bounds that were written over those that hold without them.
// What was not written it leaves alone, which a zero could not say: an impact of
// 0% is a bound, and the strictest.
type overlay struct {
	bounds holdfast.Bounds
	impact bool // bounds.Impact was written
	at     place
}

func (o overlay) over(b holdfast.Bounds) holdfast.Bounds {
	b.Detect = cmp.Or(o.bounds.Detect, b.Detect)
	b.Mitigate = cmp.Or(o.bounds.Mitigate, b.Mitigate)
	b.Restore = cmp.Or(o.bounds.Restore, b.Restore)
	if o.impact {
		b.Impact = o.bounds.Impact
	}
	return b
}

// Unless the file says otherwise. A check each second with two misses to eject
// notices a hang in 2.3 s, below the 3 s that a hang is allowed; 30 s is what
// slow starters of the compose files we have read need.
func standardHealth() holdfast.Healthcheck {
	return holdfast.Healthcheck{Interval: time.Second, Timeout: 300 * time.Millisecond, Retries: 2, StartPeriod: 30 * time.Second}
}

const (
	standardGrace   = 10 * time.Second // Compose's
	standardTimeout = time.Second      // of a dependency
)

func standardGuardrails() holdfast.Guardrails {
	return holdfast.Guardrails{MaxActions: holdfast.Rate{Count: 5, Per: 10 * time.Minute}, MaxUnavailable: 1}
}

// system reads the whole file. It returns a system even when there are errors,
// so that everything there is can be looked at.
func (r *reader) system(root ast.Node) *holdfast.System {
	if root == nil {
		return nil
	}
	system := &holdfast.System{Guardrails: standardGuardrails()}
	standard := defaults{health: standardHealth(), grace: standardGrace}
	var drafts []*draft
	var allowed []allowance
	top := r.value(root, "the file", beginning())
	if _, mapping := top.node.(*ast.MappingNode); !mapping {
		r.report(top.at, Problem{Code: wrongType, Message: "the file must be a mapping with `name` and `services`", Label: "this is " + shape(top.node), Help: smallest})
		return nil
	}
	written := r.keys(top, "a system", []key{
		{name: "name", read: scalar(r, &system.Name, name[holdfast.SystemName])},
		{name: "owner", read: scalar(r, &system.Owner, label[holdfast.OwnerName])},
		{name: "promise", read: r.promise(&system.Promise)},
		{name: "zones", read: r.declaredZones(&system.Zones)},
		{name: "defaults", read: r.defaults(&standard)},
		{name: "guardrails", read: r.guardrails(&system.Guardrails)},
		{name: "prove", read: r.consent(&allowed)},
		{name: "services", read: func(v value) { drafts = r.services(v, system, standard) }},
	})
	r.reportMissing(written, top)
	r.relate(drafts)
	system.Prove = r.relateConsent(allowed, drafts)
	if _, tried := written["owner"]; !tried {
		r.reportUnowned(drafts)
	}
	for _, d := range drafts {
		system.Services = append(system.Services, d.service)
		system.Modes = append(system.Modes, r.modes(d, drafts, standard)...)
	}
	return system
}

func (r *reader) reportMissing(written map[string]place, top value) {
	if !meant(written, "name") {
		suggestion := slug(path.Base(strings.ReplaceAll(r.file.Dir, `\`, "/")))
		if suggestion == "" {
			suggestion = "shop"
		}
		r.report(top.at, Problem{Code: missingKey, Message: "the system has no name", Help: "write " + tick("name: "+suggestion) + " at the top"})
	}
	if !meant(written, "services") {
		r.report(top.at, Problem{Code: missingKey, Message: "the system has no services", Help: "write `services:` and below it, indented, what runs: `web: {command: ./web}`"})
	}
}

func (r *reader) promise(into **holdfast.Promise) func(value) {
	return func(v value) {
		target := holdfast.Share(-1)
		scalar(r, &target, share)(v)
		if target >= 0 {
			*into = &holdfast.Promise{Target: target, Window: promiseWindow}
		}
	}
}

func (r *reader) declaredZones(into *[]holdfast.ZoneName) func(value) {
	return func(v value) { *into = list(r, v, "names of zones", "`[a, b]`", name[holdfast.ZoneName]) }
}

// list reads a list of values that may not repeat.
func list[T ~string](r *reader, v value, what, example string, parse func(string) (T, *complaint)) []T {
	all, _ := listAt(r, v, what, example, parse)
	return all
}

// listAt also tells where each of them stands.
func listAt[T comparable](r *reader, v value, what, example string, parse func(string) (T, *complaint)) ([]T, []place) {
	items, _ := r.items(v, what, example)
	var all []T
	var places []place
	first := map[T]place{}
	for _, item := range items {
		var one, zero T
		scalar(r, &one, parse)(item)
		if one == zero {
			continue
		}
		if at, twice := first[one]; twice {
			r.reportTwice(item, at)
			continue
		}
		first[one] = item.at
		all, places = append(all, one), append(places, item.at)
	}
	return all, places
}

func (r *reader) reportTwice(item value, first place) {
	text, _ := r.scalar(item)
	r.report(item.at, Problem{Code: listedTwice, Message: tick(text) + " is listed twice", Label: "first " + where(first), Help: "remove one of them"})
}

func (r *reader) defaults(into *defaults) func(value) {
	return func(v value) {
		r.keys(v, "the defaults", []key{
			{name: "healthcheck", read: func(v value) { r.healthcheck(v, &into.health) }},
			{name: "bounds", read: r.bounds(&into.bounds)},
			{name: "stop_grace_period", read: scalar(r, &into.grace, span)},
		})
	}
}

func (r *reader) guardrails(into *holdfast.Guardrails) func(value) {
	return func(v value) {
		r.keys(v, "the guardrails", []key{
			{name: "max_actions", read: scalar(r, &into.MaxActions, rate)},
			{name: "max_unavailable", read: scalar(r, &into.MaxUnavailable, wholeNumber(1, maxReplicas))},
		})
	}
}

// healthcheck reads over what into holds already, and returns where each key
// stands.
func (r *reader) healthcheck(v value, into *holdfast.Healthcheck) map[string]place {
	if path, alone := v.node.(*ast.StringNode); alone && strings.HasPrefix(path.Value, "/") {
		r.reportType(v, "a mapping: the keys of a health check", "write "+tick("healthcheck: {path: "+path.Value+"}"))
		return nil
	}
	return r.keys(v, "a health check", []key{
		{name: "path", read: scalar(r, &into.Path, healthPath)},
		{name: "send", read: r.spoken(&into.Send)},
		{name: "expect", read: r.spoken(&into.Expect)},
		{name: "interval", read: scalar(r, &into.Interval, duration)},
		{name: "timeout", read: scalar(r, &into.Timeout, duration)},
		{name: "retries", read: scalar(r, &into.Retries, wholeNumber(1, 100))},
		{name: "start_period", read: scalar(r, &into.StartPeriod, span)},
		{name: "disable", read: scalar(r, &into.Disabled, truth)},
	})
}

// bounds reads what is written into an overlay.
func (r *reader) bounds(into *overlay) func(value) {
	return func(v value) {
		written := r.keys(v, "bounds", []key{
			{name: "detect", read: scalar(r, &into.bounds.Detect, duration)},
			{name: "mitigate", read: scalar(r, &into.bounds.Mitigate, duration)},
			{name: "restore", read: scalar(r, &into.bounds.Restore, duration)},
			{name: "impact", read: scalar(r, &into.bounds.Impact, share)},
		})
		_, into.impact = written["impact"]
		into.at = v.at
	}
}
