package proxy

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"holdfast"
)

// A Path leads from a front, where the gateway connects, to a replica.
type Path struct {
	ID       holdfast.ReplicaID `json:"id"`
	Address  string             `json:"address"`            // the replica's own
	Protocol holdfast.Protocol  `json:"protocol,omitempty"` // how it is read; tcp is not read at all
}

// A path is a Path that is laid.
//
// Its front refuses, by the kernel's own word, when a rule says so or the
// replica does; it listens otherwise. A silent front listens, but its sockets
// drop whatever comes before TCP sees it, so that nothing is answered, not even
// with a reset.
//
// The port belongs to the path while it refuses too: the anchor, a socket that
// is bound and never listens, keeps others from being given it.
type path struct {
	Path
	front   string // host:port
	port    int
	anchor  *os.File // nil where the system cannot
	posture atomic.Pointer[posture]
	links   [2]link // to the replica, and to the client
	proxy   *proxy

	mu       sync.Mutex // guards what follows
	listener *net.TCPListener
	silent   bool   // the sockets drop what comes
	shut     bool   // the replica refused when it was last asked
	leaving  bool   // taken out: no new connections; it goes with the last old one
	trouble  string // why the front is not as it should be
	conns    map[*conn]struct{}
	accepted uint64
	refused  uint64 // connections reset because there were too many
}

// take puts a posture in force. When it returns, the posture is true: of the
// front, and of every connection.
func (p *path) take(next *posture) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.posture.Load()
	if last.same(next) {
		return nil
	}
	p.posture.Store(next)
	close(last.over)
	err := p.settle()
	if next.refusal != nil && next.refusal != last.refusal {
		p.resetAll(next.refusal)
	}
	if next.reset != nil && next.reset != last.reset {
		p.resetAll(next.reset)
	}
	return err
}

func (p *path) resetAll(rule *inForce) {
	for c := range p.conns {
		rule.bitten.Add(1)
		c.resetLocked()
	}
}

// settle brings the front to what posture and replica ask for.
func (p *path) settle() error {
	now := p.posture.Load()
	silent := now.silence != nil && now.refusal == nil
	listens := !p.leaving && now.refusal == nil && (silent || !p.shut)
	var err error
	if !listens {
		p.fold()
	}
	if silent != p.silent {
		err = p.hush(silent)
	}
	if listens && p.listener == nil {
		err = errors.Join(err, p.open())
	}
	p.trouble = ""
	if err != nil {
		p.trouble = err.Error()
	}
	return err
}

// fold stops listening; the kernel resets whoever was not accepted yet.
func (p *path) fold() {
	if p.listener != nil {
		stopListening(p.listener) // at once; closing waits for who is in it
		p.listener.Close()
		p.listener = nil
	}
}

// hush makes every socket of the front drop what comes, or hear again.
func (p *path) hush(silent bool) error {
	p.silent = silent
	var errs []error
	if p.listener != nil {
		errs = append(errs, deafen(p.listener, silent))
	}
	for c := range p.conns {
		if c.over.Err() == nil {
			errs = append(errs, deafen(c.client, silent))
			c.client.SetKeepAliveConfig(afterSilence(silent))
		}
	}
	return errors.Join(errs...)
}

// afterSilence asks clients that were not heard whether they are still there: a
// reset that was dropped is not repeated, and whoever sent it is gone without
// our knowing. During silence nobody is asked, since nobody could answer.
func afterSilence(silent bool) net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: !silent, Idle: time.Second, Interval: time.Second, Count: 5}
}

func (p *path) open() error {
	listener, err := listen(p.port, p.silent)
	if err != nil {
		return err
	}
	p.listener = listener
	p.proxy.work.Go(func() { p.accept(listener) })
	return nil
}

// accept takes connections until its listener is closed.
func (p *path) accept(listener *net.TCPListener) {
	for {
		client, err := listener.AcceptTCP()
		switch {
		case err == nil:
			p.admit(client)
		case errors.Is(err, net.ErrClosed) || !p.proxy.pause(again):
			return
		}
	}
}

// again is the pause before what failed for want of something, such as
// descriptors, is tried again.
const again = 20 * time.Millisecond

// admit takes a connection in. It is subject to the posture of this moment
// from here on, whatever it was when the kernel accepted it.
func (p *path) admit(client *net.TCPConn) {
	client.SetKeepAlive(false) // its probes would be traffic that nobody sent
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accepted++
	if p.leaving || p.posture.Load().refusal != nil {
		drop(client) // it was accepted when that was not so yet
		return
	}
	if p.proxy.connections.Add(1) > maxConnections {
		p.proxy.connections.Add(-1)
		p.refused++
		drop(client)
		return
	}
	if err := deafen(client, p.silent); err != nil {
		p.trouble = err.Error()
	}
	c := &conn{path: p, client: client}
	switch p.Protocol {
	case holdfast.H2C, holdfast.GRPC:
		c.streams = newStreams(c)
	case holdfast.TCP:
		c.opaque.Store(true)
	}
	c.over, c.finish = context.WithCancel(p.proxy.running)
	p.conns[c] = struct{}{}
	p.proxy.work.Go(c.serve)
}

// leave takes a connection out that has ended.
func (p *path) leave(c *conn) {
	c.finish()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	p.proxy.connections.Add(-1)
	if p.leaving && len(p.conns) == 0 {
		p.proxy.wake()
	}
}

// shutDown makes the front refuse because the replica does.
func (p *path) shutDown() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = true
	if err := p.settle(); err == nil {
		p.proxy.wake()
	}
}

// look asks the replica again whether it refuses, and mends what could not be
// done before. It says whether it has to be called again. ctx bounds it.
func (p *path) look(ctx context.Context) bool {
	p.mu.Lock()
	shut := p.shut
	p.mu.Unlock()
	if shut {
		dialer := net.Dialer{Timeout: again, KeepAlive: -1}
		probe, err := dialer.DialContext(ctx, "tcp", p.Address)
		if err == nil {
			probe.Close()
		}
		shut = err != nil && refused(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = shut
	err := p.settle()
	return !p.leaving && (p.shut || err != nil)
}

// close ends a path with all its connections.
func (p *path) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leaving = true
	p.fold()
	for c := range p.conns {
		c.resetLocked()
	}
	if p.anchor != nil {
		p.anchor.Close()
	}
}

// gone tells a path that was taken out and serves nobody any more.
func (p *path) gone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.leaving && len(p.conns) == 0
}

// retire takes a path out, or in again.
func (p *path) retire(leaving bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leaving = leaving
	return p.settle()
}

func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// unwell tells a path that has to be looked at.
func (p *path) unwell() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.leaving && (p.shut || p.trouble != "")
}

func (p *path) retired() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.leaving
}

func (p *path) state() PathState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return PathState{
		Path: p.Path, Front: p.front, Listening: p.listener != nil, Silent: p.silent, Leaving: p.leaving,
		Connections: len(p.conns), Accepted: p.accepted, Refused: p.refused, Trouble: p.trouble,
	}
}
