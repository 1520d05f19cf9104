package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/control"
	"holdfast/event"
	"holdfast/journal"
	"holdfast/loop"
	"holdfast/mode"
	"holdfast/notify"
	"holdfast/oncall"
)

// The agent is killed at any step of handing messages over, and goes on from what
// it has on disk: the mind, the loop and the sender are the product's own. What the
// provider shows then is held against what was recorded. Each seed is another world;
// HOLDFAST_SEEDS says how many (1,000 unless it does), HOLDFAST_SEED=n plays one.
func TestKilledAtEveryStepOfASend(t *testing.T) {
	first, last := 0, number("HOLDFAST_SEEDS", 1000)
	if one := number("HOLDFAST_SEED", -1); one >= 0 {
		first, last = one, one+1
	}
	if testing.Short() {
		last = min(last, first+100)
	}
	const abreast = 4
	var kills, shown atomic.Int64
	t.Run("worlds", func(t *testing.T) {
		for lane := range abreast {
			t.Run(strconv.Itoa(lane), func(t *testing.T) {
				t.Parallel()
				for seed := first + lane; seed < last && !t.Failed(); seed += abreast {
					synctest.Test(t, func(t *testing.T) {
						w := newRealm(t, uint64(seed))
						w.pass()
						w.judge()
						kills.Add(int64(w.kills))
						shown.Add(int64(len(w.provider.shown)))
					})
				}
			})
		}
	})
	t.Logf("%d worlds, %d kills, %d messages shown", last-first, kills.Load(), shown.Load())
	if last-first >= 100 && (kills.Load() < int64(last-first) || shown.Load() < int64(last-first)) {
		t.Error("too little happened for anything to be shown by it")
	}
}

func number(name string, standard int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return standard
}

const (
	// A kill falls within the first of these, and an outage; the second is time for
	// everything to be handed over.
	stormy, calm = 3 * time.Minute, 8 * time.Minute
	repeat       = time.Minute
)

// A realm is one seed's world: what is on disk, who is told, and what becomes of it.
type realm struct {
	t        *testing.T
	seed     uint64
	began    time.Time
	provider *provider
	disk     disk
	facts    []fact
	ackAfter time.Duration // 0: nobody acknowledges
	stepAt   time.Duration // when the wall clock is stepped; 0: never
	stepBy   time.Duration
	kills    int
	boots    int
	booted   time.Time
}

// A fact is what becomes true of the system, and when.
type fact struct {
	at   time.Duration
	body event.Body
}

func (w *realm) rng(what uint64) *rand.Rand { return rand.New(rand.NewPCG(w.seed, what)) }

func newRealm(t *testing.T, seed uint64) *realm {
	w := &realm{t: t, seed: seed, began: time.Now(), booted: time.Now().Add(-time.Hour)}
	rng := w.rng(1)
	w.provider = newProvider(w, rng)
	w.facts = facts(rng)
	if rng.IntN(3) == 0 {
		w.ackAfter = time.Duration(rng.IntN(120)) * time.Second
	}
	if rng.IntN(5) == 0 {
		w.stepAt, w.stepBy = time.Duration(rng.IntN(180))*time.Second, time.Hour
		if rng.IntN(2) == 0 {
			w.stepBy = -time.Hour
		}
	}
	return w
}

// facts are of two services that need nobody: each loses its replica and, in most
// worlds, gets it back, sometimes to lose it again.
func facts(rng *rand.Rand) []fact {
	all := []fact{{body: event.Declared{System: town()}}}
	for _, name := range []holdfast.ServiceName{"catalog", "cart"} {
		all = append(all, up(0, name, 1)...)
	}
	at := time.Duration(1+rng.IntN(2000)) * time.Millisecond
	for _, name := range []holdfast.ServiceName{"catalog", "cart"}[:1+rng.IntN(2)] {
		for life := range holdfast.Incarnation(1 + rng.IntN(2)) {
			all = append(all, fact{at: at, body: holdfast.Exited{ID: replica(name, life+1), Status: holdfast.ExitStatus{Signal: "SIGKILL"}}})
			if rng.IntN(4) == 0 {
				break
			}
			at += time.Duration(rng.IntN(90_000)) * time.Millisecond
			all = append(all, up(at, name, life+2)...)
			at += time.Duration(rng.IntN(20_000)) * time.Millisecond
		}
	}
	return all
}

func up(at time.Duration, name holdfast.ServiceName, life holdfast.Incarnation) []fact {
	return []fact{
		{at: at, body: holdfast.Started{ID: replica(name, life), Address: "127.0.0.1:1"}},
		{at: at, body: holdfast.Admitted{ID: replica(name, life), Gateway: "gateway-1"}},
	}
}

func replica(name holdfast.ServiceName, life holdfast.Incarnation) holdfast.ReplicaID {
	return holdfast.ReplicaID{Service: name, Ordinal: 1, Incarnation: life}
}

// town is two services that know nothing of each other, and two people: one with a
// second way to them, and one who is told when the first does not answer.
func town() holdfast.System {
	system := holdfast.System{
		Name: "town", Owner: "ops",
		Guardrails: holdfast.Guardrails{MaxActions: holdfast.Rate{Count: 5, Per: 10 * time.Minute}, MaxUnavailable: 1},
		OnCall: holdfast.OnCall{
			Channels: []holdfast.Channel{{Name: "push", Kind: holdfast.ChannelNtfy}, {Name: "mail", Kind: holdfast.ChannelSMTP}},
			People: []holdfast.Person{
				{Name: "ana", Contacts: []holdfast.Contact{{Via: "push", To: "ana"}, {Via: "mail", To: "ana@x", After: 30 * time.Second}}},
				{Name: "ben", Contacts: []holdfast.Contact{{Via: "mail", To: "ben@x"}}},
			},
			Policies: []holdfast.EscalationPolicy{{Name: "main", Repeat: repeat, Rules: []holdfast.EscalationRule{
				{Notify: []holdfast.Recipient{{Person: "ana"}}},
				{Notify: []holdfast.Recipient{{Person: "ben"}}, After: 45 * time.Second},
			}}},
			Standard: "main",
		},
	}
	for _, name := range []holdfast.ServiceName{"catalog", "cart"} {
		service := holdfast.Service{Name: name, Owner: "ops", Command: "./serve", Manage: holdfast.Full, Replicas: 1, Minimum: 1}
		crash := mode.Crash().Of(service)
		crash.Remedies, crash.Urgency = nil, holdfast.Page
		system.Services, system.Modes = append(system.Services, service), append(system.Modes, crash)
	}
	return system
}

// pass lives through the kills, and then in peace.
func (w *realm) pass() {
	rng := w.rng(2)
	for range 1 + rng.IntN(4) {
		if time.Since(w.began) > stormy {
			break
		}
		// Most of what happens happens in bursts, so kills are counted in steps and
		// not in time: the first is often in the middle of waking up.
		newLife(w, int64(1+rng.IntN(60))).run(time.Duration(1+rng.IntN(60)) * time.Second)
		w.kills++
		time.Sleep(time.Duration(1+rng.IntN(10_000)) * time.Millisecond)
		if rng.IntN(5) == 0 {
			w.boots++
			w.booted = time.Now().Add(-time.Duration(rng.IntN(20)) * time.Second)
		}
	}
	newLife(w, 0).run(calm)
}

func (w *realm) now() event.At {
	at := event.At{Wall: time.Now().UTC(), Boot: time.Since(w.booted), BootID: fmt.Sprint("boot-", w.boots)}
	if w.stepAt != 0 && time.Since(w.began) > w.stepAt {
		at.Wall = at.Wall.Add(w.stepBy)
	}
	return at
}

// A disk is what a kill leaves.
type disk struct {
	full     bool // it takes nothing
	mu       sync.Mutex
	all      []event.Frame // of all times
	snapshot []byte
	since    [][]byte // frames after it, as they are written
	last     uint64
}

func (d *disk) write(f event.Frame) {
	text, err := json.Marshal(f)
	if err != nil {
		panic(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all, d.since, d.last = append(d.all, f), append(d.since, text), f.Entries[len(f.Entries)-1].ID.Seq
}

func (d *disk) cut(snapshot []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.snapshot, d.since = snapshot, nil
}

func (d *disk) recall() (*control.Mind, error) {
	var frames []event.Frame
	for _, text := range d.since {
		var frame event.Frame
		if err := json.Unmarshal(text, &frame); err != nil {
			return nil, err
		}
		frames = append(frames, frame)
	}
	return loop.Recall("agent", d.snapshot, frames, d.last)
}

// facts counts those that are recorded: what was not is found true again, and told
// again, by whoever comes next.
func (d *disk) facts() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, f := range d.all {
		switch f.Entries[0].Body.(type) {
		case event.Declared, holdfast.Started, holdfast.Exited, holdfast.Admitted:
			n++
		}
	}
	return n
}

func (d *disk) acknowledged() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.all {
		if _, ok := f.Entries[0].Body.(event.Acknowledged); ok {
			return true
		}
	}
	return false
}

// A life is one agent from its start to its kill. Everything that reaches out of it
// passes a step, and the one at which it is killed does not happen, nor any after.
type life struct {
	*realm
	loop   *loop.Loop
	sender *notify.Sender
	orders chan order
	out    chan journal.Commit
	slow   *rand.Rand
	fate   *rand.Rand

	kill   context.CancelFunc
	steps  atomic.Int64
	killAt int64 // which step; 0: none
	dead   atomic.Bool
	mu     sync.Mutex // of fate
}

// An order is a frame to be written, or a snapshot.
type order struct {
	frame    event.Frame
	snapshot []byte
}

func newLife(w *realm, killAt int64) *life {
	mind, err := w.disk.recall()
	if err != nil {
		w.t.Fatalf("seed %d: it does not come back from what is on disk: %v", w.seed, err)
	}
	l := &life{realm: w, killAt: killAt, orders: make(chan order, 4096), out: make(chan journal.Commit), slow: w.rng(100 + uint64(w.kills)), fate: w.rng(200 + uint64(w.kills))}
	l.sender = notify.New(notify.Options{
		Notifier: func(name holdfast.ChannelName) (holdfast.Notifier, bool) { return line{life: l, via: name}, true },
		Compose: func(o oncall.Owed) holdfast.Message {
			return holdfast.Message{Key: o.Key, Purpose: o.Purpose, Incident: o.Incident, To: o.To}
		},
		Tell: l.tell,
		Now:  func() time.Duration { return w.now().Boot },
	})
	l.sender.Owe(mind.Owed())
	l.loop = loop.New(loop.Options{
		Mind: mind, Log: l, Now: w.now, Said: func(event.Frame) {}, Turn: func() {},
		Snapshot: func(mind []byte) ([]byte, error) { return mind, nil },
		Carry: func(c loop.Carried) {
			if c.Owed != nil && l.step() {
				l.sender.Owe(*c.Owed)
			}
		},
	})
	return l
}

// step tells whether what comes next still happens.
func (l *life) step() bool {
	if l.dead.Load() {
		return false
	}
	if l.steps.Add(1) == l.killAt {
		l.dead.Store(true)
		l.kill()
	}
	return !l.dead.Load()
}

// run lives until it is killed at its step, or when its time is up.
func (l *life) run(most time.Duration) {
	ctx, kill := context.WithCancel(context.Background())
	l.kill = kill
	var all sync.WaitGroup
	for _, run := range []func(context.Context){
		l.writes, l.hearsFacts, l.isAcknowledged,
		func(ctx context.Context) { _ = l.loop.Run(ctx) },
		func(ctx context.Context) { _ = l.sender.Run(ctx) },
		func(ctx context.Context) { _ = l.tell(ctx, event.Woken{}) },
	} {
		all.Go(func() { run(ctx) })
	}
	wait(ctx, most)
	l.dead.Store(true)
	kill()
	all.Wait()
}

func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

const errKilled = holdfast.Refusal("killed")

func (l *life) tell(ctx context.Context, in event.Body) error {
	if !l.step() {
		return errKilled
	}
	return l.loop.Tell(ctx, in)
}

func (l *life) Append(f event.Frame) { l.orders <- order{frame: f} }

func (l *life) Cut(snapshot []byte, _ uint64) { l.orders <- order{snapshot: snapshot} }

func (l *life) Committed() <-chan journal.Commit { return l.out }

// writes is the journal: a frame is on disk a moment after it was appended, and
// handed on a moment later.
func (l *life) writes(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case o := <-l.orders:
			if !wait(ctx, time.Duration(l.slow.IntN(5_000))*time.Microsecond) || !l.step() {
				return
			}
			switch {
			case l.disk.full:
			case o.snapshot != nil:
				l.disk.cut(o.snapshot)
			default:
				l.disk.write(o.frame)
			}
			if o.snapshot != nil {
				continue
			}
			if !l.step() {
				return
			}
			select {
			case l.out <- journal.Commit{Frame: o.frame, Recorded: !l.disk.full}:
			case <-ctx.Done():
				return
			}
		}
	}
}

func (l *life) hearsFacts(ctx context.Context) {
	for _, f := range l.facts[l.disk.facts():] {
		if !wait(ctx, max(time.Microsecond, f.at-time.Since(l.began))) || l.tell(ctx, f.body) != nil {
			return
		}
	}
}

// isAcknowledged: somebody who got a page takes it on, and says so until they are
// heard.
func (l *life) isAcknowledged(ctx context.Context) {
	for l.ackAfter > 0 && wait(ctx, time.Second) {
		first, ok := l.provider.first()
		if !ok || time.Since(first.at) < l.ackAfter {
			continue
		}
		if l.disk.acknowledged() || l.tell(ctx, event.Acknowledged{Incident: first.Incident, By: "ben", Via: "command line"}) != nil {
			return
		}
	}
}

func (l *life) chance(percent int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fate.IntN(100) < percent
}

func (l *life) some(most time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Duration(1 + l.fate.Int64N(int64(most)))
}

// A line is how a life speaks to the provider by a channel.
type line struct {
	*life
	via holdfast.ChannelName
}

// Send is cut off by a kill at any moment. What was on its way then may arrive.
func (l line) Send(ctx context.Context, m holdfast.Message) (string, error) {
	if !l.step() {
		return "", errKilled
	}
	if l.provider.down(l.via) {
		return "", &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	}
	if !wait(ctx, l.some(300*time.Millisecond)) || !l.step() {
		if l.chance(50) {
			l.provider.take(l.via, m)
		}
		return "", errKilled
	}
	l.provider.take(l.via, m)
	if !l.step() {
		return "", errKilled
	}
	answers := l.some(300 * time.Millisecond)
	if l.provider.slow(l.via) {
		answers = time.Minute // it has it, and says so when nobody listens any more
	}
	if !wait(ctx, answers) {
		return "", ctx.Err()
	}
	return "", nil
}

// A provider shows what it is given: once per key where it honours them.
type provider struct {
	honours bool
	began   time.Time
	outages []outage

	mu     sync.Mutex
	shown  []message
	unsure map[holdfast.MessageKey]int // whose answers it lost
}

type message struct {
	holdfast.Message
	via holdfast.ChannelName
	at  time.Time
}

// An outage is when a channel takes nothing, or takes it and does not say so in time.
type outage struct {
	via         holdfast.ChannelName
	from, until time.Duration
	slow        bool
}

func newProvider(w *realm, rng *rand.Rand) *provider {
	p := &provider{honours: rng.IntN(2) == 0, began: w.began, unsure: map[holdfast.MessageKey]int{}}
	for range rng.IntN(3) {
		from := time.Duration(rng.IntN(90)) * time.Second
		p.outages = append(p.outages, outage{
			via: []holdfast.ChannelName{"push", "mail"}[rng.IntN(2)], from: from, until: from + time.Duration(rng.IntN(60))*time.Second, slow: rng.IntN(2) == 0,
		})
	}
	return p
}

func (p *provider) down(via holdfast.ChannelName) bool { return p.is(via, false) }
func (p *provider) slow(via holdfast.ChannelName) bool { return p.is(via, true) }

func (p *provider) is(via holdfast.ChannelName, slow bool) bool {
	at := time.Since(p.began)
	for _, o := range p.outages {
		if o.via == via && o.slow == slow && o.from <= at && at < o.until {
			return true
		}
	}
	return false
}

func (p *provider) take(via holdfast.ChannelName, m holdfast.Message) {
	slow := p.slow(via)
	p.mu.Lock()
	defer p.mu.Unlock()
	if slow {
		p.unsure[m.Key]++
	}
	for _, before := range p.shown {
		if p.honours && before.Key == m.Key {
			return
		}
	}
	p.shown = append(p.shown, message{Message: m, via: via, at: time.Now()})
}

func (p *provider) first() (message, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.shown) == 0 {
		return message{}, false
	}
	return p.shown[0], true
}

// A disk that is full takes nothing, and keeps nobody asleep: what cannot be recorded
// is handed over all the same, once.
func TestAFullDiskKeepsNobodyAsleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRealm(t, 0)
		w.ackAfter, w.stepAt, w.provider.honours, w.provider.outages = 0, 0, false, nil
		w.facts = slices.Concat([]fact{{body: event.Declared{System: town()}}}, up(0, "catalog", 1), up(0, "cart", 1))
		w.facts = append(w.facts, fact{at: time.Second, body: holdfast.Exited{ID: replica("catalog", 1), Status: holdfast.ExitStatus{Signal: "SIGKILL"}}})
		w.facts = append(w.facts, up(100*time.Second, "catalog", 2)...)
		w.disk.full = true
		newLife(w, 0).run(5 * time.Minute)
		var shown []string
		for _, m := range w.provider.shown {
			shown = append(shown, string(m.Key))
		}
		slices.Sort(shown)
		want := []string{
			"20000101-2/0.2/ana/mail/resolve", "20000101-2/0.2/ana/push/resolve",
			"20000101-2/1.2/ana/mail/trigger", "20000101-2/1.2/ana/push/trigger",
		}
		if !slices.Equal(shown, want) || len(w.disk.all) > 0 {
			t.Errorf("shown were %q, want %q", shown, want)
		}
	})
}
