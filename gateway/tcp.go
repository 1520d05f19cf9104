package gateway

import (
	"context"
	"errors"
	"net"
	"syscall"
)

// carry serves one connection of a TCP service: a replica is found that takes
// it, and bytes go both ways. Connecting is the only thing that is tried again:
// of what follows we understand nothing.
func (d *door) carry(r *route, client net.Conn) {
	defer client.Close()
	d.tally.requests.Add(1)
	s := r.service
	if !s.enter(d.gateway.limit) {
		d.tally.failed.Add(1)
		return
	}
	defer s.leave()
	e, upstream := d.reach(s)
	if upstream == nil {
		d.tally.failed.Add(1)
		return
	}
	defer e.inFlight.Add(-1)
	e.pool.all.hold(upstream)
	defer e.pool.all.drop(upstream)
	defer upstream.Close()
	d.gateway.duplex(side{Conn: client, from: client}, side{Conn: upstream, from: upstream})
}

// reach connects to a replica, asking another one when a connect fails. The
// replica it returns counts one more in flight.
func (d *door) reach(s *service) (*endpoint, net.Conn) {
	var tried []*endpoint
	dialer := net.Dialer{Timeout: connectTime}
	for range maxMoves + 1 {
		e := s.pick(tried, true)
		if e == nil {
			return nil, nil
		}
		e.inFlight.Add(1)
		if e.isRetired() {
			e.inFlight.Add(-1)
			tried = append(tried, e)
			continue
		}
		e.tries.Add(1)
		upstream, err := dialer.DialContext(context.Background(), "tcp", e.Address)
		if err == nil {
			if len(tried) > 0 {
				d.tally.retried.Add(1)
			}
			return e, upstream
		}
		e.inFlight.Add(-1)
		e.failures.Add(1)
		if errors.Is(err, syscall.ECONNREFUSED) {
			d.gateway.refused(e, "refused a client's connection")
		} else {
			e.nudge()
		}
		tried = append(tried, e)
	}
	return nil, nil
}
