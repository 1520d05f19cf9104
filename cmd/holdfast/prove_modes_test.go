package main

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"holdfast"
	"holdfast/report"
)

// pairOfCatalogs has a health path, so that failing answers can be told from a
// failing service.
func pairOfCatalogs(flags string) string {
	return catalogAlone(flags, "healthcheck: {path: /healthz}")
}

// Every way in which one replica of a pair can fail is broken for real, is seen by
// the load, is noticed, and costs users nothing.
func TestEveryStandardFailureOfAPairProves(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pairOfCatalogs(""))
	var s said
	var run report.Run
	for range 4 {
		s = h.run("prove", "--json", "--seed", "8812")
		if run = s.document(); !noisy(run) {
			break
		}
	}
	s.exits(exitGood)
	for i, want := range []struct{ kind, witness, from, remedies string }{
		{"crash", "exit of pid ", "injection", "restart"},
		{"hang", "pid ", "injection", "restart"},
		{"slow", "an answer after 1", "undo", ""},
		{"errors", "status 500 seen by load on the way to catalog-", "undo", ""},
		{"partition", "silence seen by load on the way to catalog-", "undo", ""},
	} {
		if i >= len(run.Drills) {
			t.Fatalf("there are %d drills:\n%s", len(run.Drills), s.stdout)
		}
		d := run.Drills[i]
		if string(d.Kind) != want.kind || d.Verdict != holdfast.Pass || !strings.HasPrefix(d.Witness, want.witness) || d.From != want.from || strings.Join(d.Remedies, " ") != want.remedies {
			t.Errorf("%s: %+v, want %+v", d.Mode, d, want)
		}
		if d.Detect == nil || d.Eject == nil || d.Restore == nil || *d.Eject > *d.Restore+*d.Detect+10_000 {
			t.Errorf("%s: a time is missing or out of order: %+v", d.Mode, d)
		}
	}
	h.keeps(run)
	h.isEmptyWithin(lease)
	h.keepsNothingOfTheCopy()
}

// A fault proxy that is killed or stopped takes every path with it, for a reason
// that is not the fault: nothing is decided, and nothing is left behind.
func TestAFaultProxyThatIsLostDecidesNothing(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		t.Run(word(signal), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, pairOfCatalogs(""))
			r := h.start("prove", "catalog.partition", "--json")
			r.says("silence on catalog-")
			h.strike(h.one("proxy"), signal)
			s := r.ends()
			run := s.document()
			t.Logf("exit %d, %s: %s", s.code, run.Verdict, reason(run))
			if !slices.Contains([]int{exitCouldNot, exitAborted}, s.code) || run.Verdict == holdfast.Pass || run.Verdict == holdfast.Fail {
				t.Errorf("exit %d with %s:\n%s", s.code, run.Verdict, s.all())
			}
			if !strings.Contains(reason(run), "proxy") && !strings.Contains(reason(run), "silence") {
				t.Errorf("the reason does not name what was lost: %s", reason(run))
			}
			h.onlyLivesWithin(lease)
			h.keepsNothingOfTheCopy()
			h.run("heal").exits(exitGood).tells("nothing was left behind")
		})
	}
}

// The name of an edge's mode has a slash in it, and is no path.
func TestTheFileIsToldFromTheModes(t *testing.T) {
	for _, c := range []struct {
		args  []string
		name  string
		modes []string
	}{
		{},
		{args: []string{"catalog.crash"}, modes: []string{"catalog.crash"}},
		{args: []string{"storefront/catalog.loss", "hang"}, modes: []string{"storefront/catalog.loss", "hang"}},
		{args: []string{"shop.yaml", "storefront/catalog.loss"}, name: "shop.yaml", modes: []string{"storefront/catalog.loss"}},
		{args: []string{"../shop/file", "loss"}, name: "../shop/file", modes: []string{"loss"}},
		{args: []string{"catalog"}, modes: []string{"catalog"}},
	} {
		if name, modes := splitArguments(c.args); name != c.name || !slices.Equal(modes, c.modes) {
			t.Errorf("%q: file %q and modes %q, want %q and %q", c.args, name, modes, c.name, c.modes)
		}
	}
}

// What has one replica is restarted by its own crash while its edge is lost, for it
// lives and refuses. Its successor is lost, too, and is seen to be: the drill
// decides.
func TestTheLossOfAServiceOfOneReplicaIsDecided(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `name: shop
owner: shop-team
defaults: {healthcheck: {path: /healthz}}
services:
  storefront: {command: ./holdfast toy storefront, replicas: 2, ports: ["8080"], depends_on: [cart]}
  cart: {command: ./holdfast toy cart, replicas: 1}
`)
	s, run := h.decidedOf("storefront/cart.loss")
	d := onlyDrill(t, s, run)
	if d.Verdict != holdfast.Pass && d.Verdict != holdfast.Fail || !strings.HasPrefix(d.Witness, "refusal, then silence seen by load on the way to cart-1") {
		t.Errorf("%s: %s, seen: %q\n%s", d.Verdict, d.Reason, d.Witness, s.all())
	}
	if strings.Contains(d.Reason, "no remedy of") {
		t.Errorf("what the remedy of another mode ended is held against this one: %s", d.Reason)
	}
}
