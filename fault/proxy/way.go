package proxy

import (
	"net"
	"sync"
	"time"
)

const (
	// blockSize is what the room on a slow way is counted in, and at most so much
	// is said at once on a narrow one: a packet, not a page.
	blockSize = 1 << 10
	// wayBlocks is how much may be on its way at once: 256 KiB, about what the
	// kernel lets a sender have in flight. Whoever sends more waits, as there.
	wayBlocks = 256
	// burst is how much a narrow link lets through at once after it was idle: one
	// packet.
	burst = blockSize
)

// A way is one direction of a connection. What comes is said to the other leg at
// once, until a rule makes the way slow; from then on a carrier brings it, so
// that what comes later can be taken in while what came before is still on its
// way. The order is kept, an end comes behind all that was sent before it, and a
// leg that does not take what it is told holds back who sends it.
type way struct {
	conn *conn
	leg  *net.TCPConn
	link *link

	pieces  chan piece    // nil until the way was slow for the first time
	room    chan struct{} // a token for every block that is on its way
	last    time.Time     // when the piece before comes; of the sender
	carrier sync.WaitGroup
}

// A piece is something on its way; without text, the end.
type piece struct {
	text []byte
	lag  *inForce // nil where nothing delays it
	due  time.Time
}

func newWay(c *conn, leg *net.TCPConn, direction int) way {
	return way{conn: c, leg: leg, link: &c.path.links[direction]}
}

// send passes bytes on. It returns false when the connection is over.
func (w *way) send(text []byte) bool {
	switch {
	case len(text) == 0:
		return w.conn.pass() // without text a piece would be the end
	case w.pieces == nil && !w.slow():
		return w.say(text)
	case w.pieces == nil:
		w.begin()
	}
	for range blocks(text) {
		select {
		case w.room <- struct{}{}:
		case <-w.conn.over.Done():
			return false
		}
	}
	w.pieces <- w.delay(append([]byte(nil), text...)) // there is a place for every block
	return true
}

func (w *way) slow() bool {
	now := w.conn.path.posture.Load()
	return now.lag != nil || now.throttle != nil
}

func blocks(text []byte) int { return (len(text) + blockSize - 1) / blockSize }

func (w *way) begin() {
	w.pieces, w.room = make(chan piece, wayBlocks+1), make(chan struct{}, wayBlocks)
	w.carrier.Go(w.carry)
}

// delay says when a piece comes: never before the one that was sent before it.
func (w *way) delay(text []byte) piece {
	p := piece{text: text, lag: w.conn.path.posture.Load().lag}
	if p.lag == nil {
		return p
	}
	p.lag.bitten.Add(1)
	if p.due = time.Now().Add(p.lag.late()); p.due.Before(w.last) {
		p.due = w.last
	}
	w.last = p.due
	return p
}

// end passes an end on. Nothing may be sent after it.
func (w *way) end() {
	if w.pieces == nil {
		w.close()
		return
	}
	w.pieces <- w.delay(nil)
}

func (w *way) close() {
	if w.leg.CloseWrite() != nil {
		w.conn.reset()
	}
}

// arrive returns when everything that was sent has come, or the connection is
// over. Nothing may be sent after it.
func (w *way) arrive() {
	if w.pieces != nil {
		close(w.pieces)
		w.carrier.Wait()
		w.pieces = nil
	}
}

// carry brings one piece after the other, each when it is due.
func (w *way) carry() {
	for p := range w.pieces {
		if !w.late(p) {
			return
		}
		if p.text == nil {
			if w.conn.pass() {
				w.close()
			}
			return
		}
		if !w.squeeze(p.text) {
			return
		}
		for range blocks(p.text) {
			<-w.room
		}
	}
}

// late waits until a piece is due, or its rule does not hold any more.
func (w *way) late(p piece) bool {
	return p.lag == nil || w.conn.hold(time.Until(p.due), func(now *posture) bool { return now.lag == p.lag })
}

// squeeze says a piece as fast as the link lets it, a block after the other:
// others share the link.
func (w *way) squeeze(text []byte) bool {
	for len(text) > 0 {
		narrow := w.conn.path.posture.Load().throttle
		if narrow == nil {
			return w.say(text)
		}
		n := min(len(text), blockSize)
		if wait := w.link.take(narrow, n, time.Now()); wait > 0 {
			narrow.bitten.Add(1)
			if !w.conn.hold(wait, func(now *posture) bool { return now.throttle == narrow }) {
				return false
			}
		}
		if !w.say(text[:n]) {
			return false
		}
		text = text[n:]
	}
	return true
}

// say writes to the leg, once it may.
func (w *way) say(text []byte) bool {
	if !w.conn.pass() {
		return false
	}
	if _, err := w.leg.Write(text); err != nil {
		w.conn.reset()
		return false
	}
	return true
}

// A link is one direction of a path, which all of its connections share where a
// rule makes it narrow.
type link struct {
	mu   sync.Mutex
	rule *inForce  // free is by this one
	free time.Time // when all that was taken has gone through
}

// take reserves the link for some bytes and says how long they take to come.
func (l *link) take(rule *inForce, bytes int, now time.Time) time.Duration {
	took := func(n int) time.Duration {
		return time.Duration(float64(n) / float64(rule.Rate) * float64(time.Second))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if idle := now.Add(-took(burst)); l.rule != rule || l.free.Before(idle) {
		l.rule, l.free = rule, idle
	}
	l.free = l.free.Add(took(bytes))
	return l.free.Sub(now)
}
