package notify_test

import (
	"fmt"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
)

// A fate is what is recorded of an incident when all has come to rest.
type fate struct {
	open, acked bool
}

// judge holds what was shown against what was recorded.
func (w *realm) judge() {
	paged, fates := map[holdfast.MessageKey]event.Entry{}, map[holdfast.IncidentID]*fate{}
	void := map[holdfast.MessageKey]bool{}
	last := uint64(0)
	for _, frame := range w.disk.all {
		for _, e := range frame.Entries {
			if e.ID.Seq != last+1 {
				w.fail("the record goes on at %d after %d", e.ID.Seq, last)
			}
			last = e.ID.Seq
			switch b := e.Body.(type) {
			case event.Opened:
				fates[b.Incident] = &fate{open: true}
			case event.Resolved:
				fates[b.Incident].open = false
			case event.Acknowledged:
				if f := fates[b.Incident]; f != nil && f.open {
					f.acked = true
				}
			case event.Paged:
				if _, twice := paged[b.Key]; twice {
					w.fail("%s was paged twice", b.Key)
				}
				paged[b.Key] = e
			case event.Superseded:
				void[b.Key] = true
			}
		}
	}
	times := map[holdfast.MessageKey]int{}
	for _, m := range w.provider.shown {
		times[m.Key]++
		if _, recorded := paged[m.Key]; !recorded {
			w.fail("%s was shown, and nothing of it is recorded", m.Key)
		}
	}
	w.judgeTimes(times)
	for key, e := range paged {
		under := e.At.BootID == w.now().BootID && w.now().Boot-e.At.Boot < time.Minute
		if !void[key] && !under && times[key] == 0 {
			w.fail("%s was lost", key)
		}
	}
	for id, f := range fates {
		w.judgeIncident(id, *f)
	}
}

// judgeTimes: none twice where the provider honours the key, and else once more at
// most for each kill, and for each answer that the provider did not give in time.
func (w *realm) judgeTimes(times map[holdfast.MessageKey]int) {
	for key, n := range times {
		most := 1
		if !w.provider.honours {
			most += w.kills + w.provider.unsure[key]
		}
		if n > most {
			w.fail("%s was shown %d times", key, n)
		}
	}
}

// judgeIncident: who waits for an answer is heard of to the end, and whoever was told
// that something is bad is told, last of all, that it is over.
func (w *realm) judgeIncident(id holdfast.IncidentID, f fate) {
	type place struct {
		via holdfast.ChannelName
		to  string
	}
	told := map[place]holdfast.Purpose{}
	var latest time.Time
	for _, m := range w.provider.shown {
		if m.Incident != id {
			continue
		}
		if m.Purpose == holdfast.Trigger {
			latest = m.at
		}
		told[place{m.via, m.To}] = m.Purpose
	}
	switch {
	case f.open && !f.acked && time.Since(latest) > 2*repeat:
		w.fail("%s is open and nobody has it, and nobody was paged for %v", id, time.Since(latest))
	case !f.open:
		for where, purpose := range told {
			if purpose == holdfast.Trigger {
				w.fail("%s is over, and %v was told so by nobody", id, where)
			}
		}
	}
}

func (w *realm) fail(format string, args ...any) {
	w.t.Helper()
	if !w.t.Failed() {
		w.t.Log("\n" + w.story())
	}
	w.t.Errorf("seed %d: "+format, append([]any{w.seed}, args...)...)
}

// story is what was recorded, and what was shown.
func (w *realm) story() string {
	var text strings.Builder
	for _, frame := range w.disk.all {
		for _, e := range frame.Entries {
			fmt.Fprintf(&text, "%s  %s\n", e.At.Wall.Format("15:04:05.000"), event.Text(e.Body))
		}
	}
	for _, m := range w.provider.shown {
		fmt.Fprintf(&text, "%s  %s shows %s\n", m.at.Format("15:04:05.000"), m.via, m.Key)
	}
	return text.String()
}
