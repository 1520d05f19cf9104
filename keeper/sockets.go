package keeper

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"holdfast"
)

// returnWithin is how long a keeper that has just begun waits for the gateway
// it found running to hand back the listening sockets.
const returnWithin = 2 * time.Second

// sockets are the listening sockets: opened here, served by the gateways, which
// hold duplicates. Nobody accepts here, so a killed gateway refuses nobody:
// connections wait in the backlog for the next one.
type sockets struct {
	held      map[holdfast.ListenerName]*held
	order     []holdfast.ListenerName
	followers map[follower]bool

	// While a keeper that has just begun waits for an adopted gateway, it knows
	// of the sockets only what was written down.
	recorded []listenerRecord
	awaiting time.Time // until when; zero once settled
	waiting  []func()  // what has to wait for that
}

// held is one listening socket. It is a bare descriptor, so that Go's poller
// does not wake the keeper for every connection that arrives.
type held struct {
	listenerRecord
	fd int
}

// A listenerRecord is a listener as written down. Asked is the address it was
// opened for, Address the one it got.
type listenerRecord struct {
	Name    holdfast.ListenerName `json:"name"`
	Asked   string                `json:"asked"`
	Address string                `json:"address"`
}

func (r listenerRecord) listener() holdfast.Listener {
	return holdfast.Listener{Name: r.Name, Address: r.Address}
}

// listen makes the held sockets those that are wanted: it opens what is new,
// keeps what stands, closes what is not named. On an error nothing is changed.
func (k *keeper) listen(wanted []holdfast.Listener) ([]holdfast.Listener, error) {
	next, err := k.sockets.standing(wanted)
	if err != nil {
		return nil, err
	}
	var opened []*held
	for _, w := range wanted {
		if next[w.Name] != nil {
			continue
		}
		h, err := open(w, w.Address)
		if err != nil {
			closeHeld(opened)
			return nil, err
		}
		opened = append(opened, h)
		next[w.Name] = h
	}
	return k.put(wanted, next), nil
}

// put puts a set of sockets in the place of the last one.
func (k *keeper) put(wanted []holdfast.Listener, next map[holdfast.ListenerName]*held) []holdfast.Listener {
	kept := map[int]bool{}
	for _, h := range next {
		kept[h.fd] = true
	}
	for _, h := range k.sockets.held {
		if !kept[h.fd] {
			syscall.Close(h.fd)
		}
	}
	k.sockets.held, k.sockets.order = next, nil
	listeners := []holdfast.Listener{}
	for _, w := range wanted {
		k.sockets.order = append(k.sockets.order, w.Name)
		listeners = append(listeners, next[w.Name].listener())
	}
	k.saveListeners()
	for f := range k.sockets.followers {
		f.sendSockets(k.sockets.all())
	}
	return listeners
}

// standing finds, for each wanted listener, the socket that serves it already:
// the one of its name, or, when a file gave an address another name, the one
// that has the address.
func (s *sockets) standing(wanted []holdfast.Listener) (map[holdfast.ListenerName]*held, error) {
	next := map[holdfast.ListenerName]*held{}
	named, claimed := map[holdfast.ListenerName]bool{}, map[int]bool{}
	for _, w := range wanted {
		if named[w.Name] {
			return nil, fmt.Errorf("listen on %s: %q is named twice", w.Address, w.Name)
		}
		named[w.Name] = true
		if h := s.held[w.Name]; h != nil && (h.Asked == w.Address || h.Address == w.Address) {
			next[w.Name], claimed[h.fd] = h, true
		}
	}
	for _, w := range wanted {
		for _, h := range s.held {
			if next[w.Name] == nil && !claimed[h.fd] && h.Address == w.Address {
				renamed := &held{listenerRecord: listenerRecord{Name: w.Name, Asked: w.Address, Address: h.Address}, fd: h.fd}
				next[w.Name], claimed[h.fd] = renamed, true
			}
		}
	}
	return next, nil
}

// all is the set of sockets in the order in which it was wanted.
func (s *sockets) all() []*held {
	var all []*held
	for _, name := range s.order {
		all = append(all, s.held[name])
	}
	return all
}

func (s *sockets) closeAll() {
	closeHeld(s.all())
	s.held, s.order = map[holdfast.ListenerName]*held{}, nil
}

func closeHeld(all []*held) {
	for _, h := range all {
		syscall.Close(h.fd)
	}
}

// open listens on an address for a listener.
func open(w holdfast.Listener, address string) (*held, error) {
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %s for %s: %w", address, w.Name, ErrAddressTaken)
	}
	if err != nil {
		return nil, fmt.Errorf("listen for %s: %w", w.Name, err)
	}
	defer listener.Close() // the duplicate keeps the socket
	fd, err := duplicateOf(listener.(*net.TCPListener))
	if err != nil {
		return nil, fmt.Errorf("listen for %s: %w", w.Name, err)
	}
	record := listenerRecord{Name: w.Name, Asked: w.Address, Address: listener.Addr().String()}
	return &held{listenerRecord: record, fd: fd}, nil
}

func duplicateOf(conn syscall.Conn) (int, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var fd int
	var failed error
	if err := raw.Control(func(of uintptr) { fd, failed = duplicate(int(of)) }); err != nil {
		return 0, err
	}
	return fd, failed
}

// duplicate gives a second descriptor that no started process inherits.
func duplicate(of int) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := syscall.Dup(of)
	if err != nil {
		return 0, fmt.Errorf("duplicate a socket: %w", err)
	}
	syscall.CloseOnExec(fd)
	return fd, nil
}

// adoptSockets takes up what the last keeper wrote down: at once when nobody
// serves it, else when the gateway that does hands it back.
func (k *keeper) adoptSockets(now time.Time) {
	k.sockets.recorded = k.place.lastListeners(k.log)
	for _, r := range k.roles {
		if r.running() && len(k.sockets.recorded) > 0 {
			k.sockets.awaiting = now.Add(returnWithin)
			return
		}
	}
	k.reopen()
}

// tendSockets waits for the sockets to come back, kills the gateways that do
// not bring them, and opens them anew once those are gone.
func (k *keeper) tendSockets(now time.Time) time.Time {
	if k.sockets.awaiting.IsZero() {
		return time.Time{}
	}
	alive := false
	for _, r := range k.roles {
		if !r.running() || r.adopted == nil {
			continue
		}
		alive = true
		if !now.Before(k.sockets.awaiting) {
			k.log("kill %s (pid %d): it did not hand back the listening sockets", r.Name, r.pid)
			r.leader.signal(syscall.SIGKILL)
		}
	}
	if !alive {
		k.reopen()
		return time.Time{}
	}
	if now.Before(k.sockets.awaiting) {
		return k.sockets.awaiting
	}
	k.sockets.awaiting = now.Add(returnWithin) // its end wakes us; this is for the signal that failed
	return k.sockets.awaiting
}

// takeBack takes the sockets a gateway hands over. Those that are held already,
// or that are not what was written down, are closed: handing back is harmless
// at any time.
func (k *keeper) takeBack(listeners []holdfast.Listener, fds []int, more bool) {
	for i, l := range listeners {
		record, ok := k.sockets.lacks(l)
		if !ok || addressOf(fds[i]) != record.Address {
			syscall.Close(fds[i])
			continue
		}
		k.sockets.held[l.Name] = &held{listenerRecord: record, fd: fds[i]}
	}
	if !more && !k.sockets.awaiting.IsZero() {
		k.reopen()
	}
}

func (s *sockets) lacks(l holdfast.Listener) (listenerRecord, bool) {
	for _, record := range s.recorded {
		if record.Name == l.Name && record.Address == l.Address && s.held[l.Name] == nil {
			return record, true
		}
	}
	return listenerRecord{}, false
}

// addressOf is where a socket listens, or empty.
func addressOf(fd int) string {
	if on, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN); err != nil || on == 0 {
		return ""
	}
	address, err := syscall.Getsockname(fd)
	if err != nil {
		return ""
	}
	switch a := address.(type) {
	case *syscall.SockaddrInet4:
		return (&net.TCPAddr{IP: a.Addr[:], Port: a.Port}).String()
	case *syscall.SockaddrInet6:
		return (&net.TCPAddr{IP: a.Addr[:], Port: a.Port}).String()
	}
	return ""
}

// reopen opens what was written down and did not come back, so that addresses
// which replicas were told stay true, and lets those who waited go on.
func (k *keeper) reopen() {
	next, wanted := k.sockets.held, []holdfast.Listener{}
	for _, record := range k.sockets.recorded {
		if next[record.Name] == nil {
			h, err := open(holdfast.Listener{Name: record.Name, Address: record.Asked}, record.Address)
			if err != nil {
				k.log("open again: %v", err)
				continue
			}
			next[record.Name] = h
		}
		wanted = append(wanted, record.listener())
	}
	k.sockets.recorded, k.sockets.awaiting = nil, time.Time{}
	k.put(wanted, next)
	waiting := k.sockets.waiting
	k.sockets.waiting = nil
	for _, do := range waiting {
		do()
	}
}

// settled does something once it is known which sockets there are.
func (k *keeper) settled(do func()) {
	if k.sockets.awaiting.IsZero() {
		do()
		return
	}
	k.sockets.waiting = append(k.sockets.waiting, do)
}
