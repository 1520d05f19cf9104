package gateway

import "time"

// askInstead asks the service that stands in for another, once, within what is
// left of the time, and returns its answer if that is a good one. It gets what no
// replica can have carried out, or what may be carried out twice: for whoever
// sent it, one service that has taken an order and another that takes it again
// are no better than two replicas.
func (x *exchange) askInstead() *try {
	s := x.instead
	x.instead = nil
	if s == nil || !x.mayAskInstead() || !s.enter(x.gateway.limit) {
		return nil
	}
	defer s.leave()
	var place slot
	if !s.admission.spare(&place, x.rank) {
		return nil // it has more than enough of its own, and two services would be lost for one
	}
	end := unknownEnd
	defer func() { s.admission.leave(&place, end) }()
	of, by := x.service, x.headBy
	x.service, x.tried, x.fresh, x.patient, x.headBy = s, nil, false, false, x.message.deadline
	if a := x.oneAnswer(); a != nil {
		end = goodEnd
		return a
	}
	x.service, x.headBy = of, by
	return nil
}

// mayAskInstead says whether another service may get the request: it was read from
// the client, as far as it was, without harm, and can be sent from its beginning.
func (x *exchange) mayAskInstead() bool {
	switch {
	case x.message.method == "" || x.message.upgrade != "" || x.r.Context().Err() != nil:
		return false
	case x.message.attempt > x.unwritten && !x.mayDouble():
		return false
	case x.body.stalled.Load() && !x.body.ended.Load():
		return false // the rest of it will never come
	}
	// Who still sends, sends to a replica that has answered already: a client that
	// takes its time would wait for that answer until it has sent all.
	return x.body.wait(x.r.Context().Done(), time.Now().Add(lastBytes)) && !x.body.lost.Load() && !x.body.spilled
}

// mayDouble says whether what was written may be written again at all.
func (x *exchange) mayDouble() bool {
	never := x.entry.Retries != nil && *x.entry.Retries == 0
	return !never && x.idempotent()
}

// oneAnswer writes the request to one replica of the service. Who refuses the
// connection has been asked nothing, and the next one is.
func (x *exchange) oneAnswer() *try {
	for range maxMoves + 1 {
		e := x.service.pick(x.tried, !x.mayHedge())
		if e == nil {
			return nil
		}
		t := x.begin(e)
		a, failed := x.finish(t, x.send(t))
		if failed == nil && a.head.status < 500 {
			return a
		}
		if failed == nil {
			e.failures.Add(1)
			x.release(a, false)
			return nil
		}
		x.blame(failed)
		if failed.sent || failed.how == late || failed.how == clientGone {
			return nil
		}
		x.tried = append(x.tried, e)
	}
	return nil
}

// answerInstead passes the answer of the service that stands in on, marked.
func (x *exchange) answerInstead(a *try) {
	whole := false
	defer func() { x.close(a, whole) }()
	x.w.Header().Set(degraded, "fallback "+string(x.service.name))
	whole = x.relay(a, nil)
}
