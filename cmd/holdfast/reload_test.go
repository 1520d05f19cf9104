//go:build linux

package main

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/journal/view"
)

// change writes the file anew, with something in it replaced.
func (s *system) change(old, next string) {
	s.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, defaultFile))
	s.must(err)
	if !strings.Contains(string(text), old) {
		s.Fatalf("the file holds no %q:\n%s", old, text)
	}
	s.write(defaultFile, strings.Replace(string(text), old, next, 1))
}

// Two of two replicas are started with something else, while visitors come: no
// visitor is hurt, and nobody else is touched.
func TestAChangedFileRollsUnderLoad(t *testing.T) {
	t.Parallel()
	s := newSystem(t, fifteenLines)
	s.detached()
	before := s.whole()
	visitors := s.visitors(50, true)
	visitors.more(20)

	s.change("toy catalog", "toy catalog --work 1ms")
	s.run("reload", "--dry-run").exits(0).tells("~ catalog: command", "replaced one at a time: catalog-1, catalog-2", "nothing was done")
	s.untouched(before)
	s.run("reload").exits(0).tells("~ catalog: command", "catalog-1#2 admitted", "catalog-2#2 admitted", "done after")
	after := s.whole()
	for name, pid := range before {
		if changed := strings.HasPrefix(string(name), "catalog"); (after[name] != pid) != changed {
			t.Errorf("%s had pid %d and has %d", name, pid, after[name])
		}
	}
	if t.Failed() {
		t.Log(s.run("events").all())
	}
	visitors.unhurtAfter(20)
	s.run("reload").exits(0).tells("nothing is changed", "done after")
	s.untouched(after)
	s.down()
}

func TestAFileThatCannotBeUsedLeavesTheOldOneInForce(t *testing.T) {
	t.Parallel()
	s := newSystem(t, pair)
	s.run("reload").exits(3).tells("next: holdfast up")
	s.detached()
	before := s.whole()
	s.change("replicas: 2", "replica: 3")
	s.run("reload").exits(2).tells("unknown key `replica`", "did you mean `replicas`?")
	s.change("replica: 3", "replicas: 2")
	s.change("name: pair", "name: other")
	s.run("reload").exits(2).tells("the file of another system", "next: ")
	s.untouched(before)
	s.down()
}

// A change that does not work costs one replica and no visitor; the next file
// mends it.
func TestAChangeThatDoesNotWorkStopsTheRoll(t *testing.T) {
	t.Parallel()
	s := newSystem(t, pair)
	s.detached()
	before := s.whole()
	visitors := s.visitors(50, true)
	visitors.more(10)
	s.change("toy cart", "toy cart --no-such-flag")
	s.run("reload").exits(1).tells("the changed file does not work", "cart-1", "the others run on as they were", "next: ")
	s.run("status").tells("cart-1: escalated to web")
	if after := pids(s.status()); after["cart-2"] != before["cart-2"] {
		t.Errorf("cart-2 was touched: %v, before %v", after, before)
	}
	s.change(" --no-such-flag", "")
	s.run("reload").exits(0)
	if after := s.whole(); after["cart-2"] != before["cart-2"] || after["cart-1"] == before["cart-1"] {
		t.Errorf("%v, before %v", after, before)
	}
	visitors.unhurtAfter(10)
	s.down()
}

// A service is added, another one and the need for it are taken away, in one go.
func TestServicesComeAndGoUnderLoad(t *testing.T) {
	t.Parallel()
	s := newSystem(t, fifteenLines)
	s.detached()
	before := s.whole()
	visitors := s.visitors(50, true)
	visitors.more(20)
	s.change("[catalog, cart]", "[catalog, basket]")
	s.change("  cart:\n    command: ./holdfast toy cart", "  basket:\n    command: ./holdfast toy cart")
	s.run("reload").exits(0).tells("~ storefront: depends_on.basket, depends_on.cart", "+ basket: added", "- cart: removed", "storefront-3#2 admitted", "basket-2#1 admitted")
	after := s.whole()
	if after["catalog-1"] != before["catalog-1"] || after["cart-1"] != 0 {
		t.Errorf("%v, before %v", after, before)
	}
	await(t, "cart has ended", func() bool { return !lives(before["cart-1"]) && !lives(before["cart-2"]) })
	visitors.unhurtAfter(20)
	s.down()
}

// impatient replicas end at the stop signal, whatever they are about. Each answer
// takes longer than a replica used to be waited for.
const impatient = `name: slow
owner: web
services:
  cart:
    command: ./holdfast toy cart --store memory --work 1500ms
    replicas: 3
    ports: ["8080"]
    stop_signal: SIGKILL
    healthcheck: {path: /healthz}
  ads:
    command: ./holdfast toy catalog
    replicas: 2
`

// buyers put things into carts, which nobody sends twice, and count those that came
// to nothing.
type buyers struct {
	*system
	over   chan struct{}
	asking sync.WaitGroup
	bought atomic.Int64
	failed atomic.Int64
	first  atomic.Value // why
}

func (s *system) buyers(every time.Duration) *buyers {
	b := &buyers{system: s, over: make(chan struct{})}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	b.asking.Go(func() {
		defer client.CloseIdleConnections()
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-b.over:
				return
			case <-tick.C:
				b.asking.Go(func() { b.buy(client) })
			}
		}
	})
	s.Cleanup(b.leave)
	return b
}

func (b *buyers) buy(client *http.Client) {
	answer, err := client.Post("http://"+b.address()+"/carts/c", "application/json", strings.NewReader(`{"item": "x"}`))
	if err == nil {
		var text []byte
		text, err = io.ReadAll(answer.Body)
		answer.Body.Close()
		if err == nil && answer.StatusCode != http.StatusCreated {
			err = errors.New(answer.Status + " " + string(text))
		}
	}
	if b.bought.Add(1); err != nil {
		b.failed.Add(1)
		b.first.CompareAndSwap(nil, err.Error())
	}
}

func (b *buyers) leave() {
	select {
	case <-b.over:
	default:
		close(b.over)
	}
	b.asking.Wait()
}

// Replicas are taken away and replaced while each of them has answers to give, and
// ends at once when it is told to: no answer is lost. One that has none is not
// waited for.
func TestLongRequestsOutliveChanges(t *testing.T) {
	t.Parallel()
	s := newSystem(t, impatient)
	s.detached()
	before := s.whole()
	buyers := s.buyers(40 * time.Millisecond)
	await(t, "all are busy", func() bool { return buyers.bought.Load() > 10 })
	s.change("--work 1500ms\n    replicas: 3", "--work 1501ms\n    replicas: 2")
	s.change("toy catalog\n    replicas: 2", "toy catalog\n    replicas: 1")
	s.run("reload").exits(0).tells("~ cart: command", "cart-1#2 admitted", "cart-2#2 admitted", "done after")
	await(t, "those that leave have ended", func() bool { return !lives(before["cart-3"]) && !lives(before["ads-2"]) })
	buyers.leave()
	if n := buyers.failed.Load(); n > 0 {
		t.Errorf("%d of %d came to nothing, the first: %v\n%s", n, buyers.bought.Load(), buyers.first.Load(), s.run("events").all())
	}
	took := map[holdfast.ReplicaName]time.Duration{}
	for _, entry := range s.entries() {
		if d, is := entry.Body.(holdfast.Drained); is {
			took[d.ID.Name()] = d.Lasted
			if d.Cut > 0 {
				t.Errorf("%d answers of %s were cut off", d.Cut, d.ID)
			}
		}
	}
	if len(took) != 4 || took["ads-2"] >= took["cart-3"] {
		t.Errorf("drained within %v; want four of them, and the idle ads-2 before cart-3", took)
	}
	s.down()
}

const migration = `name: pair
owner: web
services:
  migrate:
    command: sh ./migrate
    restart: "no"
  cart:
    command: ./holdfast toy cart
    replicas: 2
    ports: ["8080"]
    depends_on: {migrate: {condition: completed}}
`

func TestAMigrationRunsOnceBeforeWhoNeedsIt(t *testing.T) {
	t.Parallel()
	s := newSystem(t, migration)
	s.write("migrate", "echo run >>ran; exec sleep 1\n")
	s.detached().tells("migrate 1/1")
	before := s.waitAdmitted("cart-1", "cart-2")
	s.run("status").tells("migrate  1/1    completed")
	if ran := s.ran(); ran != 1 {
		t.Errorf("it ran %d times", ran)
	}
	s.strike(s.roleAt("agent"), 9)
	await(t, "the agent is back", func() bool { return s.roleAt("agent") != 0 })
	s.run("reload").exits(0).tells("nothing is changed")
	if ran := s.ran(); ran != 1 {
		t.Errorf("after an agent's death and the same file it ran %d times", ran)
	}
	s.change("sh ./migrate", "sh ./migrate again")
	s.run("reload").exits(0).tells("~ migrate: command", "migrate-1#2 completed")
	if ran, after := s.ran(), s.waitAdmitted("cart-1", "cart-2"); ran != 2 || after["cart-1"] != before["cart-1"] {
		t.Errorf("it ran %d times; %v, before %v", ran, after, before)
	}
	s.down()
}

func (s *system) ran() int {
	s.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "ran"))
	s.must(err)
	return strings.Count(string(text), "run")
}

func TestAMigrationThatFailsHoldsUpAndCallsAPerson(t *testing.T) {
	t.Parallel()
	s := newSystem(t, migration)
	s.write("migrate", "echo no database; exit 7\n")
	s.run("up", "--detach").exits(3).tells("migrate-1", "exit 7", "no database", "owner web")
	for _, service := range s.status().View.Services {
		if r := service.Replicas[0]; service.Name == "cart" && r.State != view.Awaited {
			t.Errorf("%s %s before the migration is completed", r.ID, r.State)
		}
	}
	s.write("migrate", "exit 0\n")
	s.run("reload").exits(0).tells("migrate-1#2 completed")
	s.waitAdmitted("cart-1", "cart-2")
	s.down()
}

// A program lost its execute bit: the person who mended that had no word for it,
// and waited until the budget had room again.
func TestWhatAPersonMendedIsTriedAgainByAReload(t *testing.T) {
	t.Parallel()
	s := newSystem(t, strings.Replace(pair, "./holdfast", "./cart", 1)+"guardrails: {max_actions: 1 per 10m}\n")
	program := filepath.Join(s.dir, "cart")
	s.must(os.WriteFile(program, []byte("#!/bin/sh\nexec ./holdfast \"$@\"\n"), 0o700))
	s.detached()
	before := s.whole()
	s.must(os.Chmod(program, 0o600))
	s.strike(before["cart-1"], syscall.SIGKILL)
	await(t, "the budget is spent", func() bool {
		return strings.Contains(s.run("status").stdout, "holdfast reload tries again")
	})

	s.run("reload").exits(1).tells("tried again in vain", "not executable", "next: ")
	s.must(os.Chmod(program, 0o700))
	s.run("reload").exits(0).tells("nothing is changed", "cart-1#4 admitted", "done after")
	if after := s.whole(); after["cart-2"] != before["cart-2"] {
		t.Errorf("who ran was replaced: %v, before %v", after, before)
	}
	s.down()
}
