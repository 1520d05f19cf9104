package spec

import (
	"cmp"
	"path"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/source"
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
	at     diagnostic.Place
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
	standardGrace = 10 * time.Second // Compose's
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
	var pledges []pledge
	var scripts []*script
	published := &publishing{}
	called := &calling{}
	var says []attested
	top := r.Root(root)
	if _, mapping := top.Node.(*ast.MappingNode); !mapping {
		r.Report(top.At, diagnostic.Problem{Code: source.WrongType, Message: "the file must be a mapping with `name` and `services`", Label: "this is " + source.Shape(top.Node), Help: smallest})
		return nil
	}
	written := r.Keys(top, "a system", []source.Key{
		{Name: "name", Read: scalar(r, &system.Name, name[holdfast.SystemName])},
		{Name: "owner", Read: scalar(r, &system.Owner, label[holdfast.OwnerName])},
		{Name: "promise", Read: r.promise(&system.Promise)},
		{Name: "promises", Read: r.promises(&pledges)},
		{Name: "owners", Read: r.owners(&system.People)},
		{Name: "people", Read: r.people(called)},
		{Name: "channels", Read: r.channels(called)},
		{Name: "schedules", Read: r.schedules(called)},
		{Name: "escalation_policies", Read: r.policies(called)},
		{Name: "escalate", Read: func(v source.Value) {
			scalar(r, &called.Standard, label[holdfast.PolicyName])(v)
			called.standard = v.At
		}},
		{Name: "on_call", Read: r.onCall(called)},
		{Name: "zones", Read: r.declaredZones(&system.Zones)},
		{Name: "defaults", Read: r.defaults(&standard)},
		{Name: "guardrails", Read: r.guardrails(&system.Guardrails)},
		{Name: "prove", Read: r.consent(&system.Prove, &allowed)},
		{Name: "drills", Read: r.drills(&system.Load)},
		{Name: "sessions", Read: r.sessions(&scripts)},
		{Name: "accept", Read: r.accept},
		{Name: "attest", Read: r.attest(&says)},
		{Name: "gateway", Read: r.gateway(published)},
		{Name: "services", Read: func(v source.Value) { drafts = r.services(v, system, standard) }},
	})
	r.reportMissing(written, top)
	r.relate(drafts, published, called)
	system.Gateway = published.Publishing
	system.Prove = r.relateConsent(system.Prove, allowed, drafts)
	system.Sessions = r.relateSessions(scripts, drafts, system.Prove, system.Gateway)
	system.Promises = r.relatePromises(pledges, drafts, scripts, system.Gateway)
	r.relatePeople(called, system.People, drafts)
	system.OnCall = called.OnCall
	system.Attested = r.relateAttested(says, called, system.People)
	r.relateOwners(system.People, namedOwners(system, written["owner"], drafts))
	asked := map[holdfast.ServiceName]bool{}
	for _, session := range system.Sessions {
		for _, name := range session.Asks() {
			asked[name] = true
		}
	}
	for _, d := range drafts {
		system.Services = append(system.Services, d.service)
		system.Modes = append(system.Modes, r.modes(d, drafts, asked, system.Gateway, standard)...)
	}
	return system
}

func (r *reader) reportMissing(written map[string]diagnostic.Place, top source.Value) {
	if !meant(written, "name") {
		suggestion := slug(path.Base(strings.ReplaceAll(r.File.Dir, `\`, "/")))
		if suggestion == "" {
			suggestion = "shop"
		}
		r.Report(top.At, diagnostic.Problem{Code: missingKey, Message: "the system has no name", Help: "write " + diagnostic.Tick("name: "+suggestion) + " at the top"})
	}
	if !meant(written, "services") {
		r.Report(top.At, diagnostic.Problem{Code: missingKey, Message: "the system has no services", Help: "write `services:` and below it, indented, what runs: `web: {command: ./web}`"})
	}
}

func (r *reader) promise(into **holdfast.Promise) func(source.Value) {
	return func(v source.Value) {
		target := holdfast.Share(-1)
		scalar(r, &target, share)(v)
		if target >= 0 {
			*into = &holdfast.Promise{Target: target, Window: promiseWindow}
		}
	}
}

func (r *reader) declaredZones(into *[]holdfast.ZoneName) func(source.Value) {
	return func(v source.Value) { *into = list(r, v, "names of zones", "`[a, b]`", name[holdfast.ZoneName]) }
}

// list reads a list of values that may not repeat.
func list[T ~string](r *reader, v source.Value, what, example string, parse func(string) (T, *complaint)) []T {
	all, _ := listAt(r, v, what, example, parse)
	return all
}

// listAt also tells where each of them stands.
func listAt[T comparable](r *reader, v source.Value, what, example string, parse func(string) (T, *complaint)) ([]T, []diagnostic.Place) {
	items, _ := r.Items(v, what, example)
	var all []T
	var places []diagnostic.Place
	first := map[T]diagnostic.Place{}
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
		first[one] = item.At
		all, places = append(all, one), append(places, item.At)
	}
	return all, places
}

func (r *reader) reportTwice(item source.Value, first diagnostic.Place) {
	text, _ := r.Scalar(item)
	r.Report(item.At, diagnostic.Problem{Code: listedTwice, Message: diagnostic.Tick(text) + " is listed twice", Label: "first " + first.String(), Help: "remove one of them"})
}

func (r *reader) defaults(into *defaults) func(source.Value) {
	return func(v source.Value) {
		r.Keys(v, "the defaults", []source.Key{
			{Name: "healthcheck", Read: func(v source.Value) { r.healthcheck(v, &into.health) }},
			{Name: "bounds", Read: r.bounds(&into.bounds)},
			{Name: "stop_grace_period", Read: scalar(r, &into.grace, span)},
		})
	}
}

func (r *reader) guardrails(into *holdfast.Guardrails) func(source.Value) {
	return func(v source.Value) {
		r.Keys(v, "the guardrails", []source.Key{
			{Name: "max_actions", Read: scalar(r, &into.MaxActions, rate)},
			{Name: "max_unavailable", Read: scalar(r, &into.MaxUnavailable, wholeNumber(1, maxReplicas))},
		})
	}
}

// healthcheck reads over what into holds already, and returns where each key
// stands.
func (r *reader) healthcheck(v source.Value, into *holdfast.Healthcheck) map[string]diagnostic.Place {
	if path, alone := v.Node.(*ast.StringNode); alone && strings.HasPrefix(path.Value, "/") {
		r.ReportType(v, "a mapping: the keys of a health check", "write "+diagnostic.Tick("healthcheck: {path: "+path.Value+"}"))
		return nil
	}
	return r.Keys(v, "a health check", []source.Key{
		{Name: "path", Read: scalar(r, &into.Path, healthPath)},
		{Name: "send", Read: r.spoken(&into.Send)},
		{Name: "expect", Read: r.spoken(&into.Expect)},
		{Name: "interval", Read: scalar(r, &into.Interval, duration)},
		{Name: "timeout", Read: scalar(r, &into.Timeout, duration)},
		{Name: "retries", Read: scalar(r, &into.Retries, wholeNumber(1, 100))},
		{Name: "start_period", Read: scalar(r, &into.StartPeriod, span)},
		{Name: "disable", Read: scalar(r, &into.Disabled, truth)},
	})
}

// bounds reads what is written into an overlay.
func (r *reader) bounds(into *overlay) func(source.Value) {
	return func(v source.Value) {
		written := r.Keys(v, "bounds", []source.Key{
			{Name: "detect", Read: scalar(r, &into.bounds.Detect, duration)},
			{Name: "mitigate", Read: scalar(r, &into.bounds.Mitigate, duration)},
			{Name: "restore", Read: scalar(r, &into.bounds.Restore, duration)},
			{Name: "impact", Read: scalar(r, &into.bounds.Impact, share)},
		})
		_, into.impact = written["impact"]
		into.at = v.At
	}
}
