package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"holdfast"
	"holdfast/report"
)

// carts are two replicas of a cart that keep what they are given as told. A user
// puts something in, which may be asked for twice, and looks at it.
func carts(flags string) string {
	return fmt.Sprintf(`name: carts
owner: cart-team
defaults: {healthcheck: {path: /healthz}}
promises: {shopping: {journey: shopping, target: 99.9%%}}
sessions:
  shopping:
    steps:
      - {post: "/carts/{{id}}", on: cart, json: {item: lantern}, write: true, header: {Idempotency-Key: "{{id}}"}, expect: {status: 201, volatile: [replica]}}
      - {get: "/carts/{{id}}", expect: {body: lantern, volatile: [replica]}}
    audit: {get: /carts}
services:
  cart: {command: ./holdfast toy cart %s, replicas: 2, ports: ["8080"]}
`, flags)
}

// ofTheDocs is the file that the docs show, which is to work as it stands there.
func ofTheDocs(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/proving.md")
	_, from, _ := strings.Cut(string(page), "\n```yaml\nname: carts\n")
	text, _, found := strings.Cut(from, "```")
	if err != nil || !found {
		t.Fatalf("the docs show no carts: %v", err)
	}
	return "name: carts\n" + text
}

// onlyDrill is the one drill of a run.
func onlyDrill(t *testing.T, s said, run report.Run) report.Drill {
	t.Helper()
	if len(run.Drills) != 1 {
		t.Fatalf("%d drills, want 1:\n%s", len(run.Drills), s.all())
	}
	return run.Drills[0]
}

// fails holds a FAIL to its reason.
func fails(t *testing.T, s said, d report.Drill, reasons ...string) {
	t.Helper()
	for _, reason := range reasons {
		if d.Verdict != holdfast.Fail || !strings.Contains(d.Reason, reason) {
			t.Errorf("%s is %s: %s, want FAIL: … %s …\n%s", d.Mode, d.Verdict, d.Reason, reason, s.stderr)
		}
	}
}

// A cart in the memory of one replica is empty on the other. The drill names the
// step; the control run of everything else fails, and says why.
func TestACartInMemoryLosesItsSessions(t *testing.T) {
	t.Parallel()
	h := newHouse(t, carts("--store memory"))
	s := h.run("prove", "cart.state-loss", "cart.crash", "--json").exits(exitFound)
	run := s.document()
	d := onlyDrill(t, s, run)
	fails(t, s, d, "step 2, GET /carts/{{id}} of session shopping: on cart-2 after cart-1 was restarted", "lantern")
	if d.Walks == nil || d.Walks.Restarts != 1 || d.Walks.Differ != 1 || d.Restore == nil || !strings.HasPrefix(d.Witness, "exit of pid ") {
		t.Errorf("the drill is %+v", d)
	}
	if !strings.Contains(run.Reason, "the control run failed") || !strings.Contains(run.Reason, "cart.state-loss is FAIL, which explains it") {
		t.Errorf("the run says: %s", run.Reason)
	}
	h.isEmptyWithin(lease)
}

// One replica loses them by its restart alone.
func TestACartInTheMemoryOfOneReplicaLosesItsSessions(t *testing.T) {
	t.Parallel()
	h := newHouse(t, strings.Replace(carts("--store memory"), "replicas: 2", "replicas: 1", 1))
	s := h.run("prove", "cart.state-loss", "--json").exits(exitFound)
	fails(t, s, onlyDrill(t, s, s.document()), "on cart-1 after cart-1 was restarted")
}

// What is kept in a file that replicas share, and is on disk before it is
// acknowledged, is there on any of them, and is lost by no crash.
func TestCartsInASharedStorePass(t *testing.T) {
	t.Parallel()
	h := newHouse(t, ofTheDocs(t))
	h.run("check").exits(exitGood)
	s, run := h.decidedOf("cart.state-loss")
	if d := onlyDrill(t, s, run); d.Verdict != holdfast.Pass || d.Walks == nil || d.Walks.Answers != 2 || d.Walks.Differ != 0 {
		t.Errorf("want PASS of two answers that are the same:\n%s", s.all())
	}
	s, run = h.decided()
	if d := onlyDrill(t, s, run); d.Verdict != holdfast.Pass {
		t.Errorf("want PASS of its crash:\n%s", s.all())
	}
	h.isEmptyWithin(lease)
}

// A cart that answers before it has stored what it was given loses it when it is
// killed in between.
func TestAcknowledgedWritesThatAreLostFail(t *testing.T) {
	t.Parallel()
	text := carts("--store carts.jsonl --store-late 500ms")
	begin, end := strings.Index(text, `      - {get: "`), strings.Index(text, "    audit:")
	h := newHouse(t, text[:begin]+text[end:])
	s, run := h.decided()
	fails(t, s, onlyDrill(t, s.exits(exitFound), run), " acknowledged writes of shopping were lost, the first: hf-", "POST cart:8080/carts/{{id}}")
}

// A gateway sends a request twice only to who says that it may: a cart that says
// so, and counts it twice, is found out, as soon as one answer takes so long that
// another replica is asked beside it: that may be before anything is broken.
func TestWritesThatAreCarriedOutTwiceFail(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `name: carts
owner: cart-team
defaults: {healthcheck: {path: /healthz}}
sessions:
  buying:
    steps: [{post: "/carts/{{id}}", on: cart, json: {item: lantern}, write: true}]
    audit: {get: /carts}
services:
  storefront: {command: ./holdfast toy storefront, replicas: 2, ports: ["8080"], depends_on: {cart: {idempotent: true}}}
  cart: {command: ./holdfast toy cart --store carts.jsonl --store-twice --answer-late 200ms, replicas: 2}
`)
	s := h.run("prove", "cart.crash", "--json")
	run := s.document()
	why := run.Reason
	for _, drill := range run.Drills {
		why += drill.Reason
	}
	for _, want := range []string{" writes of buying were carried out more than once, the first: hf-", "POST storefront/cart/carts/{{id}}"} {
		if run.Verdict == holdfast.Pass || !strings.Contains(why, want) {
			t.Errorf("%s: %q does not say %q", run.Verdict, why, want)
		}
	}
}

// An empty basket with status 200 is no basket: who promises the journey has
// broken it, though every status is good.
func TestAnEmptyCartWithStatus200FailsItsJourney(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `name: shop
owner: shop-team
defaults: {healthcheck: {path: /healthz}}
promises: {shopping: {journey: shopping, target: 99.9%}}
sessions:
  shopping:
    steps:
      - {get: /about}
      - {get: /basket, expect: {status: 200, body: brass compass}}
services:
  storefront: {command: ./holdfast toy storefront, replicas: 2, ports: ["8080"], depends_on: {cart: {fallback: {json: {items: []}}}}}
  cart: {command: ./holdfast toy cart, replicas: 2}
`)
	s, run := h.decidedOf("storefront/cart.loss")
	fails(t, s, onlyDrill(t, s.exits(exitFound), run), "requests were hurt; the first: shopping/2 GET storefront:8080/basket 200", "brass compass")
}

// What the file says of the load holds, unless the command line says otherwise;
// and what it does not hold is asked for.
func TestTheFilesLoadHolds(t *testing.T) {
	t.Parallel()
	text := strings.Replace(carts("--store carts.jsonl"), "promises:", "drills: {load: {rate: 90/s, arrivals: poisson}}\npromises:", 1)
	h := newHouse(t, text)
	if _, run := h.decided(); run.Control.Rate != 90 {
		t.Errorf("it asks %v a second, and the file says 90", run.Control.Rate)
	}
	if _, run := h.decided("--rate", "100/s"); run.Control.Rate != 100 {
		t.Errorf("it asks %v a second, and was told 100", run.Control.Rate)
	}
	h.write("holdfast.yaml", strings.Replace(text, "header: {", `header: {Authorization: "env:HOLDFAST_TEST_UNSET", `, 1))
	h.run("prove", "crash").exits(exitCouldNot).tells("the session shopping needs the variable HOLDFAST_TEST_UNSET", "next: export HOLDFAST_TEST_UNSET=")
}
