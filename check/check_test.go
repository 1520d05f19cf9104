package check

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast"
	"holdfast/cutset"
	"holdfast/diagnostic"
	"holdfast/internal/golden"
	"holdfast/source"
	"holdfast/spec"
)

// read is a file of testdata, which must be one without errors.
func read(t testing.TB, name, text string) (source.File, *spec.Reading) {
	t.Helper()
	file := source.File{Name: "holdfast.yaml", Text: []byte(text), Dir: "/srv/shop"}
	reading := spec.Understand(file, map[string]string{})
	if reading.System == nil {
		t.Fatalf("%s is refused:\n%s", name, file.Show(reading.Problems, false))
	}
	return file, reading
}

// judge is what is found about a text.
func judge(t testing.TB, name, text string, facts Facts) (source.File, []diagnostic.Problem) {
	t.Helper()
	file, reading := read(t, name, text)
	findings, _ := Judge(reading.System, facts)
	return file, Problems(findings, file.Name, reading.PlaceOf)
}

// Every finding has a file in testdata, HF2101.yaml and the like, that has it;
// what is said of it is kept beside it. REWRITE=1 keeps it anew: read the diff
// then. Lines that begin with "# near:" are changes after which it must be gone:
// a text, " => " and what is put in its place, several with " ;; " between them.
// Lines that begin with "# proof:", "# missing:", "# today:" or "# pairs" are facts
// beside the file.
func TestFindings(t *testing.T) {
	for _, meaning := range Codes() {
		t.Run(string(meaning.Code), func(t *testing.T) {
			path := filepath.Join("testdata", string(meaning.Code))
			text, err := os.ReadFile(path + ".yaml")
			if err != nil {
				t.Fatal(err)
			}
			file, problems := judge(t, path, string(text), factsOf(string(text)))
			golden.Compare(t, path+".txt", file.Show(problems, false))
			if !found(problems, meaning.Code) {
				t.Errorf("%s (%s) is not found", meaning.Code, meaning.Title)
			}
			near := 0
			for line := range strings.Lines(string(text)) {
				if change, is := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "# near: "); is {
					near++
					nearMiss(t, meaning.Code, string(text), change)
				}
			}
			if near == 0 {
				t.Error("no near miss is written: what keeps it from being said of a good file?")
			}
		})
	}
}

// factsOf are the facts that a file of testdata says are known of it.
func factsOf(text string) Facts {
	var facts Facts
	for line := range strings.Lines(text) {
		if proof, is := strings.CutPrefix(line, "# proof: "); is {
			if facts.Proofs == nil {
				facts.Proofs = map[holdfast.ModeName]Proof{}
			}
			mode, stands, _ := strings.Cut(strings.TrimSpace(proof), " ")
			facts.Proofs[holdfast.ModeName(mode)] = Proof(stands)
		}
		if missing, is := strings.CutPrefix(line, "# missing: "); is {
			path, why, _ := strings.Cut(strings.TrimSpace(missing), " ")
			facts.Missing = map[string]string{path: why}
		}
		if day, is := strings.CutPrefix(line, "# today: "); is {
			facts.Today, _ = time.Parse(time.DateOnly, strings.TrimSpace(day))
		}
		facts.Pairs = facts.Pairs || strings.HasPrefix(line, "# pairs")
	}
	return facts
}

func nearMiss(t *testing.T, code diagnostic.Code, text, change string) {
	t.Helper()
	body := text[strings.LastIndex(text, "# near: "):]
	body = body[strings.Index(body, "\n")+1:]
	for _, one := range strings.Split(change, " ;; ") {
		old, instead, _ := strings.Cut(one, " => ")
		if !strings.Contains(body, old) {
			t.Fatalf("%q is not in the file", old)
		}
		body = strings.Replace(body, old, strings.ReplaceAll(instead, `\n`, "\n"), 1)
	}
	if _, problems := judge(t, change, body, factsOf(body)); found(problems, code) {
		t.Errorf("still found with %s", change)
	}
}

func found(problems []diagnostic.Problem, code diagnostic.Code) bool {
	for _, p := range problems {
		if p.Code == code {
			return true
		}
	}
	return false
}

// The shop that people start from has no fault of design that is worth a word.
func TestTheShopIsWell(t *testing.T) {
	text, err := os.ReadFile("../examples/shop/holdfast.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if file, problems := judge(t, "the shop", string(text), Facts{}); len(problems) > 0 {
		t.Errorf("found:\n%s", file.Show(problems, false))
	}
}

func TestCodesAreInOrderAndTitled(t *testing.T) {
	last := diagnostic.Code("")
	for _, meaning := range Codes() {
		if meaning.Code <= last || meaning.Title == "" {
			t.Errorf("%s comes after %s, or has no title", meaning.Code, last)
		}
		last = meaning.Code
	}
}

// What breaks a promise is shown smallest first, what reaches furthest first.
func TestSummary(t *testing.T) {
	text, err := os.ReadFile("testdata/HF2105.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, reading := read(t, "HF2105", string(text))
	_, summary := Judge(reading.System, Facts{})
	if diff := cmp.Diff([]holdfast.ServiceName{"web"}, summary.Promises[0].Entries); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	var sets []string
	for _, set := range summary.Promises[0].Smallest {
		var names []string
		for _, risk := range set {
			names = append(names, risk.Name)
		}
		sets = append(sets, strings.Join(names, "+"))
	}
	want := []string{"this host", "zone a", "a change of this file", "a release of web", "a release of db", "zone b+db-1", "zone b+db-3"}
	if diff := cmp.Diff(want, sets[:min(len(sets), len(want))]); diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, fmt.Sprint(sets))
	}
}

// What is too much at order 3 is looked for at order 1; what is too much at all
// is not decided, and nothing is said of it.
func TestWhatIsTooMuchIsSaid(t *testing.T) {
	_, reading := read(t, "the town", town(200))
	decided := func(steps int) (Summary, int) {
		findings, summary := Judge(reading.System, Facts{Limits: cutset.Limits{Steps: steps}})
		cuts := 0
		for _, f := range findings {
			cuts += one(strings.HasPrefix(string(f.Code), "HF21")) // what is found without the search is found all the same
		}
		return summary, cuts
	}
	if summary, _ := decided(0); summary.Order != 3 || !summary.Promises[0].Decided {
		t.Errorf("order %d, decided %v", summary.Order, summary.Promises[0].Decided)
	}
	if summary, _ := decided(10_000); summary.Order != 1 || !summary.Promises[0].Decided || len(summary.Promises[0].ByOrder) != 1 {
		t.Errorf("order %d, decided %v", summary.Order, summary.Promises[0].Decided)
	}
	if summary, n := decided(1); summary.Order != 1 || summary.Promises[0].Decided || len(summary.Promises[0].Smallest) > 0 || n > 0 {
		t.Errorf("order %d, decided %v, %d findings", summary.Order, summary.Promises[0].Decided, n)
	}
}

// A file with a fault of design in every line that names a code: each is found
// where it is, and nothing else is.
func TestTwentyFaults(t *testing.T) {
	text, err := os.ReadFile("testdata/twenty.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for number, line := range strings.Split(string(text), "\n") {
		if _, code, marked := strings.Cut(line, " # HF"); marked {
			want[fmt.Sprintf("%d HF%s", number+1, code)] = true
		}
	}
	if len(want) < 20 {
		t.Errorf("the file has %d faults", len(want))
	}
	got := map[string]bool{}
	_, problems := judge(t, "twenty", string(text), Facts{Missing: map[string]string{"/srv/shop/news.json": "there is no such file"}})
	for _, p := range problems {
		got[fmt.Sprintf("%d %s", p.Line, p.Code)] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
