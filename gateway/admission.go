package gateway

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// Bounds of a queue.
const (
	leastQueue  = 64                     // that may wait for a place: a stall of the machine refuses nobody
	mostQueue   = 1024                   // and at most
	queueTimes  = 2                      // as many as are given to the service
	queueTime   = time.Second            // that the critical wait, with a deadline or without
	waitTime    = queueTime / 2          // and the others
	standsAfter = 100 * time.Millisecond // a queue that has not been empty for so long only makes answers late
	clearsAfter = time.Second            // and one before which lower ranks give way: what came with the onset is answered by then
	briefQueue  = 50 * time.Millisecond  // what is then waited by all but the critical
	// slotTime is how long a request that waits for its first byte takes a place, or
	// slotTimes as long as is usual: who waits longer does not wait for a turn, but
	// for an event, and would keep others from theirs.
	slotTime  = 250 * time.Millisecond
	slotTimes = 8
	shedRetry = "1" // seconds; what Retry-After says
)

// enter admits one more request or stream to the service, or refuses it. The
// bound is on what is in flight, not on a rate: it protects the gateway's
// memory and descriptors whatever the service's speed is.
func (s *service) enter(limit int64) bool {
	if s.inFlight.Add(1) > limit {
		s.inFlight.Add(-1)
		return false
	}
	return true
}

func (s *service) leave() { s.inFlight.Add(-1) }

// An admission gives the places of a service to requests. A place is taken until
// the first byte of an answer has come: streams, upgrades and long answers take
// none, and neither does who has waited for too long for it to be a turn.
type admission struct {
	mu     sync.Mutex
	limit  limit
	window window
	floor  int // that is never gone below
	slots  slots
	queue  [ranks][]*ticket // of each rank, the last to come last
	queued int
	since  [ranks]time.Duration // CLOCK_BOOTTIME of when nobody of a rank or a higher one waited; 0 while nobody does
	overload
}

// A ticket is a request's wait for a place.
type ticket struct {
	ready chan struct{} // closed when it has one, or never gets one
	slot  *slot
	began time.Duration // CLOCK_BOOTTIME
	given bool
}

// admit takes a place for the request, and waits for one within its deadline. It
// says whether it has one, and how long it had to wait.
func (a *admission) admit(x *exchange) (admitted bool, waited time.Duration) {
	at := now()
	a.mu.Lock()
	if a.window.began == 0 {
		a.window.began = at
	}
	if a.free(x.rank) {
		a.slots.take(&x.slot, x.rank, at)
		a.mu.Unlock()
		return true, 0
	}
	a.window.pressed = true
	wait := a.patience(x, at)
	t := a.join(x, wait, at)
	a.mu.Unlock()
	if t == nil {
		return false, 0
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-t.ready:
	case <-timer.C:
	case <-x.r.Context().Done():
	}
	return a.collect(x, t), max(1, now()-at)
}

// free says whether there is a place for a rank now. Where an overload seems to
// begin, lower ranks are held while there are higher ones: a moment, in which it is
// seen whether it does. The caller holds mu.
func (a *admission) free(r rank) bool {
	switch {
	case a.limit.most > 0:
		return a.queued == 0 && a.slots.n < a.limit.most
	case a.limit.onset.suspected():
		return !a.slots.above(r)
	default:
		return true
	}
}

// spare takes a place that is free now. Who only stands in for another service
// waits for none: that is for the service's own requests.
func (a *admission) spare(s *slot, r rank) bool {
	at := now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.free(r) {
		a.window.pressed = true
		return false
	}
	if a.window.began == 0 {
		a.window.began = at
	}
	a.slots.take(s, r, at)
	return true
}

// admitted says whether the request got a place. The wait for one is a part of its
// time.
func (x *exchange) admitted() bool {
	ok, waited := x.service.admission.admit(x)
	if waited > 0 {
		x.tally.queued.Add(1)
		if x.entry.Timeout > 0 {
			x.entry.Timeout = max(x.entry.Timeout-waited, time.Millisecond)
		}
	}
	return ok
}

// patience is how long the request may wait for a place: what its deadline leaves
// beside the time that an answer then takes. The caller holds mu.
func (a *admission) patience(x *exchange, at time.Duration) time.Duration {
	wait := queueTime
	if x.rank != critical {
		wait = waitTime
	}
	if x.entry.Timeout > 0 {
		wait = min(wait, x.entry.Timeout-a.limit.expected())
	}
	if x.rank != critical && a.stands(x.rank, at) {
		wait = min(wait, briefQueue)
	}
	return wait
}

// stands says whether a rank's queue only makes answers late. Lower ranks do not
// count, which always wait while there is an overload; where they do, they are too
// many, and the rank itself perhaps is not. No queue of a limit on trial does:
// perhaps there need not be one. The caller holds mu.
func (a *admission) stands(r rank, at time.Duration) bool {
	if a.limit.trial > 0 {
		return false
	}
	after := standsAfter
	for lower := r + 1; lower < rank(ranks); lower++ {
		if len(a.queue[lower]) > 0 {
			after = clearsAfter
		}
	}
	return a.since[r] > 0 && at-a.since[r] > after
}

// note keeps the time from which each rank's queue stands. Nobody is served before
// the backlog is gone that came before there was a limit: that time is the
// service's, and no queue's. The caller holds mu.
func (a *admission) note(at time.Duration) {
	drains, waiting := a.slots.n > a.limit.most, 0
	for r := critical; r < rank(ranks); r++ {
		switch waiting += len(a.queue[r]); {
		case waiting == 0:
			a.since[r] = 0
		case a.since[r] == 0 || drains:
			a.since[r] = at
		}
	}
}

// join takes the request into the queue. When that is full the last one of the
// lowest rank goes, if it is lower. Nil is a refusal. The caller holds mu.
func (a *admission) join(x *exchange, wait, at time.Duration) *ticket {
	if wait <= 0 || a.queued >= a.room() && !a.displace(x.rank) {
		a.refuse(x.rank, a.limit.most, at)
		return nil
	}
	t := &ticket{ready: make(chan struct{}), slot: &x.slot, began: at}
	a.queue[x.rank] = append(a.queue[x.rank], t)
	a.queued++
	a.note(at)
	return t
}

// room is how many may wait. Without a limit, or with one on trial, nobody is refused
// if it can be helped: perhaps there is no overload.
func (a *admission) room() int {
	if a.limit.most == 0 || a.limit.trial > 0 {
		return mostQueue
	}
	return min(max(leastQueue, queueTimes*a.limit.most), mostQueue)
}

// tire refuses who came before his queue stood, is not critical, and would be
// answered late: others who come now are answered in time. The caller holds mu.
func (a *admission) tire(at time.Duration) {
	for r := normal; r < rank(ranks); r++ {
		for a.stands(r, at) && len(a.queue[r]) > 0 && at-a.queue[r][0].began > standsAfter {
			a.dismiss(r)
		}
	}
}

// displace refuses the one of the lowest rank that has waited the longest, if it
// is below another's.
func (a *admission) displace(by rank) bool {
	for r := background; r > by; r-- {
		if len(a.queue[r]) > 0 {
			a.dismiss(r)
			return true
		}
	}
	return false
}

// dismiss refuses the one of a rank that has waited the longest.
func (a *admission) dismiss(r rank) {
	t := a.queue[r][0]
	a.remove(t, r)
	close(t.ready)
}

func (a *admission) remove(t *ticket, r rank) {
	i := slices.Index(a.queue[r], t)
	if i < 0 {
		return
	}
	a.queue[r] = slices.Delete(a.queue[r], i, i+1)
	a.queued--
}

// collect ends a wait, and says whether it came to a place.
func (a *admission) collect(x *exchange, t *ticket) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t.given {
		return true
	}
	at := now()
	a.remove(t, x.rank)
	a.note(at)
	if x.r.Context().Err() == nil {
		a.refuse(x.rank, a.limit.most, at)
	}
	return false
}

// serve gives places to those that wait: the highest rank first. Of one rank it
// is whose turn it is while the queue is a short one, and who came last when it
// stands: who came first has the least time left, and would be answered too late.
// The caller holds mu.
func (a *admission) serve(at time.Duration) {
	defer a.note(at)
	for r := critical; r < rank(ranks) && a.queued > 0; {
		switch {
		case a.limit.most > 0 && a.slots.n >= a.limit.most, a.limit.most == 0 && !a.free(r):
			return
		case len(a.queue[r]) == 0:
			r++
			continue
		}
		t := a.queue[r][0]
		if a.stands(r, at) {
			t = a.queue[r][len(a.queue[r])-1]
		}
		a.remove(t, r)
		t.given = true
		a.slots.take(t.slot, r, at)
		close(t.ready)
	}
}

// reset takes the limit away.
func (a *admission) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.limit = a.limit.lift()
	a.serve(now())
}

// An ending is how a wait for the head of an answer ended.
type ending uint8

const (
	unknownEnd ending = iota // it says nothing of the service: a failure, or a client that went
	goodEnd
	lapsedEnd
)

// leave gives a request's place back, once.
func (a *admission) leave(s *slot, e ending) {
	at := now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if s.state == slotNew || s.state == slotLeft {
		return
	}
	switch e {
	case goodEnd:
		a.window.add(at-s.began, min(at-s.began, a.turn()))
	case lapsedEnd:
		a.window.lapsed++
	}
	a.slots.leave(s)
	s.state = slotLeft
	if e == goodEnd && a.limit.most == 0 && a.limit.watch(at-s.began, s.ahead, a.slots.n+a.queued, at, max(1, a.floor)) {
		a.window.renew(at, true)
	}
	if a.queued > 0 {
		a.serve(at)
	}
}

// review judges the window when it is full, takes the places back from those who
// have waited too long, and says what is to be told of an overload.
func (a *admission) review(at time.Duration, floor int) tidings {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.slots.expire(at - a.turn())
	a.limit = a.limit.follow(a.floor, floor)
	a.limit.onset = a.limit.onset.lasting(at)
	a.floor = floor
	switch w := &a.window; {
	case a.limit.drains(a.slots.n):
		w.renew(at, true)
	case w.began > 0 && a.limit.full(w, at):
		a.limit = a.limit.judge(w, at, a.slots.n, floor)
		w.renew(at, a.queued > 0)
	}
	if a.limit.most > 0 {
		a.limit.most = max(a.limit.most, floor)
	}
	a.tire(at)
	a.serve(at)
	return a.overload.review(at)
}

// turn is how long a request may wait for its turn. The caller holds mu.
func (a *admission) turn() time.Duration { return max(slotTime, slotTimes*a.limit.usual) }

// A slot is a request's place.
type slot struct {
	began      time.Duration // CLOCK_BOOTTIME
	rank       rank
	ahead      int // places that were taken then
	prev, next *slot
	state      slotState
}

type slotState uint8

const (
	slotNew slotState = iota
	slotTaken
	slotExpired // it waits on, and takes no place
	slotLeft
)

// slots are the places that are taken, the oldest first.
type slots struct {
	head, tail *slot
	n          int
	of         [ranks]int
}

// above says whether somebody of a higher rank has a place.
func (l *slots) above(r rank) bool {
	for higher := critical; higher < r; higher++ {
		if l.of[higher] > 0 {
			return true
		}
	}
	return false
}

func (l *slots) take(s *slot, r rank, at time.Duration) {
	s.began, s.rank, s.ahead, s.state, s.prev = at, r, l.n, slotTaken, l.tail
	if l.tail == nil {
		l.head = s
	} else {
		l.tail.next = s
	}
	l.tail = s
	l.n++
	l.of[r]++
}

func (l *slots) leave(s *slot) {
	if s.state != slotTaken {
		return
	}
	if s.prev == nil {
		l.head = s.next
	} else {
		s.prev.next = s.next
	}
	if s.next == nil {
		l.tail = s.prev
	} else {
		s.next.prev = s.prev
	}
	s.prev, s.next = nil, nil
	l.n--
	l.of[s.rank]--
}

func (l *slots) expire(before time.Duration) {
	for l.head != nil && l.head.began < before {
		s := l.head
		l.leave(s)
		s.state = slotExpired
	}
}

// shed answers a request that gets no place.
func (x *exchange) shed() {
	if x.r.Context().Err() != nil {
		panic(http.ErrAbortHandler)
	}
	x.tally.shed[x.rank].Add(1)
	x.message.length = x.r.ContentLength
	x.w.Header().Set("Retry-After", shedRetry)
	x.complain(http.StatusServiceUnavailable, "shed", "%s: it is given more than it can answer, and %s requests are refused", x.service.name, x.rank.priority())
}
