package gateway

import (
	"container/list"
	"net"
	"runtime/debug"
	"sync"
	"time"
)

// restTime is how long net/http holds a connection that waits for its next
// request, before it is put to rest: whoever asks more often than every second is
// served from where he is.
const restTime = time.Second

// A wave of connections that go to rest leaves memory that Go would keep for
// minutes. With every wave it is given back: of 512, which are 9 MiB, and when a
// second has brought no other, because one seldom comes alone. Looking for it takes
// some 50 ms of a processor, so it is done every ten seconds at most, and as often
// where waves do not end.
const (
	wave       = 512
	waveTime   = time.Second
	sweepEvery = 10 * time.Second
)

// A rest is where a door's connections lie that wait long for their next request.
// net/http holds 18 KiB for each of them, a stack that has seen a request and two
// buffers; here it is a goroutine that has seen nothing. With the first byte a
// connection goes back, as one that was just accepted.
//
//	accepted ─▶ served ─▶ idle ──restTime──▶ at rest ──a byte──▶ served …
//	                                                 ──idleTime, or its place is needed──▶ closed
//
// Its place in the door's room it keeps. As a net.Listener it is what net/http
// gets the connections back from.
type rest struct {
	door  *door
	back  chan net.Conn
	ended chan struct{}
	group sync.WaitGroup

	mu       sync.Mutex
	over     bool
	all      *list.List // of net.Conn, the one that has rested longest first
	came     int        // since memory was given back
	sweeping bool
}

func newRest(d *door) *rest {
	return &rest{door: d, back: make(chan net.Conn), ended: make(chan struct{}), all: list.New()}
}

// enter puts a connection to rest until an instant, and says whether it did: a
// door that closes or is full has no room for it.
func (r *rest) enter(c net.Conn, until time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over || r.door.full.Load() || c.SetReadDeadline(until) != nil {
		return false
	}
	place := r.all.PushBack(c)
	r.group.Go(func() { r.hold(c, place) })
	if r.came++; r.came >= wave && !r.sweeping {
		r.sweeping = true
		r.group.Go(r.sweep)
	}
	return true
}

// sweep gives memory back for as long as waves come.
func (r *rest) sweep() {
	for again := true; again; again = r.passes(sweepEvery) && r.rolls() {
		if !r.calms() {
			return
		}
		r.restart()
		debug.FreeOSMemory()
	}
}

// calms waits until a second has brought no wave, ten at most, and says whether the
// rest has not ended meanwhile: then all of it is given back, and soon.
func (r *rest) calms() bool {
	for range sweepEvery / waveTime {
		before := r.arrived()
		if !r.passes(waveTime) {
			return false
		}
		if r.arrived()-before < wave {
			break
		}
	}
	return true
}

// rolls says whether a wave has come since memory was given back. If none has, the
// next one begins to sweep anew.
func (r *rest) rolls() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sweeping = r.came >= wave
	return r.sweeping
}

// arrived is how many have come since memory was given back.
func (r *rest) arrived() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.came
}

func (r *rest) restart() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.came = 0
}

// passes waits, and says whether the rest has not ended meanwhile.
func (r *rest) passes(d time.Duration) bool {
	select {
	case <-r.ended:
		return false
	case <-time.After(d):
		return true
	}
}

// hold waits for a connection's next byte, or its end.
func (r *rest) hold(c net.Conn, place *list.Element) {
	var first [1]byte
	n, _ := c.Read(first[:])
	r.mu.Lock()
	r.all.Remove(place) // nothing, where it was dismissed
	r.mu.Unlock()
	if n > 0 {
		s := r.door.sift(c)
		s.ahead, s.first = true, first[0]
		select {
		case r.back <- s:
			return
		case <-r.ended:
		}
	}
	c.Close()
	r.door.leave()
}

// dismiss closes the connection that has rested longest, and says whether there
// was one. Its place is free in a moment.
func (r *rest) dismiss() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	longest := r.all.Front()
	if longest == nil {
		return false
	}
	r.all.Remove(longest).(net.Conn).Close()
	return true
}

// Accept gives net/http a connection back.
func (r *rest) Accept() (net.Conn, error) {
	select {
	case c := <-r.back:
		return c, nil
	case <-r.ended:
		return nil, net.ErrClosed
	}
}

// Close closes every connection that is at rest.
func (r *rest) Close() error {
	r.mu.Lock()
	if !r.over {
		r.over = true
		close(r.ended)
	}
	for place := r.all.Front(); place != nil; place = place.Next() {
		place.Value.(net.Conn).Close()
	}
	r.mu.Unlock()
	r.group.Wait()
	return nil
}

// Addr implements net.Listener.
func (r *rest) Addr() net.Addr { return r.door.Listener.Addr() }
