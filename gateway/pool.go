package gateway

import (
	"sync"
	"time"
)

// Bounds of a pool. 4 s is below the 5 s after which Node's server, the most
// impatient one in wide use, closes an idle connection: whoever waits longer
// than the server does loses the race against it.
const (
	maxIdle = 128
	maxRest = 4 * time.Second
)

// A pool keeps idle connections to one incarnation, last in first out, so that
// those not needed grow old and go.
type pool struct {
	mu     sync.Mutex
	idle   []*conn // oldest first
	closed bool
	trunks trunks // of an endpoint that speaks HTTP/2; idle is empty then
	all    connections
}

// take gives the connection that was used last and is still open, or nil.
func (p *pool) take(at time.Time) *conn {
	for {
		c := p.pop(at)
		if c == nil || c.alive() {
			return c
		}
		c.close()
	}
}

func (p *pool) pop(at time.Time) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 || at.Sub(p.idle[n-1].idleSince) > maxRest {
		return nil // the youngest is too old: so are all, and trim will come
	}
	c := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	return c
}

// give takes a connection back, or closes it when there is no room.
func (p *pool) give(c *conn, at time.Time) {
	if c.stream != nil {
		c.close() // the trunk is kept, not its streams
		return
	}
	c.rest(at)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= maxIdle {
		c.close()
		return
	}
	p.idle = append(p.idle, c)
}

// trim closes what has rested too long.
func (p *pool) trim(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for n < len(p.idle) && at.Sub(p.idle[n].idleSince) > maxRest {
		p.idle[n].close()
		n++
	}
	clear(p.idle[:n])
	p.idle = p.idle[n:]
	if len(p.idle) == 0 {
		p.idle = nil
	}
}

// drain closes all idle connections; new ones may come.
func (p *pool) drain() {
	p.trunks.drain()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.idle {
		c.close()
	}
	p.idle = nil
}

// close closes all idle connections, and from now on every one that is given.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.trunks.close()
	p.drain()
}

// cut closes a pool that is closed for new requests for those that still run.
func (p *pool) cut() {
	p.trunks.cut()
	p.all.cut()
}
