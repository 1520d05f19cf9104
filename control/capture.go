package control

import (
	"time"

	"holdfast"
	"holdfast/event"
)

// captureTime is how long a remedy waits for the evidence: reading what the
// kernel says of a process takes milliseconds, and a dump it was asked for half
// a second. Users wait meanwhile where there is no other replica.
const captureTime = 2 * time.Second

// capture has the evidence of a living replica kept, once per failure, because
// whatever ends it destroys it. It says whether that is still waited for.
func (m *Mind) capture(r *replica, cause event.ID) (wait bool) {
	f := r.Failure
	if f.CaptureBy == 0 && !f.Captured {
		f.CaptureBy = m.now.Boot + captureTime
		m.say(cause, event.Decided{Do: event.ActCapture, Level: holdfast.Local, Mode: f.Mode, ID: r.id()})
	}
	return !f.Captured && m.now.Boot < f.CaptureBy
}

func (m *Mind) takeCaptured(in event.Captured) {
	said := m.say(in.Action, in)
	r := m.find(in.ID)
	if r == nil || r.Failure == nil || in.ID.Incarnation != r.Want {
		return
	}
	r.Failure.Captured = true
	m.consider(r, said)
}
