package gateway

import (
	"net"
	"net/http"
	"syscall"
	"time"
)

// share is what one door may take of all descriptors: a third, because each of
// its connections may need another one to a replica, and a third is for the
// others.
const share = 3

// tellFull is how often a door that stays full is said to be: the log is for
// verdicts, too.
const tellFull = 10 * time.Second

// places is how many connections a door may have open: as many as a service may
// have in flight, or its share of the descriptors this process may open. What
// comes when all are taken waits in the socket's backlog, where it costs us
// nothing: whoever opens connections and says nothing fills one door, and
// neither the others' nor our memory.
func places() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return maxInFlight
	}
	return int(max(1, min(limit.Cur/share, maxInFlight)))
}

// enter takes a place, and waits while there is none. Then the connection is
// closed that has been at rest longest; where none is, all that lie idle are, and
// none is kept after its answer, until there is room.
func (d *door) enter() {
	select {
	case d.room <- struct{}{}:
		return
	default:
	}
	if now := time.Now(); now.Sub(d.told) >= tellFull {
		d.told = now
		d.gateway.log.say("%s: %d connections are open, more have to wait", d.listener.Name, cap(d.room))
	}
	if d.rest.dismiss() {
		d.room <- struct{}{}
		return
	}
	d.full.Store(true)
	d.server.SetKeepAlivesEnabled(false)
	d.room <- struct{}{}
	d.server.SetKeepAlivesEnabled(true)
	d.full.Store(false)
}

func (d *door) leave() { <-d.room }

// watch gives back the place of a connection that net/http has closed. One that
// was hijacked has its place until its stream ends, and one at rest until it does.
func (d *door) watch(c net.Conn, state http.ConnState) {
	s, sifted := c.(*sieve)
	if sifted {
		s.watch(state)
	}
	if state == http.StateClosed && !(sifted && s.rests.Load()) {
		d.leave()
	}
}
