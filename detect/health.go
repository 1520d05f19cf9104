package detect

import "time"

// Pulse is how often an observer feels its own.
const Pulse = 100 * time.Millisecond

// maxFactor bounds how much patience one's own illness buys the others. Eight
// times 300 ms is beyond what was seen with 16 busy processes on 2 processors.
const maxFactor = 8

// Health is an observer's own, felt by how late it is for its pulse. Whoever is
// late himself must not blame others for being late: what he waits for is given
// Factor times as long. The zero Health is good.
type Health struct {
	ill   int           // Factor - 1
	last  time.Duration // the last pulse
	late  time.Duration // the last one that came late
	since time.Duration // of being on time, or of the last step down
}

// Tick feels the pulse. One that is late by more than half worsens the health by
// a step; a second without betters it by one.
func (h Health) Tick(now time.Duration) Health {
	switch {
	case h.last > 0 && h.overdue(now):
		h.ill = min(h.ill+1, maxFactor-1)
		h.late, h.since = now, now
	case now-h.since >= time.Second:
		h.ill, h.since = max(h.ill-1, 0), now
	}
	h.last = now
	return h
}

func (h Health) overdue(now time.Duration) bool { return now-h.last > Pulse+Pulse/2 }

// Factor is from 1 to 8.
func (h Health) Factor() int { return h.ill + 1 }

// Trustworthy says whether what the observer waited for since an instant may be
// called late. It may not when the observer itself was late meanwhile, or is so
// just now, unless its patience is as long as it gets already.
func (h Health) Trustworthy(began, now time.Duration) bool {
	return h.Factor() == maxFactor || h.last == 0 || h.late < began && !h.overdue(now)
}
