package compose

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"holdfast/diagnostic"
	"holdfast/source"
)

// lines repeats a line, with its number in it.
func lines(n int, format string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(format, "#", fmt.Sprint(i)) + "\n")
	}
	return b.String()
}

// hostile are files that would take for ever, or all memory, if something in the
// way to a review had no bound. Those that are read to their end have as many tenths
// of what can be read.
func hostile(tenths int) map[string]string {
	layers := "services:\n"
	for layer := range 40 {
		for of := range 3 {
			layers += fmt.Sprintf("  s%d-%d: {image: a:1, depends_on: [", layer, of)
			if layer > 0 {
				layers += fmt.Sprintf("s%d-0, s%d-1, s%d-2", layer-1, layer-1, layer-1)
			}
			layers += "]}\n"
		}
	}
	bomb := "x-a0: &a0 [a, a, a, a, a, a, a, a, a, a]\n"
	for i := range 8 {
		bomb += fmt.Sprintf("x-a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i+1, i+1, i, i, i, i, i, i, i, i, i, i)
	}
	long := strings.Repeat("x$$", 5_000)
	return map[string]string{
		"an alias bomb":             bomb + "services: {web: {image: a:1, command: *a8}}\n",
		"a long text, aliased":      "x-t: &t \"" + long + "\"\nservices: {web: {image: a:1, command: [" + strings.Repeat("*t, ", 500*tenths) + "*t]}}\n",
		"a deep chain of aliases":   "x-0: &n0 {a: 1}\n" + chain(4_000) + "services: {web: {image: a:1, labels: *n3999}}\n",
		"100,000 services":          "services:\n" + lines(100_000, "  s#: {image: a:1}"),
		"services":                  "services:\n" + lines(80*tenths, "  s#: {image: a, ports: [\"#:80\"], depends_on: [s0]}"),
		"bad keys":                  "services:\n" + lines(80*tenths, "  s#: {imag: a:1}"),
		"bad ports":                 "services:\n" + lines(80*tenths, "  s#: {image: a:1, ports: [x]}"),
		"layers of dependencies":    layers,
		"a chain of dependencies":   "services:\n  s0: {image: a:1}\n" + ladder(80*tenths, "depends_on: [s%d]"),
		"a chain of extends":        "services:\n  s0: {image: a:1}\n" + ladder(80*tenths, "extends: s%d"),
		"a large service, extended": "services:\n  base:\n    image: a:1\n    environment:\n" + lines(300, "      K#: v") + lines(50*tenths, "  s#: {extends: base}"),
		"wide ranges of ports":      "services:\n  web:\n    image: a:1\n    ports:\n" + lines(300, "      - 1-65535:1-65535"),
		"nesting":                   "services: {web: {image: a:1, labels: " + strings.Repeat("{a: ", 60) + "1" + strings.Repeat("}", 60) + "}}\n",
		"dollars":                   "services: {web: {image: a:1, command: \"" + strings.Repeat("${x:-", 20_000) + "\"}}\n",
		"defaults":                  "services: {web: {image: a:1, command: \"" + strings.Repeat("${x:-a}", 2_000*tenths) + "\"}}\n",
		"a million, often":          "services: {web: {image: a:1, command: \"" + strings.Repeat("$million", 100_000) + "\"}}\n",
		"a million, if it is set":   "services: {web: {image: a:1, command: \"" + strings.Repeat("${million:+$million$million}", 30_000) + "\"}}\n",
		"others within others":      "services: {web: {image: a:1, command: \"" + strings.Repeat("${one:+", 100_000) + strings.Repeat("}", 100_000) + "\"}}\n",
		"many health checks":        "services:\n" + lines(80*tenths, "  s#: {image: a:1, healthcheck: {test: [CMD, curl, \"http://s1/\"]}}"),
		"a hub":                     "services:\n  hub: {image: \"postgres:16\"}\n" + lines(80*tenths, "  s#: {image: a:1, depends_on: [hub], environment: {DB_HOST: hub}}"),
		"published services":        "services:\n  s0: {image: a:1, ports: [80]}\n" + ladder(50*tenths, "ports: [80], depends_on: [s%d]"),
	}
}

func chain(n int) string {
	var b strings.Builder
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "x-%d: &n%d {a: *n%d}\n", i, i, i-1)
	}
	return b.String()
}

func ladder(n int, format string) string {
	var b strings.Builder
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "  s%d: {image: a:1, "+format+"}\n", i, i-1)
	}
	return b.String()
}

// TestHostileFilesAreBounded: each within seconds, with something to say. The
// bound is wide, since the machine may be busy; what it keeps out takes minutes. A
// short run has a tenth of them.
func TestHostileFilesAreBounded(t *testing.T) {
	tenths := 10
	if testing.Short() {
		tenths = 1
	}
	for name, text := range hostile(tenths) {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			r := Review(source.File{Name: "compose.yaml", Text: []byte(text), Dir: "/srv"}, map[string]string{"one": "1", "million": strings.Repeat("m", 1_000_000)})
			took := time.Since(began)
			t.Logf("%d bytes: %d problems in %s", len(text), len(r.Problems), took)
			if took > 30*time.Second {
				t.Errorf("it took %s", took)
			}
			holdTogether(t, text, r)
		})
	}
}

// holdTogether is what is true of every review of every text.
func holdTogether(t *testing.T, text string, r diagnostic.Review) {
	t.Helper()
	shown := strings.Split(source.File{Text: []byte(text)}.Plain(), "\n")
	for _, p := range r.Problems {
		for _, m := range append([]diagnostic.Mark{{Place: p.Place}}, p.Also...) {
			if m.Line < 1 || m.Line > len(shown) || m.Column < 1 || m.Column > utf8.RuneCountInString(shown[m.Line-1])+1 {
				t.Errorf("%s stands at %d:%d, beyond the text", p.Code, m.Line, m.Column)
			}
		}
		if p.Message == "" || len(p.Also) > 3 {
			t.Errorf("%s says %q, with %d marks", p.Code, p.Message, len(p.Also))
		}
	}
	if len(r.Problems) > 2*diagnostic.Most+1 {
		t.Errorf("%d problems", len(r.Problems))
	}
	if len(r.Summary)+len(r.Unknown) > 3*mostLines {
		t.Errorf("%d lines of summary, %d of what is not known", len(r.Summary), len(r.Unknown))
	}
}

func FuzzReview(f *testing.F) {
	for _, c := range [][]ruleCase{refusals(), impossibles(), storeCases(), checks(), restarts(), habits()} {
		for _, one := range c {
			f.Add("services:\n" + one.found)
		}
	}
	f.Add(shop)
	f.Add("services: {a: {image: \"x:${A:?b}${C:+d}${E:-$F}\", ports: [\"1-9:1-9\"], extends: {service: a}}}")
	f.Add("services: {a: &a {<<: [*a], build: !reset null}}\nx-holdfast: {accept: [{}]}")
	f.Fuzz(func(t *testing.T, text string) {
		file := source.File{Name: "compose.yaml", Text: []byte(text), Dir: "/srv/shop"}
		holdTogether(t, text, Review(file, map[string]string{"A": "b"}))
		_, _, _ = Init(file, nil)
	})
}

// TestTheFilesOfOthers: what there is to say of files that nobody here wrote.
func TestTheFilesOfOthers(t *testing.T) {
	folder := os.Getenv("HOLDFAST_MODELS")
	if folder == "" {
		t.Skip("HOLDFAST_MODELS is not set: the Compose files of others are not here")
	}
	for name, want := range map[string][]string{
		"flask-redis.yaml":           {"2 HF3141", "2 HF3142", "3 HF3144", "5 HF3124", "13 HF3143"},
		"nginx-golang-postgres.yaml": {"2 HF3141", "13 HF3123", "12 HF3147", "32 HF3144", "38 HF3143"},
		"nginx-nodejs-redis.yaml":    {"3 HF3141", "3 HF3142", "4 HF3144", "6 HF3124", "8 HF3131", "14 HF3131", "21 HF3143"},
		"wordpress-mysql.yaml":       {"2 HF3142", "2 HF3147", "12 HF3148", "20 HF3144", "21 HF3143"},
	} {
		text, err := os.ReadFile(filepath.Join(folder, "compose", name))
		if err != nil {
			t.Fatal(err)
		}
		r := Review(source.File{Name: name, Text: text, Dir: "/srv"}, nil)
		got := map[string]bool{}
		for _, p := range r.Problems {
			got[fmt.Sprintf("%d %s", p.Line, p.Code)] = true
			if p.Severity == diagnostic.Error {
				t.Errorf("%s works, and is told: line %d: %s", name, p.Line, p.Message)
			}
		}
		for _, one := range want {
			if !got[one] {
				t.Errorf("%s has not %s, but %v", name, one, got)
			}
		}
	}
}
