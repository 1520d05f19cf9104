package gateway

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"holdfast"
)

// lateAfter is when an answer is late.
const lateAfter = 250 * time.Millisecond

// A lane is requests that are sent 400 times a second, each when it is due and
// not when the one before was answered.
type lane struct {
	mu       sync.Mutex
	failed   []string
	sent     int
	late     int
	lastLate time.Duration // since the lane's begin, when the last late one was due
	longest  time.Duration
}

func (l *lane) send(r *rig, group *sync.WaitGroup, address string, due time.Time, since time.Duration) {
	group.Go(func() {
		got, err := r.do("GET", address, "/item", nil)
		took := time.Since(due)
		l.mu.Lock()
		defer l.mu.Unlock()
		if err != nil || got.status != http.StatusOK {
			l.failed = append(l.failed, fmt.Sprintf("at %s: %v %d %s", since, err, got.status, got.body))
		}
		l.sent, l.longest = l.sent+1, max(l.longest, took)
		if took > lateAfter {
			l.late, l.lastLate = l.late+1, since
		}
	})
}

// drive loads a listener for a time, and a replica that nothing happens to
// directly: what is late there is late because of this machine.
func (r *rig) drive(d time.Duration, address string, beside *replica, at map[time.Duration]func()) (*lane, *lane) {
	const every = 2500 * time.Microsecond
	l, control := &lane{}, &lane{}
	var group sync.WaitGroup
	acts := make(chan func(), len(at))
	group.Go(func() {
		for act := range acts {
			act()
		}
	})
	began := time.Now()
	for since := time.Duration(0); since < d; since += every {
		due := began.Add(since)
		<-time.After(time.Until(due))
		if act := at[since]; act != nil {
			acts <- act
		}
		l.send(r, &group, address, due, since)
		if since%(10*every) == 0 {
			control.send(r, &group, beside.address, due, since)
		}
	}
	close(acts)
	group.Wait()
	return l, control
}

// three are replicas of 2 ms and a rig with a file that holds nothing but their
// addresses.
func three(t *testing.T) ([]*replica, *rig) {
	t.Helper()
	var all []*replica
	for i := range 3 {
		all = append(all, newReplica(t, i+1, after(2*time.Millisecond, named(fmt.Sprint(i+1)))))
	}
	table := tableOf(1, all...)
	table.Services[0].Healthcheck = holdfast.Healthcheck{}
	r := newRig(t, table)
	r.untilAdmitted(3)
	return all, r
}

// TestOneBrokenOfThree is the bar: whatever happens to one of three replicas, no
// GET fails, and hardly one is late.
func TestOneBrokenOfThree(t *testing.T) {
	const clean, broken = 300 * time.Millisecond, 1500 * time.Millisecond
	for _, c := range []struct {
		name         string
		begin, end   func(v *victim)
		again        time.Duration // begin anew after so long; 0 is not
		late         int
		lastLateFrom time.Duration // of the fault's begin
	}{
		{name: "hang", late: 3, begin: func(v *victim) { v.stop() }, end: func(v *victim) { v.resume() }},
		{name: "blackhole", late: 3, begin: func(v *victim) { v.blackhole(v.t) }, end: func(v *victim) { v.resume() }},
		{name: "all errors", late: 3, begin: func(v *victim) { v.failing.Store(100) }, end: func(v *victim) { v.failing.Store(0) }},
		{name: "a third errors", late: 3, begin: func(v *victim) { v.failing.Store(30) }, end: func(v *victim) { v.failing.Store(0) }},
		{name: "slow", late: 5, lastLateFrom: time.Second, begin: func(v *victim) { v.delay.Store(int64(time.Second)) }, end: func(v *victim) { v.delay.Store(0) }},
		{name: "crash", late: 3, begin: func(v *victim) { v.kill() }, end: (*victim).restart},
		{name: "crashing again and again", late: 3, again: 500 * time.Millisecond, begin: func(v *victim) { v.kill() }, end: (*victim).restart},
		{name: "hanging again and again", late: 3, again: 500 * time.Millisecond, begin: func(v *victim) { v.stop() }, end: func(v *victim) { v.resume() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			all, r := three(t)
			v := &victim{t: t, replica: all[0]}
			at := map[time.Duration]func(){clean: func() { c.begin(v) }, clean + broken: func() { c.end(v) }}
			for since := clean + c.again; c.again > 0 && since < clean+broken; since += 2 * c.again {
				at[since] = func() { c.end(v) }
				at[since+c.again] = func() { c.begin(v) }
			}
			at[clean+broken] = func() { c.end(v) }
			l, control := r.drive(clean+broken+200*time.Millisecond, r.edge, all[2], at)
			if 4*control.late > control.sent {
				t.Skipf("this machine has no time: %d of %d requests that went past the gateway were late", control.late, control.sent)
			}
			if len(l.failed) > 0 {
				t.Errorf("%d failed, the first: %s", len(l.failed), l.failed[0])
			}
			// When a healthy replica asked directly takes long, this machine does:
			// then lateness says nothing about the gateway.
			if control.longest < 50*time.Millisecond && (l.late > c.late || c.lastLateFrom > 0 && l.lastLate > clean+c.lastLateFrom) {
				t.Errorf("%d late, the last at %s", l.late, l.lastLate)
			}
			state, _ := r.gateway.State(t.Context())
			t.Logf("%d late, the last at %s; %d of %d and %s beside it; %+v %.3f", l.late, l.lastLate, control.late, control.sent, control.longest, state.Routes[1], amplification(state))
			if a := amplification(state); a > 1.1 {
				t.Errorf("%.3f tries for each request", a)
			}
		})
	}
}

// A victim is the replica that is broken, and its successors.
type victim struct {
	t *testing.T
	*replica
}

// restart puts a server where a killed one was, once no connection to elsewhere
// happens to come from there.
func (v *victim) restart() {
	for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(time.Millisecond) {
		if l, err := net.Listen("tcp", v.address); err == nil {
			l.Close()
			break
		}
	}
	v.replica = newReplicaAt(v.t, v.id, v.address, after(2*time.Millisecond, named("again")))
}

// amplification is tries for each request.
func amplification(s holdfast.GatewayState) float64 {
	tries, requests := uint64(0), uint64(0)
	for _, e := range s.Endpoints {
		tries += e.Tries
	}
	for _, route := range s.Routes {
		requests += route.Requests
	}
	return float64(tries) / float64(requests)
}

// What happens to all replicas alike is no reason to ask twice as often.
func TestWhatIsWrongEverywhereIsNotAmplified(t *testing.T) {
	for name, begin := range map[string]func(*replica){
		"3 % errors": func(v *replica) { v.failing.Store(3) },
		"slower":     func(v *replica) { v.delay.Store(int64(10 * time.Millisecond)) },
		"all errors": func(v *replica) { v.failing.Store(100) },
	} {
		t.Run(name, func(t *testing.T) {
			all, r := three(t)
			at := map[time.Duration]func(){300 * time.Millisecond: func() {
				for _, v := range all {
					begin(v)
				}
			}}
			before := newReplica(t, 9, named("9"))
			l, control := r.drive(1800*time.Millisecond, r.edge, before, at)
			if 4*control.late > control.sent {
				t.Skipf("this machine has no time: %d of %d requests that went past the gateway were late", control.late, control.sent)
			}
			state, _ := r.gateway.State(t.Context())
			limit := 1.1
			if name == "all errors" {
				limit = 1.25 // a fifth, and the reserve
			} else if len(l.failed) > 6 { // one in a thousand meets an error twice
				t.Errorf("%d failed, the first: %s", len(l.failed), l.failed[0])
			}
			a := amplification(state)
			t.Logf("%.3f tries for each request; %+v", a, state.Routes[1])
			if a > limit {
				t.Errorf("%.3f tries for each request", a)
			}
			if admittedIn(state) != 3 {
				t.Errorf("%d are admitted", admittedIn(state))
			}
		})
	}
}
