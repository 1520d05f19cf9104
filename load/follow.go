package load

import (
	"context"
	"fmt"
	"sync"
	"time"

	"holdfast"
)

// set sets a user on his way through a session without waiting for him, or fails
// his first step when too many requests are under way. He has at most one under
// way himself.
func (g *generation) set(ctx context.Context, requests *sync.WaitGroup, a arrival, began time.Duration) {
	intended := int64(began + a.at)
	run := g.courses[a.whom-len(g.routes)].begin(runID(g.plan.Seed, began, a.n))
	due := g.sheet.expect(intended)
	if !g.enter() {
		g.refuse(due, run.result(a.how, intended))
		return
	}
	requests.Go(func() {
		defer g.leave()
		g.follow(ctx, run, a.how, due)
	})
}

// follow sends one step of a run after the other. Once the load is to end no
// further step begins: the run stays unfinished.
func (g *generation) follow(ctx context.Context, run *run, how manner, due *due) {
	for {
		result := run.result(how, due.at)
		sent, deadline := g.deadline(result.Intended)
		got, err := run.ask(ctx, run.routes[run.next], how, deadline)
		if ctx.Err() != nil {
			return
		}
		g.note(&result, sent, got, err)
		result.Error = run.hide(result.Error)
		if result.Late = !result.Failed && result.Took() > g.plan.Late; result.Failed {
			result.Body = head(run.hide(string(got.text)))
		}
		if result.Failed || run.over() || g.ends() {
			g.sheet.settle(due, result)
			return
		}
		due = g.sheet.follow(due, result, result.Ended)
	}
}

// ends tells whether the load is to end.
func (g *generation) ends() bool {
	select {
	case <-g.told:
		return true
	case <-g.over:
		return true
	default:
		return false
	}
}

// result is that of a run's next step before it is sent.
func (r *run) result(how manner, intended int64) Result {
	step := r.Steps[r.next]
	return Result{
		Target: step.Name, Fresh: how.fresh, Intended: intended,
		Session: r.Name, Run: r.known[holdfast.BlankID], Step: r.next + 1, Of: len(r.Steps), Write: step.Write,
	}
}

// runID is the {{id}} of one arrival of a load: no other arrival of this load has
// it, and those of others hardly can, for none of them began at the same instant.
func runID(seed uint64, began time.Duration, n int) string {
	return fmt.Sprintf("hf-%016x", mix(mix(mix(seed)+uint64(began))+uint64(n)))
}

// mix is splitmix64's: it gives no two numbers the same, and neighbours nothing
// in common.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
