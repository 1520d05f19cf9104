package spec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/source"
)

// designKeys are the keys of a service that say what it is built for. They are
// read by who judges the system; they change nothing of how it runs.
func (r *reader) designKeys(into *holdfast.Design) []source.Key {
	return []source.Key{
		{Name: "promise", Read: scalar(r, &into.Promise, share)},
		{Name: "shares", Read: func(v source.Value) {
			into.Shares = list(r, v, "names of what its replicas fail with", "`shares: [mail-relay]`", name[holdfast.CauseName])
		}},
		{Name: "capacity", Read: r.capacity(&into.Capacity)},
		{Name: "stateful", Read: r.stateful(&into.State)},
	}
}

func (r *reader) capacity(into **holdfast.Capacity) func(source.Value) {
	return func(v source.Value) {
		var c holdfast.Capacity
		written := r.Keys(v, "a capacity", []source.Key{
			{Name: "replica", Read: scalar(r, &c.Replica, perSecond)},
			{Name: "peak", Read: scalar(r, &c.Peak, perSecond)},
		})
		for _, key := range []string{"replica", "peak"} {
			if written != nil && !meant(written, key) {
				r.Report(v.Key, diagnostic.Problem{Code: missingKey, Message: "capacity has no " + diagnostic.Tick(key), Help: "write what one replica bears and what all must: `capacity: {replica: 200/s, peak: 500/s}`"})
			}
		}
		if c.Replica > 0 && c.Peak > 0 {
			*into = &c
		}
	}
}

func (r *reader) stateful(into **holdfast.State) func(source.Value) {
	return func(v source.Value) {
		s := &holdfast.State{}
		*into = s
		r.Keys(v, "the state of a service", []source.Key{
			{Name: "backup", Read: scalar(r, &s.Backup, label[string])},
			{Name: "promote", Read: scalar(r, &s.Promote, oneOf(badWord, "a way in which another replica takes over", holdfast.Automatic, holdfast.Manual))},
			{Name: "quorum", Read: scalar(r, &s.Quorum, truth)},
		})
	}
}

// maxPerSecond is far beyond what one machine answers.
const maxPerSecond = 1e9

// perSecond reads "200/s".
func perSecond(text string) (float64, *complaint) {
	number, whole := strings.CutSuffix(strings.ReplaceAll(text, " ", ""), "/s")
	n, err := strconv.ParseFloat(number, 64)
	plain := number != "" && strings.Trim(number, "0123456789.") == ""
	if !plain || err != nil || n <= 0 || n > maxPerSecond {
		return complain[float64](badRate, "write requests per second, like `200/s`", "%s is not a number of requests per second", diagnostic.Tick(text))
	}
	if !whole {
		return complain[float64](badRate, "write "+diagnostic.Tick(number+"/s"), "%s has no unit", diagnostic.Tick(text))
	}
	return n, nil
}

// A pledge is a promise with a name, and the place of the service or session it
// is made for.
type pledge struct {
	promise holdfast.Promise
	at      diagnostic.Place
}

func (r *reader) promises(into *[]pledge) func(source.Value) {
	return func(v source.Value) {
		entries, _ := r.Entries(v, "promises by name")
		for _, e := range entries {
			called, wrong := name[holdfast.PromiseName](e.Key)
			if wrong != nil {
				r.Report(e.At, diagnostic.Problem{Code: wrong.code, Message: "a promise's name: " + wrong.message, Help: wrong.help})
				continue
			}
			p := pledge{promise: holdfast.Promise{Name: called, Window: promiseWindow}, at: e.At}
			target := holdfast.Share(-1)
			written := r.Keys(e.Value, "a promise", []source.Key{
				{Name: "service", Read: func(v source.Value) {
					p.at = v.At
					scalar(r, &p.promise.Service, name[holdfast.ServiceName])(v)
				}},
				{Name: "route", Read: scalar(r, &p.promise.Route, healthPath)},
				{Name: "journey", Read: func(v source.Value) {
					p.at = v.At
					scalar(r, &p.promise.Journey, name[holdfast.SessionName])(v)
				}},
				{Name: "target", Read: scalar(r, &target, share)},
				{Name: "within", Read: scalar(r, &p.promise.Within, waitBound)},
				{Name: "degraded", Read: scalar(r, &p.promise.Whole, degraded)},
			})
			if written != nil && !meant(written, "target") {
				r.Report(e.At, diagnostic.Problem{Code: missingKey, Message: "the promise " + diagnostic.Tick(e.Key) + " has no target", Help: "write what is promised: `target: 99.9%`"})
			}
			r.reportTwoAims(written)
			r.reportTwoMeasures(written)
			if p.promise.Target = target; target >= 0 {
				*into = append(*into, p)
			}
		}
	}
}

// reportTwoAims: the steps of a journey say whom they ask, and for what.
func (r *reader) reportTwoAims(written map[string]diagnostic.Place) {
	if _, journey := written["journey"]; !journey {
		return
	}
	for _, key := range []string{"service", "route"} {
		if at, said := written[key]; said {
			r.Report(at, diagnostic.Problem{Code: unfitKey, Message: diagnostic.Tick(key) + " means nothing beside `journey`", Label: "the steps of the session say whom they ask", Help: "remove it, or make two promises"})
		}
	}
}

// waitBound reads how soon an answer begins that is soon enough. What lies between
// two of the bounds by which waits are counted cannot be told.
func waitBound(text string) (time.Duration, *complaint) {
	d, wrong := duration(text)
	bounds := holdfast.WaitBounds()
	if wrong == nil && !slices.Contains(bounds[:], d) {
		var known []string
		for _, bound := range bounds {
			known = append(known, bound.String())
		}
		return complain[time.Duration](badDuration, "waits are counted by "+diagnostic.Ticks(known)+": write one of them", "%s is between two of the bounds by which waits are counted", diagnostic.Tick(text))
	}
	return d, wrong
}

// degraded reads whether a degraded answer keeps a promise: true says that it
// breaks it.
func degraded(text string) (bool, *complaint) {
	said, wrong := oneOf(badWord, "what a degraded answer is worth", "good", "bad")(text)
	return said == "bad", wrong
}

// reportTwoMeasures: a promise of speed counts what is late, whatever the answer
// is.
func (r *reader) reportTwoMeasures(written map[string]diagnostic.Place) {
	_, timed := written["within"]
	if at, said := written["degraded"]; timed && said {
		r.Report(at, diagnostic.Problem{Code: unfitKey, Message: "`degraded` means nothing beside `within`", Label: "what is late is counted, whatever the answer is", Help: "make two promises: one of how soon, one of what is answered"})
	}
}

// relatePromises: a promise is kept where users come in, by a service or by what
// they do there.
func (r *reader) relatePromises(pledges []pledge, drafts []*draft, scripts []*script, gateway holdfast.Publishing) []holdfast.Promise {
	var sessions []holdfast.SessionName
	for _, s := range scripts {
		sessions = append(sessions, s.session.Name)
	}
	var published []holdfast.ServiceName
	for _, d := range drafts {
		if isPublished(d.service, gateway) {
			published = append(published, d.service.Name)
		}
	}
	var all []holdfast.Promise
	for _, p := range pledges {
		all = append(all, p.promise)
		switch of, journey := p.promise.Service, p.promise.Journey; {
		case journey != "" && !slices.Contains(sessions, journey):
			r.Report(p.at, diagnostic.Problem{
				Code: unknownSession, Message: "no session is called " + diagnostic.Tick(string(journey)),
				Help: diagnostic.DidYouMean("", diagnostic.Nearest(string(journey), sessions), "write what the user does: `sessions: {"+string(journey)+": {steps: [{get: /}]}}`"),
			})
		case journey != "":
		case of != "" && !slices.Contains(published, of):
			r.Report(p.at, diagnostic.Problem{
				Code: vainPromise, Message: diagnostic.Tick(string(of)) + " is not published, so that nobody can be promised anything of it", Note: "a promise is kept, and counted, where users come in",
				Help: diagnostic.DidYouMean("", diagnostic.Nearest(string(of), published), "give it `ports`, or name one of "+diagnostic.Ticks(published)),
			})
		case of == "" && len(published) == 0:
			r.Report(p.at, diagnostic.Problem{
				Code: vainPromise, Message: "the promise " + diagnostic.Tick(string(p.promise.Name)) + " is made for nothing: no service is published", Note: "a promise is kept, and counted, where users come in",
				Help: "publish the service that users come to: `ports: [\"8080\"]`",
			})
		}
	}
	return all
}

// owners reads who the owners are. An empty list is no mistake of the text:
// nobody is there to be called, and that is for check to say.
func (r *reader) owners(into *[]holdfast.Team) func(source.Value) {
	return func(v source.Value) {
		entries, _ := r.Entries(v, "owners, each with its people")
		for _, e := range entries {
			called, wrong := label[holdfast.OwnerName](e.Key)
			if wrong != nil {
				r.Report(e.At, diagnostic.Problem{Code: wrong.code, Message: "an owner: " + wrong.message, Help: wrong.help})
				continue
			}
			people := list(r, e.Value, "people", "`owners: {shop-team: [ana, ben]}`", label[string])
			*into = append(*into, holdfast.Team{Owner: called, People: append([]string{}, people...)})
		}
	}
}

// relateOwners: once owners are listed, one that is not among them is a slip of
// the finger, and nobody would be called.
func (r *reader) relateOwners(teams []holdfast.Team, named []namedOwner) {
	if len(teams) == 0 {
		return
	}
	var known []holdfast.OwnerName
	for _, team := range teams {
		known = append(known, team.Owner)
	}
	for _, n := range named {
		if n.owner != "" && !slices.Contains(known, n.owner) {
			r.Report(n.at, diagnostic.Problem{
				Code: unknownOwner, Message: fmt.Sprintf("no owner is called %s", diagnostic.Tick(string(n.owner))), Label: "not among `owners`",
				Help: diagnostic.DidYouMean("", diagnostic.Nearest(string(n.owner), known), "add it to `owners`, with its people"),
			})
		}
	}
}

// A namedOwner is an owner where the file names it.
type namedOwner struct {
	owner holdfast.OwnerName
	at    diagnostic.Place
}

// namedOwners are those of the system, its services and their failure modes, as
// far as they are written there.
func namedOwners(system *holdfast.System, at diagnostic.Place, drafts []*draft) []namedOwner {
	named := []namedOwner{{owner: system.Owner, at: at}}
	for _, d := range drafts {
		if at, written := d.written["owner"]; written {
			named = append(named, namedOwner{owner: d.service.Owner, at: at})
		}
		overrides := slices.Clone(d.overrides)
		for _, n := range d.needs {
			overrides = append(overrides, n.overrides...)
		}
		for _, o := range overrides {
			named = append(named, namedOwner{owner: o.owner, at: o.said["owner"]})
		}
	}
	return named
}
