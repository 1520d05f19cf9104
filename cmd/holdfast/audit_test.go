package main

import (
	"testing"
	"time"

	"holdfast/event"
	"holdfast/oncall"
)

func TestAMessageIsLateAMinuteAfterItCouldHaveGone(t *testing.T) {
	var o outbox
	owed := func(notBefore time.Duration) oncall.Owed {
		return oncall.Owed{Paged: event.Paged{Key: "1/1.1/ana/bell/trigger"}, NotBefore: notBefore}
	}
	late := func(now time.Duration, want bool) {
		t.Helper()
		if err := o.late(now); (err != nil) != want {
			t.Errorf("after %s: %v, want late: %v", now, err, want)
		}
	}
	late(time.Hour, false)
	o.owe([]oncall.Owed{owed(0)}, time.Second)
	late(61*time.Second, false)
	late(62*time.Second, true)
	o.owe([]oncall.Owed{owed(0)}, 62*time.Second) // something else changed
	late(62*time.Second, true)
	o.owe([]oncall.Owed{owed(5 * time.Minute)}, 62*time.Second) // it failed, and its provider asks to wait
	late(6*time.Minute, false)
	late(6*time.Minute+time.Second, true)
	o.owe(nil, 7*time.Minute)
	late(time.Hour, false)
}
