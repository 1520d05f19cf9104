package control

import (
	"container/heap"
	"time"
)

// A dated thing has an instant at which something about it falls due, 0 for
// never, and a place in the order in which things due at the same instant are
// met: a replay meets them in the same one.
type dated interface {
	deadline() time.Duration
	order() string
	queuedFor() *time.Duration // the deadline under which it stands in the queue
}

// deadlines is a queue of dated things. An entry whose thing has another deadline
// by now is stale and is dropped when it is met: that makes a change cost a
// push, not a search.
type deadlines struct{ queue dueQueue }

type dueQueue []due

type due struct {
	at   time.Duration
	what dated
}

// push queues a thing for its deadline, unless it stands there already.
func (d *deadlines) push(what dated) {
	if at := what.deadline(); at != 0 && at != *what.queuedFor() {
		heap.Push(&d.queue, due{at: at, what: what})
		*what.queuedFor() = at
	}
	d.trim()
}

// pop takes the next thing with something due at now.
func (d *deadlines) pop(now time.Duration) (dated, bool) {
	d.trim()
	if len(d.queue) == 0 || d.queue[0].at > now {
		return nil, false
	}
	return d.take(), true
}

func (d *deadlines) take() dated {
	head := heap.Pop(&d.queue).(due)
	if *head.what.queuedFor() == head.at {
		*head.what.queuedFor() = 0
	}
	return head.what
}

func (d *deadlines) next() (time.Duration, bool) {
	if len(d.queue) == 0 {
		return 0, false
	}
	return d.queue[0].at, true
}

// trim drops stale entries from the head, so that what next says is true.
func (d *deadlines) trim() {
	for len(d.queue) > 0 && d.queue[0].at != d.queue[0].what.deadline() {
		d.take()
	}
}

func (q dueQueue) Len() int { return len(q) }
func (q dueQueue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].what.order() < q[j].what.order()
}
func (q dueQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *dueQueue) Push(x any)   { *q = append(*q, x.(due)) }
func (q *dueQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
