package main

import (
	"strings"
	"testing"
	"time"

	"holdfast/api"
	"holdfast/event"
	"holdfast/journal/view"
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

// Whoever asks is told that an audit failed, until one passes.
func TestTheStatusSaysThatWhoeverShouldBeWokenMayNotBe(t *testing.T) {
	var now view.Status
	says := func(seq uint64, in event.Audited) string {
		var out strings.Builder
		now.Add(event.Entry{ID: event.ID{Writer: "agent", Seq: seq}, Body: in})
		printStatus(&out, api.Status{System: "shop", View: now})
		return out.String()
	}
	if text := says(1, event.Audited{Why: "nobody is on call by nights"}); !strings.Contains(text, "MAY NOT BE: nobody is on call by nights\n  next: ") {
		t.Errorf("the status says\n%s", text)
	}
	if text := says(2, event.Audited{}); strings.Contains(text, "pager") {
		t.Errorf("all is well, and the status says\n%s", text)
	}
}
