package prove

import (
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/fault/flood"
	"holdfast/load"
)

// asked is one request of the canary, a flood beginning at 10 s.
func (c canaries) asked(at time.Duration, status int, took time.Duration) canaries {
	return append(c, load.Probed{Probe: canary, At: int64(at), Took: took, Status: status})
}

type canaries []load.Probed

// before were answered before the flood.
func before() canaries {
	var c canaries
	for i := range 20 {
		c = c.asked(9*time.Second+time.Duration(i)*canaryEvery, 200, time.Millisecond)
	}
	return c
}

func TestAFloodIsSeenByWhoIsTurnedAway(t *testing.T) {
	const since = 10 * time.Second
	during := func(c canaries, n int, status int, took time.Duration) canaries {
		for i := range n {
			c = c.asked(since+time.Duration(i)*canaryEvery, status, took)
		}
		return c
	}
	for name, c := range map[string]struct {
		probed canaries
		saw    string // a part of it; empty: nothing
	}{
		"refused":                     {during(before(), 3, 503, time.Millisecond), "3 requests of the lowest priority seen refused"},
		"refused in other words":      {during(before(), 4, 429, time.Millisecond), "4 requests"},
		"not answered":                {during(before(), 3, 0, probePatience), "3 late or not answered"},
		"answered late":               {during(before(), 3, 200, late+1), "3 late or not answered"},
		"borne":                       {during(before(), 80, 200, 300*time.Millisecond), ""},
		"bad luck":                    {during(before(), 2, 503, time.Millisecond), ""},
		"nobody asked before":         {during(nil, 40, 503, time.Millisecond), ""},
		"it was refused before, too":  {during(before().asked(9*time.Second, 503, time.Millisecond), 40, 503, time.Millisecond), ""},
		"under way when it began":     {before().asked(since-1, 0, probePatience).asked(since-1, 0, probePatience).asked(since-1, 0, probePatience), ""},
		"a replica's probe, not ours": {append(before(), load.Probed{Probe: "catalog-1#1", At: int64(since), Status: 503}, load.Probed{Probe: "catalog-1#1", At: int64(since), Status: 503}, load.Probed{Probe: "catalog-1#1", At: int64(since), Status: 503}), ""},
	} {
		if saw := showsFlood(c.probed, since); (saw == "") != (c.saw == "") || !strings.Contains(saw, c.saw) {
			t.Errorf("%s: saw %q, want %q", name, saw, c.saw)
		}
	}
}

func TestAFloodIsThreeTimesWhatIsBorne(t *testing.T) {
	said := holdfast.Service{Name: "catalog", Replicas: 2, Design: holdfast.Design{Capacity: &holdfast.Capacity{Replica: 50, Peak: 80}}}
	if got := floodRate(said, 200); got != 300 {
		t.Errorf("of two replicas that bear 50/s each: %v/s", got)
	}
	if got := floodRate(holdfast.Service{Replicas: 2}, 200); got != 600 {
		t.Errorf("of what the control run bore: %v/s", got)
	}
	if got := floodRate(holdfast.Service{Replicas: 2}, 5000); got != flood.MaxRate {
		t.Errorf("beyond what may be sent: %v/s", got)
	}
}

// What was answered as before shows nothing, and the reason says what to write.
func TestAFloodThatIsBorneIsInvalid(t *testing.T) {
	victim := holdfast.Victim{ID: holdfast.ReplicaID{Service: "catalog"}, Flood: &holdfast.Flood{Rate: 600}}
	why := invalid(facts{service: holdfast.Service{Name: "catalog"}, victim: victim, by: holdfast.Drill{Fault: floods}, reached: 1000})
	if !strings.Contains(why, "600 requests a second more") || !strings.Contains(why, "capacity: {replica") {
		t.Errorf("it says %q", why)
	}
}

// Its replicas are slow for want of a processor: to say so is to blame them.
func TestAnOverloadTakenForSlowIsNotNoticed(t *testing.T) {
	of := holdfast.FailureMode{Name: "catalog.overload", Strikes: holdfast.Target{Service: "catalog"}, Kind: "overload"}
	id := holdfast.ReplicaID{Service: "catalog"}
	slow := event.Entry{At: event.At{Boot: 2 * time.Second}, Body: event.Detected{Mode: "catalog.slow", ID: holdfast.ReplicaID{Service: "catalog", Ordinal: 1, Incarnation: 1}, Sign: holdfast.SignSlow}}
	told := event.Entry{At: event.At{Boot: 3 * time.Second}, Body: event.Detected{Mode: of.Name, ID: id, Sign: holdfast.SignOverloaded}}
	f := facts{mode: of, service: holdfast.Service{Name: "catalog"}, injected: time.Second, victim: holdfast.Victim{ID: id, Flood: &holdfast.Flood{}}}
	if f.entries = []event.Entry{slow}; tell(f).detected != 0 {
		t.Error("it counts as noticed")
	}
	if f.entries = []event.Entry{slow, told}; tell(f).detected != 3*time.Second {
		t.Error("it is not noticed when it is told")
	}
}
