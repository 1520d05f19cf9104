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
	c.Alive, c.Mode.Armed, c.Doubted = true, true, 1
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
	unarmed.Mode.Armed = false
	thin := alive()
	thin.Out = 1
	return map[holdfast.Guardrail]Case{
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
			if _, refused := other.refuses(c); refused && other.name != own.name {
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
	c.Out, c.Mode.Armed = 1, false
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
