package keeper

import (
	"errors"
	"fmt"
	"net"
	"time"

	"holdfast"
)

// Bounds on clients: how many, and how many lines one may leave unread before
// it is dropped. Every change to every process is at most one line per turn of
// the loop.
const (
	maxClients = 256
	maxUnread  = 1024
)

// A client is one connection. The loop owns it, but for its wire: one goroutine
// reads from it, one writes what the loop queued.
type client struct {
	wire    *wire
	queue   chan frame // closed by the loop when the client is dropped
	as      RoleName
	pid     int
	epoch   uint64
	follows map[uint64]bool // requests answered again with each change
	dropped bool
}

// A frame is a line with what goes beside it.
type frame struct {
	line []byte
	fds  []int // closed once sent
}

// A follower is a request that is answered later, or more than once.
type follower struct {
	k      *keeper
	client *client
	id     uint64
}

// accept takes connections until the socket closes.
func (k *keeper) accept(server *net.UnixListener) {
	for {
		conn, err := server.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of descriptors, most likely: those we have go on.
			k.post(func() { k.log("accept: %v", err) })
			select {
			case <-k.over:
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		c := &client{wire: newWire(conn), queue: make(chan frame, maxUnread), follows: map[uint64]bool{}}
		k.work.Go(func() { k.serve(c) })
	}
}

// serve reads what a client asks for until it goes or is dropped.
func (k *keeper) serve(c *client) {
	defer c.wire.close()
	joined := make(chan bool, 1)
	k.post(func() { joined <- k.join(c) })
	select {
	case ok := <-joined:
		if !ok {
			return
		}
	case <-k.over:
		return
	}
	k.work.Go(c.write)
	for {
		var r request
		if err := c.wire.receive(&r); err != nil {
			break
		}
		fds, err := c.wire.take(r.Sockets)
		if err != nil || len(fds) != 0 && len(fds) != len(r.Listeners) {
			closeAll(fds)
			break
		}
		k.post(func() { k.answer(c, r, fds) })
	}
	k.post(func() { k.drop(c) })
}

// write sends what was queued. What cannot be sent any more is still taken from
// the queue, for the sockets in it.
func (c *client) write() {
	defer c.wire.conn.Close()
	broken := false
	for f := range c.queue {
		if !broken && c.wire.send(f.line, f.fds) != nil {
			broken = true
			c.wire.conn.Close()
		}
		closeAll(f.fds)
	}
}

func (k *keeper) join(c *client) bool {
	if len(k.clients) >= maxClients {
		k.log("refuse a client: %d are connected", len(k.clients))
		return false
	}
	k.clients[c] = true
	return true
}

// drop ends a connection. A client that wants to go on connects again and is
// told the whole state.
func (k *keeper) drop(c *client) {
	if c.dropped {
		return
	}
	c.dropped = true
	delete(k.clients, c)
	for f := range k.sockets.followers {
		if f.client == c {
			delete(k.sockets.followers, f)
		}
	}
	close(c.queue)
}

// queueTo never waits: a client that left maxUnread lines unread is dropped.
func (k *keeper) queueTo(c *client, a answer, fds []int) {
	if c.dropped {
		closeAll(fds)
		return
	}
	select {
	case c.queue <- frame{line: lineOf(a), fds: fds}:
	default:
		closeAll(fds)
		k.log("drop client %q (pid %d): it left %d lines unread", c.as, c.pid, maxUnread)
		c.wire.conn.Close()
		k.drop(c)
	}
}

func (f follower) send(a answer, fds []int) {
	a.ID = f.id
	f.k.queueTo(f.client, a, fds)
}

// sendSockets sends duplicates of a whole set, in as many lines as it takes.
func (f follower) sendSockets(all []*held) {
	for {
		part := all[:min(len(all), maxPerLine)]
		all = all[len(part):]
		a, fds := answer{Sockets: len(part), More: len(all) > 0}, []int{}
		for _, h := range part {
			fd, err := duplicate(h.fd)
			if err != nil {
				closeAll(fds)
				f.send(failed(err), nil)
				return
			}
			a.Listeners, fds = append(a.Listeners, h.listener()), append(fds, fd)
		}
		f.send(a, fds)
		if len(all) == 0 {
			return
		}
	}
}

// tell sends what changed to everyone who follows.
func (k *keeper) tell() {
	if len(k.changed) == 0 {
		return
	}
	a := answer{Processes: k.changed}
	k.changed = nil
	for c := range k.clients {
		for id := range c.follows {
			follower{k: k, client: c, id: id}.send(a, nil)
		}
	}
}

// answer does what a client asks for.
func (k *keeper) answer(c *client, r request, fds []int) {
	from := follower{k: k, client: c, id: r.ID}
	if err := k.fence(c, r); err != nil {
		closeAll(fds)
		from.send(failed(err), nil)
		return
	}
	switch r.Do {
	case doHello:
		c.as, c.pid, c.epoch = r.As, r.Pid, r.Epoch
		k.hear(c.as, c.pid)
		from.send(answer{Epoch: k.epoch}, nil)
	case doBeat:
		k.hear(c.as, c.pid)
	case doFollow:
		c.follows[r.ID] = true
		from.send(answer{Processes: k.states()}, nil)
	case doCease:
		delete(c.follows, r.ID)
		delete(k.sockets.followers, from)
	case doSockets:
		k.settled(func() {
			if !c.dropped {
				k.sockets.followers[from] = true
				from.sendSockets(k.sockets.all())
			}
		})
	case doListen:
		k.settled(func() {
			listeners, err := k.listen(r.Listeners)
			a := failed(err)
			a.Listeners = listeners
			from.send(a, nil)
		})
	case doReturn:
		// One that leaves, or has just come, holds none, and its word that these
		// are all would end the wait for those of the one that serves.
		role, p := k.client(c)
		k.takeBack(r.Listeners, fds, r.More || p != nil && p != role)
		from.send(answer{}, nil)
	case doRoles:
		from.send(answer{Roles: k.roleStates()}, nil)
	case doServing:
		k.serving(from)
	case doRenew:
		k.renew(from, r.Role, r.Program)
	case doEnd, doHurry:
		grace := longestGrace
		if r.Do == doHurry {
			grace = hurryGrace
		}
		k.end(grace)
		k.ending.asked = append(k.ending.asked, from)
	default:
		from.send(k.answerProcess(r), nil)
	}
}

// answerProcess does what concerns one process.
func (k *keeper) answerProcess(r request) answer {
	switch {
	case r.Do == doStart && r.Spec != nil:
		p, err := k.start(*r.Spec)
		if err != nil {
			return failed(fmt.Errorf("start %s: %w", r.Spec.ID, err))
		}
		return answer{Processes: []holdfast.Process{p}}
	case r.Do == doSignal && r.Replica != nil:
		if err := k.signal(*r.Replica, r.Signal); err != nil {
			return failed(fmt.Errorf("signal %s: %w", r.Replica, err))
		}
		return answer{}
	case r.Do == doForget && r.Replica != nil:
		if err := k.forget(*r.Replica); err != nil {
			return failed(fmt.Errorf("forget %s: %w", r.Replica, err))
		}
		return answer{}
	}
	return failed(fmt.Errorf("%s: %w", r.Do, ErrUnknownVerb))
}

// fence refuses what a late agent asks for, and what would start something
// while everything is being ended.
func (k *keeper) fence(c *client, r request) error {
	if r.Do == doHello && r.As == Agent && r.Epoch > k.epoch {
		k.epoch, k.unsaved = r.Epoch, true
	}
	if r.Do.changes() && c.as == Agent && c.epoch < k.epoch {
		return fmt.Errorf("%s at epoch %d: %w (epoch %d)", r.Do, c.epoch, ErrFenced, k.epoch)
	}
	if k.ending != nil && (r.Do == doStart || r.Do == doListen || r.Do == doRenew) {
		return fmt.Errorf("%s: %w", r.Do, ErrEnding)
	}
	return nil
}

func (k *keeper) states() []holdfast.Process {
	var states []holdfast.Process
	for _, p := range k.processes {
		states = append(states, p.state)
	}
	return states
}
