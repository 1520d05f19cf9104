package gateway

import (
	"net/http/httptest"
	"testing"
	"time"
)

// queuedAt is an admission whose places are all taken, and how much too many.
func queuedAt(most, taken int) *admission {
	a := &admission{limit: limit{most: most}}
	for range taken {
		a.slots.take(&slot{}, normal, 0)
	}
	return a
}

func (a *admission) arrive(r rank, at time.Duration) *ticket {
	x := &exchange{r: httptest.NewRequest("GET", "/", nil), place: place{rank: r}}
	return a.join(x, a.patience(x, at), at)
}

func (t *ticket) refused() bool {
	select {
	case <-t.ready:
		return !t.given
	default:
		return false
	}
}

// Nobody is refused while somebody of a lower rank waits.
func TestAFullQueueLosesItsLowestRankFirst(t *testing.T) {
	a := queuedAt(1, 1)
	var waiting [ranks][]*ticket
	for i := range leastQueue {
		r := rank(1 + i%(ranks-1))
		waiting[r] = append(waiting[r], a.arrive(r, 1))
	}
	for r := background; r > critical; r-- {
		for _, lower := range waiting[r] {
			if lower.refused() {
				t.Fatalf("%s: refused before anybody came in its place", r.priority())
			}
			if a.arrive(critical, 1) == nil || !lower.refused() {
				t.Fatalf("a critical one came, and one of %s waits on", r.priority())
			}
		}
	}
	if a.arrive(critical, 1) != nil || a.queued != leastQueue {
		t.Errorf("%d wait in a queue of %d, all of them critical", a.queued, leastQueue)
	}
}

// What lower ranks wait makes nobody else's queue one that stands.
func TestAQueueStandsForItsOwnRankAndThoseBelow(t *testing.T) {
	a := queuedAt(1, 1)
	first := a.arrive(background, 1)
	at := 1 + standsAfter + 1
	if !a.stands(background, at) || a.stands(normal, at) {
		t.Error("a background request waits, and the queue stands for others")
	}
	x := &exchange{r: httptest.NewRequest("GET", "/", nil), place: place{rank: normal}}
	if wait := a.patience(x, at); wait != waitTime {
		t.Errorf("a default request may wait for %s only", wait)
	}
	a.join(x, waitTime, at)
	if later := at + clearsAfter; a.stands(normal, later) || !a.stands(normal, later+1) {
		t.Error("the default ones do not stand as long as lower ones give way, or for ever")
	}
	late := a.arrive(background, at)
	if a.tire(at); !first.refused() || late.refused() {
		t.Error("who waited for too long waits on, or another is refused for it")
	}
}

// The critical wait as long as they can still be answered.
func TestTheCriticalDoNotTire(t *testing.T) {
	a := queuedAt(1, 1)
	first := a.arrive(critical, 1)
	if a.tire(time.Minute); first.refused() {
		t.Error("it was refused")
	}
}

// While a backlog drains that came before the limit nobody is served: it is not the
// queue that stands.
func TestABacklogThatDrainsIsNoQueueThatStands(t *testing.T) {
	a := queuedAt(1, 3)
	waits := a.arrive(normal, 1)
	at := 1 + 2*standsAfter
	a.serve(at)
	if a.tire(at); a.stands(normal, at) || waits.refused() {
		t.Error("it tires while two are answered that came before")
	}
	a.slots.expire(at)
	if a.serve(at); !waits.given {
		t.Error("there was a place, and nobody got it")
	}
}

// Where an overload seems to begin, lower ranks wait for as long as higher ones are
// there; nobody waits for his like.
func TestLowerRanksAreHeldUntilItIsClear(t *testing.T) {
	a := &admission{}
	high := &slot{}
	a.slots.take(high, normal, 1)
	if !a.free(background) {
		t.Error("held, and nothing speaks for an overload")
	}
	a.limit.onset = onset{answers: onsetSuspect, last: 1}
	if a.free(background) || !a.free(normal) || !a.free(critical) {
		t.Error("others are held than those of lower ranks")
	}
	held := a.arrive(background, 1)
	if a.serve(1); held.given {
		t.Error("it was held, and is let in")
	}
	a.limit.onset = a.limit.onset.lasting(1 + onsetPause + 1)
	if a.serve(2); !held.given || a.queued != 0 {
		t.Error("no overload came, and it waits on")
	}
	a.limit.onset = onset{answers: onsetSuspect, last: 1}
	if a.slots.leave(high); !a.free(background) {
		t.Error("nobody else is there, and it is held")
	}
}

// A first limit that is perhaps none refuses nobody: a queue of its length would.
func TestALimitOnTrialHasRoom(t *testing.T) {
	a := queuedAt(1, 1)
	a.limit.trial = 100
	for range leastQueue + 1 {
		if a.arrive(background, 1) == nil {
			t.Fatal("refused while on trial")
		}
	}
	if at := 1 + 2*standsAfter; a.stands(background, at) {
		t.Error("its queue stands while on trial")
	}
	a.limit.trial = 0
	if a.arrive(background, 1) != nil {
		t.Error("let in where the queue is longer than it may be")
	}
}
