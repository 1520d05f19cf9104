package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"holdfast"
	"holdfast/proof"
	"holdfast/report"
)

// shopToProve is a shop of which every service has two replicas.
const shopToProve = `name: shop
owner: shop-team
promise: 99.9%
services:
  storefront:
    command: ./holdfast toy storefront
    replicas: 2
    ports: ["8080"]
    depends_on: [catalog, cart]
  catalog:
    command: ./holdfast toy catalog
    replicas: 2
  cart:
    command: ./holdfast toy cart
    replicas: 2
`

// catalogAlone is one service of two replicas, with flags for the toy and keys
// for the service.
func catalogAlone(flags string, keys ...string) string {
	text := fmt.Sprintf(`name: alone
owner: web
services:
  catalog:
    command: ./holdfast toy catalog %s
    replicas: 2
    ports: ["8080"]
`, flags)
	for _, key := range keys {
		text += "    " + key + "\n"
	}
	return text
}

// decided proves what becomes of crashes, until the machine was quiet enough to
// say something: what is INVALID because of the load or the control run is no
// answer to a test. It returns what was said last.
func (h *house) decided(args ...string) (said, report.Run) {
	h.t.Helper()
	return h.decidedOf("crash", args...)
}

// decidedOf does the same with another kind of failure, or one mode.
func (h *house) decidedOf(modes string, args ...string) (said, report.Run) {
	h.t.Helper()
	var s said
	var run report.Run
	for range 4 {
		s = h.run(append([]string{"prove", modes, "--json"}, args...)...)
		run = s.document()
		if !noisy(run) {
			break
		}
		h.t.Logf("once more: %s", s.stdout)
	}
	return s, run
}

func noisy(run report.Run) bool {
	reasons := run.Reason
	for _, drill := range run.Drills {
		if drill.Verdict == holdfast.Invalid {
			reasons += drill.Reason
		}
	}
	return strings.Contains(reasons, "the load generator itself was too slow") || strings.Contains(reasons, "this machine was too busy to judge by") || strings.Contains(reasons, "without any fault")
}

// document is the one JSON document on stdout.
func (s said) document() report.Run {
	s.t.Helper()
	var run report.Run
	decoder := json.NewDecoder(strings.NewReader(s.stdout))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&run); err != nil {
		s.t.Fatalf("stdout is not the document: %v\n%s", err, s.all())
	}
	if decoder.More() {
		s.t.Fatalf("there is more than one document on stdout:\n%s", s.stdout)
	}
	return run
}

func TestAShopOfPairsProves(t *testing.T) {
	t.Parallel()
	h := newHouse(t, shopToProve)
	s, run := h.decided("--seed", "8812")
	s.exits(exitGood)
	if run.Verdict != holdfast.Pass || len(run.Drills) != 3 || run.System != "shop" || run.Seed != 8812 || run.Control.Sent < 200 || run.Control.Failed != 0 {
		t.Errorf("want PASS of three drills after a clean control run, got:\n%s", s.stdout)
	}
	for _, drill := range run.Drills {
		passes(t, drill)
	}
	hasTheShapeOf(t, documentOfTheIssue, s.stdout)
	h.keeps(run)
	h.isEmptyWithin(lease)
	h.keepsNothingOfTheCopy()
}

// passes holds a drill's figures against each other: a PASS has to be earned.
func passes(t *testing.T, d report.Drill) {
	t.Helper()
	if d.Verdict != holdfast.Pass || d.Reason != "" || d.Failed+d.Late > 0 || d.Sent < 200 || d.Owner != "shop-team" {
		t.Errorf("%s: %+v", d.Mode, d)
	}
	if d.Detect == nil || d.Eject == nil || d.Mitigate == nil || d.Restore == nil || *d.Restore < *d.Detect || *d.Restore > d.Bounds.Restore {
		t.Errorf("%s: a time is missing or out of order: %+v", d.Mode, d)
	}
	if !strings.HasPrefix(d.Witness, "exit of pid ") || len(d.Remedies) != 1 || d.Remedies[0] != "restart" {
		t.Errorf("%s: witness %q, remedies %q", d.Mode, d.Witness, d.Remedies)
	}
	if d.Below <= 0 || d.Below > 0.02 {
		t.Errorf("%s: of %d requests none was hurt, which shows less than %s", d.Mode, d.Sent, d.Below)
	}
}

// keeps insists that the verdicts of a run are kept, each on a basis of its own.
func (h *house) keeps(run report.Run) {
	h.t.Helper()
	kept, damaged, err := proof.Read(filepath.Join(h.dir, ".holdfast"))
	before := len(kept) - len(run.Drills) // of runs on a machine that was too busy
	if err != nil || damaged > 0 || before < 0 || len(run.Drills) == 0 && before > 0 {
		h.t.Fatalf("%d verdicts are kept of %d (%d damaged): %v", len(kept), len(run.Drills), damaged, err)
	}
	kept = kept[before:]
	bases := map[holdfast.Digest]bool{}
	for i, k := range kept {
		drill := run.Drills[i]
		if k.Mode != drill.Mode || k.Verdict != drill.Verdict || k.Sent != drill.Sent || k.Witness != drill.Witness || bases[k.Basis] {
			h.t.Errorf("%+v is kept of %+v", k, drill)
		}
		bases[k.Basis] = true
	}
}

// keepsNothingOfTheCopy looks at the disk: the ledger stays, the copy does not.
func (h *house) keepsNothingOfTheCopy() {
	h.t.Helper()
	copies, _ := filepath.Glob(filepath.Join(h.dir, ".holdfast", "prove", "*"))
	if len(copies) > 0 {
		h.t.Errorf("the copy's state is still there: %q", copies)
	}
}

// documentOfTheIssue is the document as it was agreed: keys may be added, none
// may go or change its type.
const documentOfTheIssue = `{"version":0,"system":"shop","verdict":"FAIL","seed":8812,"control":{"sent":1000,"failed":0},
 "drills":[{"mode":"catalog.crash","kind":"crash","strikes":"catalog-2","owner":"web","verdict":"PASS","witness":"exit of pid 4711 seen by load",
   "detect_ms":4.1,"mitigate_ms":0,"restore_ms":640,"bounds":{"detect_ms":1000,"mitigate_ms":3000,"restore_ms":15000,"impact":0.001},
   "sent":1012,"failed":0,"late":0,"impact":0.0,"impact_below_95":0.003,"remedies":["restart"],"withheld":[],"reason":""}]}`

func hasTheShapeOf(t *testing.T, agreed, got string) {
	t.Helper()
	var want, have any
	if err := json.Unmarshal([]byte(agreed), &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(got), &have); err != nil {
		t.Fatal(err)
	}
	compareShapes(t, "", want, have)
}

func compareShapes(t *testing.T, at string, want, have any) {
	t.Helper()
	if fmt.Sprintf("%T", want) != fmt.Sprintf("%T", have) {
		t.Errorf("%s is %T, want %T", at, have, want)
		return
	}
	switch want := want.(type) {
	case map[string]any:
		for key, value := range want {
			compareShapes(t, at+"."+key, value, have.(map[string]any)[key])
		}
	case []any:
		for i, value := range have.([]any) {
			if len(want) > 0 {
				compareShapes(t, fmt.Sprintf("%s[%d]", at, i), want[0], value)
			}
		}
	}
}

func TestWithoutARemedyTheCrashIsNeverMended(t *testing.T) {
	t.Parallel()
	h := newHouse(t, catalogAlone("", "failure_modes: {crash: {remedies: [], bounds: {restore: 4s}}}"))
	s, run := h.decided()
	s.exits(exitFound)
	drill := run.Drills[0]
	if drill.Verdict != holdfast.Fail || drill.Restore != nil || !strings.Contains(s.stdout, `"restore_ms":null`) || !drill.Escalated || len(drill.Remedies) != 0 {
		t.Errorf("want FAIL, restore null and a person called, got:\n%s", s.stdout)
	}
	if !strings.Contains(drill.Reason, "no remedy is declared for catalog.crash") {
		t.Errorf("the reason is %q", drill.Reason)
	}
}

func TestASlowStartFailsAndIsNamed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, catalogAlone("--start-delay 3s", "failure_modes: {crash: {bounds: {restore: 1s}}}"))
	s, run := h.decided()
	s.exits(exitFound)
	drill := run.Drills[0]
	if drill.Verdict != holdfast.Fail || drill.Restore == nil || *drill.Restore < 3000 {
		t.Fatalf("want FAIL and a restoration after 3 s or more, got:\n%s", s.stdout)
	}
	if !strings.Contains(drill.Reason, "from the start of catalog-") || !strings.Contains(drill.Reason, "to its first good answer") {
		t.Errorf("the reason does not name the start: %q", drill.Reason)
	}
}

func TestAFaultNobodySawDecidesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, catalogAlone(""))
	s, run := h.decided("--blind-witness")
	s.exits(exitCouldNot)
	if drill := run.Drills[0]; drill.Verdict != holdfast.Invalid || drill.Witness != "" || !strings.Contains(drill.Reason, "witness") {
		t.Errorf("want INVALID for want of a witness, got:\n%s", s.stdout)
	}
	h.keeps(report.Run{})
}

func TestAServiceThatNothingLeadsToCannotBeDrilled(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "name: quiet\nservices:\n  worker:\n    command: ./holdfast toy catalog\n    replicas: 2\n")
	h.run("prove").exits(exitCouldNot).tells("INVALID", "no request can reach worker", `ports: ["8080"]`)
}

func TestWhatRunsElsewhereGetsNoLoad(t *testing.T) {
	t.Parallel()
	h := newHouse(t, catalogAlone("", "depends_on: [bank]")+"  bank:\n    urls: [\"http://127.0.0.1:9/\"]\n")
	h.run("prove", "catalog.crash").exits(exitCouldNot).tells("INVALID", "asking catalog could reach bank, which runs elsewhere")
}

func TestAModeThatIsNotThereIsBadUsage(t *testing.T) {
	t.Parallel()
	h := newHouse(t, catalogAlone(""))
	for _, args := range [][]string{{"catalog.crush"}, {"--rate", "fast"}, {"--repeat", "0"}, {"elsewhere.yaml"}, {"--nonsense"}} {
		s := h.run(append([]string{"prove"}, args...)...).exits(exitUsage).tells("next:")
		if s.stdout != "" {
			t.Errorf("%q: stdout is for data, it holds %q", args, s.stdout)
		}
	}
	h.run("prove", "catalog.crush").tells("catalog.crash")
}

func TestACopyThatNeverGetsReadyIsExplained(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string]string{"deaf": "--never-listen", "dying": "--exit-after 10ms"} {
		h := newHouse(t, catalogAlone(flags, "healthcheck: {start_period: 2s}"))
		s := h.run("prove", "--json").exits(exitCouldNot)
		run := s.document()
		if run.Verdict != holdfast.Invalid || !strings.Contains(run.Reason, "did not get ready") || !strings.Contains(run.Reason, "toy catalog "+flags) {
			t.Errorf("%s: want INVALID and the command that does not get ready, got:\n%s", name, s.stdout)
		}
	}
}

func TestWhatFailsWithoutAFaultDecidesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, catalogAlone("--fail-share 0.6"))
	s := h.run("prove", "--json").exits(exitCouldNot)
	if run := s.document(); run.Verdict != holdfast.Invalid || len(run.Drills) != 0 || run.Control.Failed == 0 || !strings.Contains(run.Reason, "without any fault") {
		t.Errorf("want INVALID because of the control run, got:\n%s", s.stdout)
	}
}

func TestTwoProofsInOneFolderDoNotMeet(t *testing.T) {
	t.Parallel()
	h := newHouse(t, catalogAlone(""))
	one, two := h.start("prove", "crash", "--rate", "70/s"), h.start("prove", "crash", "--rate", "70/s")
	for _, r := range []*underway{one, two} {
		if s := r.ends(); s.code != exitGood && !strings.Contains(s.all(), "without any fault") && !strings.Contains(s.all(), "too slow to measure") {
			t.Errorf("exit %d:\n%s", s.code, s.all())
		}
	}
}

func TestProveDoesNotTouchWhatRuns(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	h := newHouse(t, strings.Replace(catalogAlone(""), "8080", fmt.Sprint(port), 1))
	h.run("up", "--detach").exits(exitGood)
	t.Cleanup(func() { h.run("down") })
	before := h.role("toy catalog")
	out := h.run("status", "--json").stdout
	s, run := h.decided("--rate", "70/s")
	s.exits(exitGood)
	if run.Verdict != holdfast.Pass {
		t.Errorf("want PASS although the port is taken by the running system, got:\n%s", s.stdout)
	}
	if after := h.role("toy catalog"); fmt.Sprint(before) != fmt.Sprint(after) || len(after) != 2 {
		t.Errorf("the running replicas were %v and are %v", before, after)
	}
	if !strings.Contains(out, `"failures":null`) && !strings.Contains(out, `"failures":[]`) {
		t.Logf("status before: %s", out)
	}
	if events := h.run("events").stdout; strings.Contains(events, "exited") || strings.Contains(events, "fault injected") {
		t.Errorf("the running system's journal tells of the drill:\n%s", events)
	}
}

func TestProveWritesOnlyWhereItIsTold(t *testing.T) {
	t.Parallel()
	h := newHouse(t, catalogAlone(""))
	long := filepath.Join(t.TempDir(), strings.Repeat("a-rather-long-name-", 8), strings.Repeat("and-another-", 8), "state")
	before := listing(t, h.dir)
	s, run := h.decided("--state", long, "--rate", "70/s")
	s.exits(exitGood)
	if run.Verdict != holdfast.Pass {
		t.Errorf("want PASS, got:\n%s", s.stdout)
	}
	if after := listing(t, h.dir); before != after {
		t.Errorf("the folder held %s and holds %s", before, after)
	}
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(entries)
}

func TestCtrlCInTheMiddleOfADrillLeavesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, catalogAlone("--start-delay 3s"))
	r := h.start("prove", "--rate", "70/s")
	r.says("kill on catalog-")
	r.signal(syscall.SIGINT)
	s := r.ends().exits(exitInterrupted).tells("ABORTED", "interrupted")
	if strings.Contains(s.all(), "context canceled") {
		t.Errorf("that is not for people:\n%s", s.all())
	}
	if left := h.living(); len(left) > 0 {
		t.Errorf("it has ended and these live: %v", left)
	}
	h.keepsNothingOfTheCopy()
	h.run("heal").exits(exitGood).tells("nothing was left behind")
}
