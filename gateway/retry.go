package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// How often a request is sent again, by the reason. Together with the first one
// that is at most seven tries and two hedges, and only replicas that refuse
// connections make it more than four. An edge that says how often by itself
// bounds all of what was written at once, and has no maxRetries.
const (
	maxMoves    = 3 // nothing was sent, which is always safe and each refusal ejects; or an ejection gave it up
	maxRetries  = 2 // it was sent and may be sent again; out of the budget, the second only out of its savings
	maxRenewals = 1 // a used connection died before a byte came back: more likely its age than its replica
)

// maxCrowd is how many requests of one listener may wait for a service of which
// no replica is admitted. Such a service answers none of them, or one after
// another: more would only wait for nothing, and hold the caller's own requests.
const maxCrowd = 256

// run tries until there is an answer, or no reason to expect one.
func (x *exchange) run() {
	x.service.budget.requests.Add(1)
	if x.tally.waiting.Add(1) > maxCrowd && !x.service.lineup.Load().trusted {
		x.tally.waiting.Add(-1)
		x.w.Header().Set("Retry-After", "1")
		x.complain(http.StatusServiceUnavailable, "crowded", "%s: no replica is admitted, and %d requests wait already", x.service.name, maxCrowd)
		return
	}
	if !x.service.lineup.Load().trusted {
		x.tally.waiting.Add(-1)
		if x.degrade() {
			return // nobody is believed to answer: their checks say when that changes, at no user's cost
		}
		if x.message.attempt > 0 && !x.mayAskInstead() {
			x.complain(http.StatusBadGateway, "no-replica", "%s: no replica is admitted, and %s, which did not answer well in its place, may have carried the request out", x.service.name, x.entry.Fallback.Service)
			return
		}
		x.tally.waiting.Add(1)
	}
	pass, answer, failed := x.guarded()
	x.tally.waiting.Add(-1)
	x.service.admission.leave(&x.slot, endingOf(answer, failed))
	if !pass {
		x.tally.broken.Add(1)
		x.w.Header().Set("Retry-After", "1")
		x.complain(http.StatusServiceUnavailable, "broken", "%s: nothing has been answered for %s, and one request at a time asks whether that has changed", x.service.name, breakTime)
		return
	}
	switch {
	case answer != nil:
		x.respond(answer)
	case failed != nil:
		x.giveUp(failed)
	default:
		x.complain(http.StatusServiceUnavailable, "no-replica", "%s: no replica is left to ask", x.service.name)
	}
}

// guarded asks for an answer, past the edge's breaker, and waits for a replica
// where there is none. A published route has no breaker: who asks there is not
// ours to spare, and waits for nobody else's sake.
func (x *exchange) guarded() (pass bool, a *try, f *failure) {
	b, l, probe := &x.tally.breaker, x.service.lineup.Load(), false
	if x.entry.Caller != "" {
		if pass, probe = b.pass(l, now()); !pass {
			return false, nil, nil
		}
		// Deferred, because a probe that is not counted out would be the last.
		defer func() { b.note(l, x.breakerEnd(a, f), probe, now()) }()
	}
	for a, f = x.answer(); a == nil && x.park(f); {
		a, f = x.answer()
	}
	return true, a, f
}

// endingOf is what the end of a request's wait says of its service's load.
func endingOf(a *try, f *failure) ending {
	switch {
	case a != nil && a.head.status < 500:
		return goodEnd
	case f != nil && f.how == late:
		return lapsedEnd
	default:
		return unknownEnd
	}
}

// answer asks one replica after another until there is an answer to pass on, or
// until the failure that was one too many. With neither there was nobody to ask.
func (x *exchange) answer() (*try, *failure) {
	var last *failure
	for e := x.service.pick(nil, !x.mayHedge()); e != nil; {
		a, f := x.ask(e)
		if f == nil {
			if e = x.second(a); e == nil {
				return x.preferred(a), nil
			}
			continue
		}
		if e = x.next(f); e == nil && x.held != nil && f.how != clientGone {
			return x.held, nil
		}
		last = f
	}
	return nil, last
}

// next is the replica to ask after a failed try, or nil.
func (x *exchange) next(f *failure) *endpoint {
	x.again = x.mayRepeat(f)
	x.blame(f)
	if !x.again {
		return nil
	}
	x.tried = append(x.tried, f.endpoint)
	x.fresh = f.stale
	if f.how == unreachable {
		x.unreached = f.endpoint
	}
	e := x.service.pick(x.tried, true)
	switch {
	case e != nil:
		return e
	case f.how == ejectedIt:
		// Who was tried before and is trusted now is asked again: nobody has
		// refused, and to fail helps nobody.
		return pickOf(x.service.lineup.Load().usable, []*endpoint{f.endpoint}, true)
	case f.stale:
		return f.endpoint // there is no other, and its next connection may be as good as new
	case f.how == broken && x.pause():
		return f.endpoint // there is no other, and if it has ended that is known by now, and waited out
	case x.unreached != nil && !x.patient:
		x.patient = true
		return x.unreached
	default:
		return nil
	}
}

// mayRepeat says whether the request may be sent again. A request that was
// written, even in part, may have been carried out; only one that may be
// carried out twice is written twice.
func (x *exchange) mayRepeat(f *failure) bool {
	if f.how == clientGone || f.how == clientBad || f.how == late || f.sent && !x.repeats() {
		return false
	}
	// The body's last reader must be done before it can be read again. It is
	// when the client has sent its next piece.
	if !x.body.wait(x.r.Context().Done(), x.message.deadline) {
		f.how = late
		if x.r.Context().Err() != nil {
			f.how = clientGone
		}
		return false
	}
	if x.body.lost.Load() {
		f.how = clientBad
		return false
	}
	return !x.body.spilled && x.spend(f)
}

// repeats says whether the request, once written, may be written again.
func (x *exchange) repeats() bool { return x.another() && x.idempotent() }

// idempotent is what the edge says of all its requests, before what the request
// says by itself.
func (x *exchange) idempotent() bool {
	if all := x.entry.Idempotent; all != nil {
		return *all
	}
	return x.message.idempotent()
}

// another says whether the edge allows one more try. Those of which nothing was
// written do not count, and neither does the first.
func (x *exchange) another() bool {
	most := x.entry.Retries
	return most == nil || x.message.attempt-x.unwritten <= *most
}

// spend takes the failure's second try out of its bound, and says whether there
// was one left.
func (x *exchange) spend(f *failure) bool {
	switch {
	case !f.sent, f.how == ejectedIt:
		x.moves++
		return x.moves <= maxMoves
	case f.stale && x.renewals < maxRenewals:
		x.renewals++
		return true
	default:
		return x.payRetry()
	}
}

// payRetry takes a retry out of the request's bound and the service's budget.
func (x *exchange) payRetry() bool {
	x.retries++
	if x.entry.Retries == nil && (x.retries > maxRetries || x.retries > 1 && !x.service.budget.saved(now())) {
		return false
	}
	return x.paid(x.service.budget.retry(now()))
}

// paid counts the requests that the budget refused a second try.
func (x *exchange) paid(ok bool) bool {
	if !ok && !x.unpaid {
		x.unpaid = true
		x.tally.unpaid.Add(1)
	}
	return ok
}

// blame makes a failure count against its replica, unless it is the client's.
// A refused connection ejects at once; anything else is a reason to look.
func (x *exchange) blame(f *failure) {
	if f.how == clientGone || f.how == clientBad {
		return
	}
	f.endpoint.failures.Add(1)
	x.story = append(x.story, x.tell(f))
	if f.how == refused {
		x.gateway.refused(f.endpoint, "refused a request's connection")
		return
	}
	f.endpoint.nudge()
}

// tell is a failure as a part of a sentence.
func (x *exchange) tell(f *failure) string {
	who := string(f.endpoint.ID.Name())
	switch f.how {
	case refused:
		return who + " refused the connection"
	case unreachable:
		return who + " could not be connected to: " + plain(f.err)
	case badAnswer:
		return who + ": " + f.err.Error()
	case late:
		return who + " did not answer in time"
	case ejectedIt:
		return who + " did not answer before it was ejected"
	default:
		return who + " broke off"
	}
}

// giveUp answers a request that no replica did.
func (x *exchange) giveUp(f *failure) {
	x.body.finish()
	story := strings.Join(x.story, "; ")
	switch {
	case f.how == clientGone:
		panic(http.ErrAbortHandler)
	case f.how == clientBad:
		x.refuseBody()
	case f.how == late:
		x.complain(http.StatusGatewayTimeout, string(late), "%s: no answer within %s: %s", x.service.name, x.entry.Timeout, story)
	case f.sent && !x.idempotent():
		x.complain(http.StatusBadGateway, string(f.how), "%s: %s; whether the request was carried out is unknown, and it is not sent twice", x.service.name, story)
	default:
		x.complain(http.StatusBadGateway, string(f.how), "%s: no replica answered: %s", x.service.name, story)
	}
}

// complain answers with an error of our own, unless there is something better to
// answer in the replicas' place.
func (x *exchange) complain(status int, code, format string, args ...any) {
	x.boundUnread()
	if status >= 500 && x.degrade() {
		return
	}
	x.failed = status >= 500
	x.closeUnread()
	x.w.Header().Set(requestIDField, x.marks.request)
	if x.failed {
		x.gateway.log.mention("answered %d (%s) to request %s: "+format, append([]any{status, code, x.marks.request}, args...)...)
	}
	x.answers(status)
	if isRPC(x.r) {
		complainRPC(x.w, status, code, format, args...)
		return
	}
	complain(x.w, status, code, format, args...)
}

// unreadTime is what a client has for the rest of a body that nobody wants: who has
// sent it keeps his connection, and nobody holds a place with it.
const unreadTime = 100 * time.Millisecond

// boundUnread bounds the reading of a body that nobody has begun to read. Before an
// answer goes out net/http reads up to 256 KiB of one, at the client's pace.
func (x *exchange) boundUnread() {
	if x.body.source == nil && x.r.ContentLength != 0 && x.r.ProtoMajor == 1 {
		http.NewResponseController(x.w).SetReadDeadline(time.Now().Add(unreadTime))
	}
}

// closeUnread ends the client's connection after an answer that came before the
// request's end: what is left of it cannot be told from a next one.
func (x *exchange) closeUnread() {
	if x.body.source != nil && !x.body.ended.Load() && single(x.r) {
		x.w.Header().Set("Connection", "close")
	}
}

// complain writes one line that says what and why.
func complain(w http.ResponseWriter, status int, code, format string, args ...any) {
	h := w.Header()
	h.Set("Holdfast-Error", code)
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	fmt.Fprintf(w, format+"\n", args...)
}
