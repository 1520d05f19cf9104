package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// demoHouse is an empty folder in which the demo makes its own.
func demoHouse(t *testing.T) *house {
	t.Helper()
	h := newHouse(t, "")
	h.environ = []string{"TMPDIR=" + h.dir}
	return h
}

// demoTime is what the brief demo may take. The whole one is what CI runs at its
// end, alone on its machine; TestTheDemosStoryFitsItsFile holds it to its story.
const demoTime = time.Minute

// leftNoFolder looks for what a demo made.
func (h *house) leftNoFolder() {
	h.t.Helper()
	if left, _ := filepath.Glob(filepath.Join(h.dir, "holdfast-demo-*")); len(left) > 0 {
		h.t.Errorf("the demo left %q", left)
	}
}

func TestTheDemoFailsHonestlyAndThenPasses(t *testing.T) {
	t.Parallel()
	h := demoHouse(t)
	began := time.Now()
	s := h.run("demo", "--brief")
	if strings.Contains(s.all(), "without any fault") || strings.Contains(s.all(), "too slow to measure") || strings.Contains(s.all(), "too busy to judge by") {
		t.Skipf("this machine is too busy to decide anything:\n%s", s.all())
	}
	s.exits(exitGood)
	if took := time.Since(began); took > demoTime {
		t.Errorf("it took %s, more than %s", took, demoTime)
	}
	fails, passes := linesThatBegin(s.stdout, "FAIL     "+demoFails), linesThatBegin(s.stdout, "PASS     "+demoFails)
	if len(fails) != 1 || len(passes) != 1 || len(linesThatBegin(s.stdout, "FAIL ")) != 2 {
		t.Errorf("want %s to fail and then to pass, and nothing else to fail:\n%s", demoFails, s.stdout)
	}
	s.tells("storefront can do without recommendations", "+        fallback: {json: []}", "by a fallback", "hurt 0 of ")
	if left := h.living(); len(left) > 0 {
		t.Errorf("it has ended and these live: %v", left)
	}
	h.leftNoFolder()
}

func linesThatBegin(text, with string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, with) {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestCtrlCInTheMiddleOfTheDemoLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, moment := range []string{"starting a private copy", "kill on storefront-"} {
		h := demoHouse(t)
		r := h.start("demo")
		r.says(moment)
		r.signal(syscall.SIGINT)
		r.ends().exits(exitInterrupted)
		if left := h.living(); len(left) > 0 {
			t.Errorf("it has ended and these live: %v", left)
		}
		h.leftNoFolder()
	}
}

func TestCtrlCWhileTheDemosShopRunsLeavesNothing(t *testing.T) {
	t.Parallel()
	h := demoHouse(t)
	r := h.start("demo", "--incident")
	await(t, "it is past its drill", func() bool {
		select {
		case <-r.ended:
			return true
		default:
			return strings.Contains(r.stderr.String(), "serving http://")
		}
	})
	if !strings.Contains(r.stderr.String(), "serving http://") {
		t.Skipf("this machine is too busy for the drill before it:\n%s%s", &r.stdout, &r.stderr)
	}
	r.signal(syscall.SIGINT)
	r.ends().exits(exitInterrupted)
	if left := h.living(); len(left) > 0 {
		t.Errorf("it has ended and these live: %v", left)
	}
	h.leftNoFolder()
}

func TestTheDemoKeepsItsFolderWhenAsked(t *testing.T) {
	t.Parallel()
	h := demoHouse(t)
	r := h.start("demo", "--keep")
	r.says("starting a private copy")
	r.signal(syscall.SIGINT)
	_, kept, ok := strings.Cut(r.ends().exits(exitInterrupted).stderr, "kept: ")
	if !ok {
		t.Fatal("it does not say where the folder is")
	}
	if text, err := os.ReadFile(filepath.Join(strings.TrimSpace(kept), defaultFile)); err != nil || !strings.Contains(string(text), "name: shop") {
		t.Errorf("what it kept is no shop: %v\n%s", err, text)
	}
}

// What docs/incidents.md shows as produced is what the demo produces: the same parts
// of a page, of an incident and of a postmortem, and the same questions to people.
func TestTheDemosIncidentIsTheOneOfThePage(t *testing.T) {
	t.Parallel()
	h := demoHouse(t)
	s := h.run("demo", "--incident")
	if len(linesThatBegin(s.stdout, "PASS     "+demoHangs)) == 0 {
		t.Skipf("this machine is too busy for the drill before it:\n%s", s.all())
	}
	s.exits(exitGood).tells("ana acknowledges", "    RESOLVED SEV2 shop: catalog.hang on catalog-", "requests failed since", "./holdfast incidents show ", "./holdfast postmortem ")
	if left := h.living(); len(left) > 0 {
		t.Errorf("it has ended and these live: %v", left)
	}
	_, kept, _ := strings.Cut(s.stderr, "kept: ")
	dir := strings.TrimSpace(kept)
	told, err := os.ReadFile(filepath.Join(dir, "told"))
	if err != nil {
		t.Fatal(err)
	}
	_, id, _ := strings.Cut(s.stdout, "./holdfast postmortem ")
	id = strings.Fields(id)[0]
	state := filepath.Join(dir, ".holdfast")
	show := h.run("incidents", "show", id, "--state", state).exits(exitGood).tells("delivered after", "noted "+id+" by ana")
	postmortem := h.run("postmortem", id, "--state", state).exits(exitGood).tells("restart of catalog-1 by everything-looks-bad", "had passed its drill")
	produced := map[string]bool{}
	for line := range strings.Lines(string(told) + show.stdout + postmortem.stdout) {
		produced[line] = true
	}
	page, err := os.ReadFile("../../docs/incidents.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(page), "What ana was sent")
	parts := 0
	for line := range strings.Lines(shown) {
		if !isPart(line) {
			continue
		}
		if parts++; !produced[line] {
			t.Errorf("the page shows %q, and the demo has no such part", line)
		}
	}
	if parts < 25 {
		t.Errorf("the page shows only %d parts:\n%s", parts, shown)
	}
}

// isPart tells whether a line is a heading, or a question to people.
func isPart(line string) bool {
	name := strings.TrimSuffix(strings.TrimSpace(line), " (UTC)")
	isName := len(name) > 3 && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ ") == ""
	return isName || strings.HasPrefix(line, "## ") || strings.HasPrefix(line, "**?**")
}
