package gateway

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"holdfast"
)

// Bounds of HTTP/2 to a replica. What a stream may send before its client takes
// it, times the streams of a trunk, is below what the trunk may: a client that
// reads nothing stops nobody else's stream.
const (
	trunkStreams  = 60
	trunkWindow   = 4<<20 - 1
	streamRoom    = 64 << 10
	maxTrunks     = maxInFlight/trunkStreams + 1 // of one endpoint: all that its service may have in flight
	trunkRest     = time.Minute                  // idle; a replica that closes it sooner says so by GOAWAY
	stuckTrunk    = 10 * time.Second             // nothing of ours is taken: what is open on it has failed
	maxAnswerHead = maxHead
)

const errNoTrunk = holdfast.Refusal("all its connections are full")

// newBack makes what speaks HTTP/2 to replicas: net/http's client, a connection
// at a time, because it sends nothing a second time by itself. What is done after
// a failure is ours to decide.
func newBack() *http.Transport {
	p := &http.Protocols{}
	p.SetUnencryptedHTTP2(true)
	return &http.Transport{
		DialContext:            (&net.Dialer{}).DialContext,
		Protocols:              p,
		DisableCompression:     true,
		IdleConnTimeout:        trunkRest,
		MaxResponseHeaderBytes: maxAnswerHead,
		HTTP2: &http.HTTP2Config{
			MaxReceiveBufferPerConnection: trunkWindow,
			MaxReceiveBufferPerStream:     streamRoom,
			WriteByteTimeout:              stuckTrunk,
		},
	}
}

// A trunk is a connection to one incarnation that carries many requests at once.
type trunk struct {
	client *http.ClientConn
	used   bool // it carried a request before
}

// retire has a trunk that takes no more closed when it carries nothing. What a
// stream leaves behind is gone a while after its answer is: the trunk itself says
// when. It is asked once more, for it may have been empty before it was told.
func (t *trunk) retire() {
	t.client.SetStateHook(closeEmpty)
	closeEmpty(t.client)
}

func closeEmpty(c *http.ClientConn) {
	if c.InFlight() == 0 {
		c.Close()
	}
}

// hasEnded says that nothing is to be had of a trunk.
func (t *trunk) hasEnded() bool { return t.client.Err() != nil }

// trunks are those of one endpoint.
type trunks struct {
	dialing sync.Mutex // one at a time: who waits for it will often find a place on the new one
	mu      sync.Mutex // guards what follows, and every trunk's fields
	open    []*trunk
	retired []*trunk // that still carry something
	closed  bool
}

// take reserves a place on a trunk, or returns nil. Who is left by its replica
// is forgotten.
func (s *trunks) take() (t *trunk, reused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = slices.DeleteFunc(s.open, (*trunk).hasEnded)
	for _, t := range s.open {
		if t.client.InFlight() < trunkStreams && t.client.Reserve() == nil {
			reused = t.used
			t.used = true
			return t, reused
		}
	}
	return nil, false
}

// add takes a new trunk in, with a place on it reserved. Without room it carries
// this one request only.
func (s *trunks) add(t *trunk) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.used = true
	if len(s.open) >= maxTrunks {
		t.client.Close()
		return errNoTrunk
	}
	err := t.client.Reserve()
	if s.closed {
		s.retire(t)
	} else {
		s.open = append(s.open, t)
	}
	return err
}

// retire lets go of trunks. The caller holds mu.
func (s *trunks) retire(all ...*trunk) {
	for _, t := range all {
		t.retire()
	}
	s.retired = slices.DeleteFunc(append(s.retired, all...), (*trunk).hasEnded)
}

// drain lets go of all trunks: those that carry something when that is over.
func (s *trunks) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retire(s.open...)
	s.open = nil
}

// cut ends what was let go of, whatever it carries.
func (s *trunks) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.retired {
		t.client.Close()
	}
	s.retired = nil
}

func (s *trunks) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.drain()
}

// stream reserves a place for a request to an endpoint, on a new trunk if there
// is none on another or a fresh one is asked for.
func (g *Gateway) stream(ctx context.Context, e *endpoint, within time.Duration, fresh bool) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	s := &e.pool.trunks
	if t, reused := s.take(); t != nil && !(fresh && reused) {
		return g.newStream(&g.stragglers.group, t, reused), nil
	} else if t != nil {
		t.client.Release()
	}
	s.dialing.Lock()
	defer s.dialing.Unlock()
	if !fresh {
		if t, reused := s.take(); t != nil {
			return g.newStream(&g.stragglers.group, t, reused), nil
		}
	}
	t, err := g.dialTrunk(ctx, e.Address)
	if err == nil {
		err = s.add(t)
	}
	if err != nil {
		return nil, err
	}
	return g.newStream(&g.stragglers.group, t, false), nil
}

func (g *Gateway) dialTrunk(ctx context.Context, address string) (*trunk, error) {
	client, err := g.back.NewClientConn(ctx, "http", address)
	if err != nil {
		return nil, err
	}
	return &trunk{client: client}, nil
}

// inquire is a stream on a trunk of its own, for a check. The group is waited for
// after the stream was closed.
func (g *Gateway) inquire(ctx context.Context, group *sync.WaitGroup, address string, within time.Duration) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	t, err := g.dialTrunk(ctx, address)
	if err != nil {
		return nil, err
	}
	if err := t.client.Reserve(); err != nil {
		t.client.Close()
		return nil, err
	}
	t.retire()
	return g.newStream(group, t, false), nil
}
