package spec

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/internal/golden"
	"holdfast/mode"
	"holdfast/source"

	"github.com/google/go-cmp/cmp"
)

// environ is the caller's environment of every test.
func environ() map[string]string {
	return map[string]string{"HOME": "/home/ana", "COPIES": "4", "EMPTY": "", "TOKEN": "s3cret"}
}

func open(t testing.TB, path string) source.File {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return source.File{Name: "holdfast.yaml", Text: text, Dir: "/srv/shop"}
}

// Every file in testdata is read, and what is said about it kept beside it.
// Between them they exercise every code but those that a file of a few lines
// cannot have, which TestBounds has.
func TestProblems(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			file := open(t, path)
			system, problems := Read(file, environ())
			verdict := "the file is good\n"
			if system == nil {
				verdict = "the file is refused\n"
			}
			golden.Compare(t, strings.TrimSuffix(path, ".yaml")+".txt", file.Show(problems, false)+verdict)
		})
	}
}

func TestEveryCodeIsExercisedOnce(t *testing.T) {
	exercised := map[diagnostic.Code]bool{}
	paths, _ := filepath.Glob("testdata/*.yaml")
	for _, path := range paths {
		_, problems := Read(open(t, path), environ())
		for _, p := range problems {
			exercised[p.Code] = true
		}
	}
	for _, c := range bounded() {
		exercised[c.code] = true // TestBounds holds that it is so
	}
	known, last := map[diagnostic.Code]bool{}, diagnostic.Code("")
	for _, meaning := range Codes() {
		if meaning.Code < last {
			t.Errorf("%s comes after %s", meaning.Code, last)
		}
		last = meaning.Code
		if known[meaning.Code] || meaning.Title == "" {
			t.Errorf("%s is listed twice, or without a title", meaning.Code)
		}
		known[meaning.Code] = true
		if !exercised[meaning.Code] {
			t.Errorf("%s (%s) is exercised by no file in testdata", meaning.Code, meaning.Title)
		}
	}
}

// bounded are texts that no one writes by hand, each with the code it must have.
func bounded() []struct {
	what string
	text string
	code diagnostic.Code
} {
	many := strings.Builder{}
	for i := range 300 {
		fmt.Fprintf(&many, "key%d: 1\n", i)
	}
	bomb := strings.Builder{}
	bomb.WriteString("name: bomb\nx-0: &a0 {x: 1, y: 2}\n")
	for i := 1; i < 30; i++ {
		fmt.Fprintf(&bomb, "x-%d: &a%d {<<: [*a%d, *a%d]}\n", i, i, i-1, i-1)
	}
	bomb.WriteString("services: *a29\n")
	laughs := strings.Builder{}
	laughs.WriteString("name: lol\nx-0: &a0 [lol, lol]\n")
	for i := 1; i < 10; i++ {
		fmt.Fprintf(&laughs, "x-%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9), ", "))
	}
	laughs.WriteString("services: {web: {command: *a9, zones: *a9, environment: *a9}}\n")
	crowd := strings.Builder{}
	crowd.WriteString("name: crowd\nservices:\n")
	for i := range 10_000 {
		fmt.Fprintf(&crowd, "  s%d: {command: ./serve, replicas: 3}\n", i)
	}
	return []struct {
		what string
		text string
		code diagnostic.Code
	}{
		{what: "not UTF-8", text: "name: sh\xffop\n", code: source.NotUTF8},
		{what: "UTF-16", text: "\xff\xfen\x00a\x00m\x00e\x00", code: source.NotUTF8},
		{what: "over 1 MiB", text: "name: shop # " + strings.Repeat("x", 1<<20), code: source.TooLong},
		{what: "nothing", text: "", code: source.EmptyFile},
		{what: "brackets without end", text: "name: " + strings.Repeat("[", 1<<12), code: source.TooDeep},
		{what: "dashes without end", text: strings.Repeat("- ", 1<<12), code: source.TooDeep},
		{what: "braces without end", text: strings.Repeat("{a: ", 1<<12), code: source.TooDeep},
		{what: "empty lines without end", text: "x: |\n" + strings.Repeat("\n", 1<<18), code: source.TooLong},
		{what: "carriage returns without end", text: "x: |\n" + strings.Repeat("\r", 1<<18), code: source.TooLong},
		{what: "keys without end", text: strings.Repeat("a:\n", 1<<16), code: source.TooLong},
		{what: "commas without end", text: "x: {" + strings.Repeat("a,", 1<<15), code: source.TooLong},
		{what: "words without end", text: "x:\n" + strings.Repeat("- a\n", 1<<18-10), code: source.TooLong},
		{what: "an alias bomb", text: bomb.String(), code: source.AliasBomb},
		{what: "a billion laughs", text: laughs.String(), code: source.WrongType},
		{what: "anchors in a circle", text: "name: shop\nservices: &a\n  web: &b {command: ./web, environment: *a, depends_on: *b}\n", code: source.BadAlias},
		{what: "10,000 services", text: crowd.String(), code: source.TooLong},
		{what: "100 MB", text: "name: shop\n" + strings.Repeat("# filler\n", 100<<20/9), code: source.TooLong},
		{what: "a program", text: "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x03\x00>\x00", code: source.NotUTF8},
		{what: "UTF-16 without a mark", text: "n\x00a\x00m\x00e\x00:\x00 \x00a\x00", code: source.NotUTF8},
		{what: "300 unknown keys", text: many.String(), code: source.TooMany},
	}
}

func TestBounds(t *testing.T) {
	for _, c := range bounded() {
		t.Run(c.what, func(t *testing.T) {
			file := source.File{Name: "holdfast.yaml", Text: []byte(c.text), Dir: "/srv/shop"}
			began := time.Now()
			system, problems := Read(file, environ())
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("took %s", took)
			}
			if system != nil {
				t.Error("was read as a system")
			}
			if len(problems) > 2*diagnostic.Most+1 {
				t.Errorf("%d problems", len(problems))
			}
			if !has(problems, c.code) {
				t.Errorf("no %s among:\n%s", c.code, file.Show(problems[:min(len(problems), 5)], false))
			}
		})
	}
}

func has(problems []diagnostic.Problem, code diagnostic.Code) bool {
	for _, p := range problems {
		if p.Code == code {
			return true
		}
	}
	return false
}

// The fifteen lines of the design become exactly this.
func TestFifteenLines(t *testing.T) {
	system, problems := Read(open(t, "testdata/shop.yaml"), environ())
	if len(problems) > 0 {
		t.Fatalf("problems: %+v", problems)
	}
	standard := func(name holdfast.ServiceName, replicas int) holdfast.Service {
		return holdfast.Service{
			Name: name, Owner: "shop-team", Command: "./" + string(name), Manage: holdfast.Full, Replicas: replicas, Protocol: holdfast.HTTP,
			WorkingDir:  "/srv/shop",
			Healthcheck: holdfast.Healthcheck{Interval: time.Second, Timeout: 300 * time.Millisecond, Retries: 2, StartPeriod: 30 * time.Second},
			StopSignal:  "SIGTERM", StopGrace: 10 * time.Second, Minimum: replicas - 1,
		}
	}
	storefront := standard("storefront", 3)
	storefront.Ports = []holdfast.Port{{Host: "127.0.0.1", Port: 8080}}
	storefront.DependsOn = []holdfast.Dependency{{On: "catalog", Required: true, Timeout: time.Second}, {On: "cart", Required: true, Timeout: time.Second}}
	want := &holdfast.System{
		Name: "shop", Owner: "shop-team",
		Promise:    &holdfast.Promise{Target: 0.999, Window: 28 * 24 * time.Hour},
		Services:   []holdfast.Service{storefront, standard("catalog", 2), standard("cart", 2)},
		Guardrails: holdfast.Guardrails{MaxActions: holdfast.Rate{Count: 5, Per: 10 * time.Minute}, MaxUnavailable: 1},
		Digest:     "33482b23070673d8ce0ad05b27e87c1ed41f037555d0febda081c1a85e376cd5",
	}
	for _, s := range want.Services {
		for _, m := range []mode.Mode{mode.Crash(), mode.Hang(), mode.Slow(), mode.Errors(), mode.Partition()} {
			want.Modes = append(want.Modes, m.Of(s))
		}
		for _, needed := range s.DependsOn {
			want.Modes = append(want.Modes, mode.Loss().OfEdge(s, needed))
		}
	}
	if diff := cmp.Diff(want, system); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	golden.Compare(t, "testdata/shop.explain", inferences(system))
}

func inferences(system *holdfast.System) string {
	var b bytes.Buffer
	for _, i := range Explain(system) {
		fmt.Fprintf(&b, "%s: %s\n\t%s\n", i.Path, i.Value, i.Because)
	}
	return b.String()
}
