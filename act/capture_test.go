package act

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"

	"holdfast"
	"holdfast/event"
)

// A decision to capture is carried out although no plan comes with it, what came
// of it is told, and nobody waits for it: a plan overtakes a camera that is
// stuck, and what finds no room is left out, and said to be.
func TestEvidenceIsKeptBesideThePlans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := raise(t)
		stuck := make(chan struct{})
		s.o.Capture = func(_ context.Context, id holdfast.ReplicaID) (string, string, error) {
			if id.Ordinal > 1 {
				<-stuck
			}
			if id.Ordinal > 2 {
				return "", "", errors.New("no room on the disk")
			}
			return "evidence/x.txt", "state T", nil
		}
		s.work()
		shoot := func(seq uint64, ordinal int) event.Frame {
			return event.Frame{Entries: []event.Entry{{ID: action(seq), Body: event.Decided{
				Do: event.ActCapture, Mode: "catalog.hang", ID: holdfast.ReplicaID{Service: "catalog", Ordinal: ordinal, Incarnation: 1},
			}}}}
		}
		s.Carry(shoot(1, 1), nil)
		synctest.Wait()
		want := []event.Body{event.Captured{Action: action(1), ID: holdfast.ReplicaID{Service: "catalog", Ordinal: 1, Incarnation: 1}, Path: "evidence/x.txt", Summary: "state T"}}
		if got := s.heard(); !reflect.DeepEqual(got, want) {
			t.Errorf("told %+v", got)
		}
		for n := range maxShots + 10 {
			s.Carry(shoot(uint64(10+n), 2+n%2), nil)
		}
		s.Carry(event.Frame{}, plan(1, 1))
		synctest.Wait()
		if len(s.processes.lives()) != 1 {
			t.Error("a plan waits for the camera")
		}
		close(stuck)
		synctest.Wait()
		if got := len(s.heard()); got != 1+maxShots+1 {
			t.Errorf("told of %d captures, want %d", got, 1+maxShots+1)
		}
		for _, why := range []string{"no room on the disk", "no evidence of catalog-3#1 is kept: 16 captures wait already"} {
			if got := s.complained(); !slices.Contains(got, why) {
				t.Errorf("complained %q and not %q", got, why)
			}
		}
		s.cancel()
		<-s.ended
	})
}
