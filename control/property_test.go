package control

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"holdfast"
	"holdfast/event"
)

// world is a system whose replicas do what chance says, watched for what a mind
// may never do.
type world struct {
	t     *rapid.T
	tests *testing.T
	mind  *Mind
	twin  *Mind // never written down: must say the same as one that is
	now   time.Duration
	lives map[holdfast.ReplicaName]holdfast.Incarnation // whose process runs
	over  map[holdfast.ReplicaID]bool                   // which ended, or could not be started: never again
}

// TestWhateverHappens feeds random but possible observations and checks the
// rules that no history may break.
func TestWhateverHappens(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{t: rt, tests: t, mind: New("a"), twin: New("a"), now: time.Second, lives: map[holdfast.ReplicaName]holdfast.Incarnation{}, over: map[holdfast.ReplicaID]bool{}}
		w.step(event.Woken{})
		w.step(event.Declared{System: system(t, "storefront*2 needs catalog; catalog*3; cart*1; guardrails 3 per 10m")})
		for range rapid.IntRange(1, 120).Draw(rt, "inputs") {
			w.now += time.Duration(rapid.IntRange(0, 20_000).Draw(rt, "ms")) * time.Millisecond
			for due, ok := w.mind.Wake(); ok && due <= w.now; due, ok = w.mind.Wake() {
				w.step(nil)
			}
			w.step(w.something())
		}
	})
}

// something is an observation that can be made now.
func (w *world) something() event.Body {
	var possible []event.Body
	for _, want := range w.mind.Plan().Desired.Replicas {
		id := want.ID
		if lives := w.lives[id.Name()]; lives != 0 && lives != id.Incarnation {
			id.Incarnation = lives // a driver ends it before it starts the one that is wanted
			possible = append(possible, holdfast.Exited{ID: id})
		} else if lives != 0 {
			possible = append(possible,
				holdfast.Exited{ID: id, Status: holdfast.ExitStatus{Code: 1}},
				holdfast.Admitted{Gateway: "g", ID: id},
				holdfast.Ejected{Gateway: "g", ID: id, Sign: holdfast.SignRefused},
				holdfast.Ejected{Gateway: "g", ID: id, Sign: holdfast.SignRefused, Kept: true},
				holdfast.Ejected{Gateway: "g", ID: id, Sign: holdfast.SignMissed})
		} else if !w.over[id] {
			possible = append(possible, holdfast.Started{ID: id, Address: "127.0.0.1:1"}, holdfast.NotStarted{ID: id, Reason: "x"})
		}
	}
	for _, routed := range w.mind.Plan().Table.Services {
		for _, d := range routed.Draining {
			possible = append(possible, holdfast.Drained{Gateway: "g", ID: d.ID})
		}
	}
	possible = append(possible, event.Paused{By: "ana"}, event.Resumed{By: "ana"}, event.Woken{}, event.GuardsReset{By: "ana"})
	for _, file := range []string{
		"storefront*2 needs catalog; catalog*3; cart*1; guardrails 3 per 10m",
		"storefront*2 needs catalog; catalog*3 as v2; cart*1; guardrails 3 per 10m",
		"migrate*1 once; storefront*2 needs catalog after migrate as v3; catalog*2 as v3; guardrails 3 per 10m",
	} {
		if rapid.IntRange(0, 3).Draw(w.t, "declare") == 0 {
			possible = append(possible, event.Declared{System: system(w.tests, file)})
		}
	}
	return possible[rapid.IntRange(0, len(possible)-1).Draw(w.t, "what")]
}

func (w *world) step(in event.Body) {
	switch in := in.(type) {
	case holdfast.Started:
		w.lives[in.ID.Name()] = in.ID.Incarnation
	case holdfast.Exited:
		delete(w.lives, in.ID.Name())
		w.over[in.ID] = true
	case holdfast.NotStarted:
		w.over[in.ID] = true
	}
	at := event.At{Boot: w.now, BootID: "b"}
	said := w.mind.Step(at, in)
	if twin := w.twin.Step(at, in); !reflect.DeepEqual(said, twin) {
		w.t.Fatalf("written down and read back, the mind says\n%v\ninstead of\n%v", said, twin)
	}
	w.check(said)
	w.checkDraining()
	snapshot, err := w.mind.Snapshot()
	if err != nil {
		w.t.Fatal(err)
	}
	if w.mind, err = Restore(snapshot); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) check(said []event.Entry) {
	for i, entry := range said {
		if i > 0 && entry.ID.Seq != said[i-1].ID.Seq+1 {
			w.t.Fatalf("a gap between %s and %s", said[i-1].ID, entry.ID)
		}
		if entry.Cause.Seq >= entry.ID.Seq {
			w.t.Fatalf("%s was caused by %s, which is not earlier", entry.ID, entry.Cause)
		}
		decided, ok := entry.Body.(event.Decided)
		if ok && decided.Do == event.ActReplace {
			w.checkReplaced(decided.ID)
		}
		if !ok || decided.Do != event.ActRestart {
			continue
		}
		r := w.mind.Replicas[decided.ID.Name()]
		if w.mind.Paused[""] {
			w.t.Fatal("a remedy while everything is paused")
		}
		if len(r.Attempts) > w.mind.System.Guardrails.MaxActions.Count {
			w.t.Fatalf("%d attempts within the budget's span", len(r.Attempts))
		}
		if alive, lives := w.lives[decided.ID.Name()]; lives {
			w.t.Fatalf("a restart ends %s-%d#%d, which lives, though its mode is not armed", decided.ID.Service, decided.ID.Ordinal, alive)
		}
	}
	if due, ok := w.mind.Wake(); ok && due <= w.now {
		w.t.Fatalf("wants to be woken at %v although it is %v", due, w.now)
	}
}

// checkDraining: what gateways are to see the end of gets nothing more, and is not
// ended before. When a stop was asked for nobody waits.
func (w *world) checkDraining() {
	plan := w.mind.Plan()
	for _, routed := range plan.Table.Services {
		for _, d := range routed.Draining {
			if slices.Contains(routed.Endpoints, d.Endpoint) {
				w.t.Fatalf("%s drains and is in use", d.ID)
			}
			if !slices.ContainsFunc(plan.Desired.Replicas, func(r holdfast.DesiredReplica) bool { return r.ID == d.ID }) {
				w.t.Fatalf("%s drains and is to be ended", d.ID)
			}
			if time.Duration(d.By) <= w.now-drainLate {
				w.t.Fatalf("%s drains until %v, and it is %v", d.ID, time.Duration(d.By), w.now)
			}
		}
	}
}

// checkReplaced: what serves is taken out of use only while all others of its
// service serve.
func (w *world) checkReplaced(id holdfast.ReplicaID) {
	replaced := w.mind.Replicas[id.Name()]
	if replaced.Phase != draining {
		return
	}
	w.mind.peers(w.mind.service(replaced), func(other *replica) {
		if other != replaced && !other.admitted() {
			w.t.Fatalf("%s is replaced while %s is out", id, other.id())
		}
	})
}

// BenchmarkStep is the mind under steady news of 1,000 replicas; the bar is
// 100,000 steps a second on one core.
func BenchmarkStep(b *testing.B) {
	mind := New("a")
	mind.Step(event.At{}, event.Declared{System: large(b)})
	var ids []holdfast.ReplicaID
	for _, want := range mind.Plan().Desired.Replicas {
		mind.Step(event.At{Boot: 1}, holdfast.Started{ID: want.ID, Address: "127.0.0.1:1"})
		mind.Step(event.At{Boot: 1}, holdfast.Admitted{Gateway: "g", ID: want.ID})
		ids = append(ids, want.ID)
	}
	now := time.Second
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		id := ids[i/2%len(ids)]
		now += 5 * time.Microsecond
		if i%2 == 0 {
			mind.Step(event.At{Boot: now}, holdfast.Ejected{Gateway: "g", ID: id, Sign: holdfast.SignRefused})
		} else {
			mind.Step(event.At{Boot: now}, holdfast.Admitted{Gateway: "g", ID: id})
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
}

func large(b *testing.B) holdfast.System {
	var parts string
	for i := range 200 {
		if i > 0 {
			parts += "; "
		}
		parts += "svc" + string(rune('a'+i/26)) + string(rune('a'+i%26)) + "*5"
	}
	return system(b, parts)
}
