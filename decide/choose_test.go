package decide

import (
	"testing"
	"time"

	"holdfast"
)

// failed is a replica of two that exited once: the plain case, mended at once.
func failed() Case {
	return Case{
		Now:      time.Hour,
		Mode:     holdfast.FailureMode{Name: "catalog.crash", Remedies: []holdfast.Remedy{holdfast.RemedyRestart}},
		ID:       holdfast.ReplicaID{Service: "catalog", Ordinal: 2, Incarnation: 1},
		FailedAt: time.Hour,
		Replicas: 2,
		Rails:    holdfast.Guardrails{MaxActions: holdfast.Rate{Count: 3, Per: 10 * time.Minute}, MaxUnavailable: 1},
	}
}

func alive() Case {
	c := failed()
	c.Alive, c.Armed, c.Doubted, c.Sign = true, true, 1, holdfast.SignRefused
	return c
}

// stopped holds, for each guardrail, a case which that guardrail alone stops.
func stopped() map[holdfast.Guardrail]Case {
	paused := failed()
	paused.Paused = true
	worn := failed()
	worn.Attempts = []time.Duration{58 * time.Minute, 59 * time.Minute, 59*time.Minute + 30*time.Second}
	blind := alive()
	blind.Doubted = 2
	unarmed := alive()
	unarmed.Armed = false
	thin := alive()
	thin.Out = 1
	unsure := alive()
	unsure.Sign = holdfast.SignMissed
	sick := alive()
	sick.Around.Sick = []holdfast.ServiceName{"db"}
	many := alive()
	many.Replicas, many.Around.TurnedBad, many.Around.BadSince = 3, 2, time.Hour-time.Second
	flaps := alive()
	flaps.Around.Downs = 4
	zones := alive()
	zones.Around.ZoneOut = "b"
	fast := alive()
	fast.Around.Ended = time.Hour - time.Second
	return map[holdfast.Guardrail]Case{
		holdfast.RailEvidence:    unsure,
		holdfast.RailDependency:  sick,
		holdfast.RailMass:        many,
		holdfast.RailFlapping:    flaps,
		holdfast.RailZone:        zones,
		holdfast.RailVelocity:    fast,
		holdfast.RailPause:       paused,
		holdfast.RailAttempts:    worn,
		holdfast.RailEverything:  blind,
		holdfast.RailShadow:      unarmed,
		holdfast.RailUnavailable: thin,
	}
}

// TestEveryGuardrailStops is also the mutation test: with its guardrail switched
// off, no other one stops the case, so the case would pass.
func TestEveryGuardrailStops(t *testing.T) {
	for _, own := range rails() {
		c, ok := stopped()[own.name]
		if !ok {
			t.Errorf("no case shows what %s is for", own.name)
			continue
		}
		if got := Choose(c); got.Withheld != own.name {
			t.Errorf("%s: withheld by %q, want by itself", own.name, got.Withheld)
		}
		for _, other := range rails() {
			if _, refused := other.holds(c); refused && other.name != own.name {
				t.Errorf("%s is not needed: %s stops its case too", own.name, other.name)
			}
		}
	}
}

func TestWhatExitedIsStartedAtOnce(t *testing.T) {
	got := Choose(failed())
	if got.Do != "restart" || got.At != time.Hour || got.Attempt != 1 || got.Withheld != "" || got.Escalate {
		t.Fatalf("got %+v", got)
	}
}

func TestWhatExitedIsStartedHoweverManyAreOut(t *testing.T) {
	c := failed()
	c.Out, c.Armed = 1, false
	if got := Choose(c); got.Withheld != "" {
		t.Fatalf("withheld by %s: starting what exited takes nothing away", got.Withheld)
	}
}

func TestNoRemedyMeansAPerson(t *testing.T) {
	c := failed()
	c.Mode.Remedies = nil
	if got := Choose(c); got.Do != "" || !got.Escalate {
		t.Fatalf("got %+v", got)
	}
}

func TestAWornBudgetAllowsOneMoreWhenItsOldestAttemptIsOver(t *testing.T) {
	c := stopped()[holdfast.RailAttempts]
	got := Choose(c)
	if want := 68 * time.Minute; got.Again != want {
		t.Fatalf("asks again at %v, want %v", got.Again, want)
	}
	c.Now = got.Again
	if got := Choose(c); got.Withheld != "" || got.Attempt != 3 {
		t.Fatalf("when the oldest attempt is over: %+v", got)
	}
}

func TestBackoffGrowsAndIsBounded(t *testing.T) {
	id := failed().ID
	if Backoff(id, 0) != 0 {
		t.Error("the first failure is not mended at once")
	}
	for streak := 1; streak < 200; streak++ {
		exact := maxBackoff
		if streak < 7 {
			exact = firstBackoff << (streak - 1)
		}
		got := Backoff(id, streak)
		if got < exact*8/10 || got > exact*12/10 {
			t.Errorf("streak %d waits %v, want %v ± 20 %%", streak, got, exact)
		}
	}
}

func TestReplicasThatFailTogetherDoNotComeBackTogether(t *testing.T) {
	seen := map[time.Duration]bool{}
	for ordinal := range 20 {
		seen[Backoff(holdfast.ReplicaID{Service: "catalog", Ordinal: ordinal + 1, Incarnation: 3}, 3)] = true
	}
	if len(seen) < 15 {
		t.Errorf("20 replicas wait only %d different times", len(seen))
	}
}

// hung is a replica of two of which no byte comes, ejected a moment ago.
func hung() Case {
	c := alive()
	c.Mode.Remedies = []holdfast.Remedy{holdfast.RemedyEject, holdfast.RemedyRestart}
	c.Sign = holdfast.SignSilent
	return c
}

func TestEjectionIsGivenTimeToSuffice(t *testing.T) {
	c := hung()
	if got := Choose(c); !got.Waiting || got.Do != "eject" || got.Again != time.Hour+holdfast.Settling {
		t.Errorf("at once: %+v", got)
	}
	c.Now += holdfast.Settling
	if got := Choose(c); got.Do != "restart" || got.Withheld != "" || got.At != c.Now {
		t.Errorf("after %s: %+v", holdfast.Settling, got)
	}
	c.Sign = holdfast.SignSlow
	if got := Choose(c); !got.Waiting || got.Again != time.Hour+settlingElse {
		t.Errorf("one that answers late: %+v", got)
	}
}

func TestWhatExitedMeanwhileIsStartedAtOnce(t *testing.T) {
	c := hung()
	c.Alive, c.Armed = false, false
	if got := Choose(c); got.Do != "restart" || got.At != c.Now {
		t.Errorf("got %+v", got)
	}
}

// A minute after routing hid a failure for which nothing else is declared, a
// person is told that the system is one failure short.
func TestAPersonIsToldWhatRoutingHides(t *testing.T) {
	c := alive()
	c.Mode.Remedies, c.Sign = []holdfast.Remedy{holdfast.RemedyEject}, holdfast.SignErrors
	if got := Choose(c); !got.Waiting || got.Escalate || got.Again != time.Hour+PersonAfter {
		t.Errorf("at once: %+v", got)
	}
	c.Now += PersonAfter
	if got := Choose(c); got.Do != "" || !got.Escalate {
		t.Errorf("after a minute: %+v", got)
	}
}

// Of two replicas one is half of them, and is mended all the same; of three, two
// are too many.
func TestOneIsNeverAMassEvent(t *testing.T) {
	for replicas, most := range map[int]int{1: 1, 2: 1, 3: 1, 5: 1, 6: 2, 9: 3} {
		c := alive()
		c.Replicas, c.Around.BadSince = replicas, c.Now
		c.Around.TurnedBad = most
		if _, refused := mass(c); refused {
			t.Errorf("%d of %d is refused", most, replicas)
		}
		c.Around.TurnedBad++
		if _, refused := mass(c); !refused {
			t.Errorf("%d of %d is not refused", most+1, replicas)
		}
	}
	c := alive()
	c.Around.TurnedBad, c.Around.BadZones, c.Around.BadSince = 1, 2, c.Now
	if _, refused := mass(c); !refused {
		t.Error("two zones are not refused")
	}
	c.Now += MassWithin
	if _, refused := mass(c); refused {
		t.Error("still refused when it has settled")
	}
}

func TestMissedChecksAloneBringAPersonAfterAMinute(t *testing.T) {
	c := alive()
	c.Sign = holdfast.SignMissed
	if got := Choose(c); got.Withheld != holdfast.RailEvidence || got.Escalate || got.Again != time.Hour+PersonAfter {
		t.Errorf("at once: %+v", got)
	}
	c.Now += PersonAfter
	if got := Choose(c); got.Withheld != holdfast.RailEvidence || !got.Escalate {
		t.Errorf("after a minute: %+v", got)
	}
}
