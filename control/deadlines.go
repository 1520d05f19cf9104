package control

import (
	"container/heap"
	"time"
)

// deadlines is a queue of replicas by the instant something falls due. An entry
// whose replica has another deadline by now is stale and is dropped when it is
// met: that makes a change cost a push, not a search.
type deadlines struct{ queue dueQueue }

type dueQueue []dueReplica

type dueReplica struct {
	at      time.Duration
	replica *replica
}

// push queues a replica for its deadline, unless it stands there already.
func (d *deadlines) push(r *replica) {
	if at := r.deadline(); at != 0 && at != r.queued {
		heap.Push(&d.queue, dueReplica{at: at, replica: r})
		r.queued = at
	}
	d.trim()
}

// pop takes the next replica with something due at now.
func (d *deadlines) pop(now time.Duration) (*replica, bool) {
	d.trim()
	if len(d.queue) == 0 || d.queue[0].at > now {
		return nil, false
	}
	return d.take(), true
}

func (d *deadlines) take() *replica {
	head := heap.Pop(&d.queue).(dueReplica)
	if head.replica.queued == head.at {
		head.replica.queued = 0
	}
	return head.replica
}

func (d *deadlines) next() (time.Duration, bool) {
	if len(d.queue) == 0 {
		return 0, false
	}
	return d.queue[0].at, true
}

// trim drops stale entries from the head, so that what next says is true.
func (d *deadlines) trim() {
	for len(d.queue) > 0 && d.queue[0].at != d.queue[0].replica.deadline() {
		d.take()
	}
}

func (q dueQueue) Len() int { return len(q) }
func (q dueQueue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && before(q[i].replica, q[j].replica)
}
func (q dueQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *dueQueue) Push(x any)   { *q = append(*q, x.(dueReplica)) }
func (q *dueQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// before orders what falls due at the same instant, so that a replay meets it
// in the same order.
func before(a, b *replica) bool {
	return a.Service < b.Service || a.Service == b.Service && a.Ordinal < b.Ordinal
}
