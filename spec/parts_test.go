package spec

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/command"
	"holdfast/diagnostic"
	"holdfast/internal/golden"
	"holdfast/source"

	"github.com/google/go-cmp/cmp"
)

func TestReferences(t *testing.T) {
	environ := map[string]string{"A": "1", "EMPTY": ""}
	for text, want := range map[string]string{
		"plain": "plain", "$A": "1", "${A}": "1", "$A-$A": "1-1", "a$$A": "a$A", "$$$A": "$1", "5$": "5$", "$1": "$1",
		"${EMPTY}": "", "${EMPTY:-x}": "x", "${EMPTY-x}": "", "${NO:-x}": "x", "${NO-x}": "x", "${NO:-}": "", "${A:-x}": "1",
		"${NO:-${A}}": "1", "${NO:-a${EMPTY:-b}c}d": "abcd", "${NO:-$$}": "$", "${NO:-a:-b}": "a:-b",
		"$NO": "unset NO", "${NO}": "unset NO", "${NO:-${WAY}}": "unset WAY", "${A:-${WAY}}": "1",
		"${": "broken 0", "a$A${A": "broken 1", "$${A": "${A", "${}": "broken 0", "${1}": "broken 0", "${A:?x}": "broken 0", "${A:+x}": "broken 0", "${NO:-$A${A!}}": "broken 2",
		strings.Repeat("${NO:-", 20) + strings.Repeat("}", 20): "broken 16",
	} {
		all := command.Pieces(text)
		bad := command.Unreadable(all)
		got, unset := fill(all, environ)
		switch {
		case len(bad) > 0:
			got = fmt.Sprintf("broken %d", bad[0].Dollar)
		case len(unset) > 0:
			got = "unset " + unset[0].Name
		}
		if got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestScalars(t *testing.T) {
	for text, want := range map[string]holdfast.Share{"99.9%": 0.999, "0%": 0, "100%": 1, "0.1 %": 0.001, ".5%": 0.005} {
		if got, wrong := share(text); wrong != nil || got != want {
			t.Errorf("share(%q) = %v, %v; want %v", text, got, wrong, want)
		}
	}
	for _, text := range []string{"", "%", ".%", "99,9%", "1e1%", "NaN%", "Inf%", "100.1%", "0x1%", "1.2.3%", "--1%"} {
		if got, wrong := share(text); wrong == nil {
			t.Errorf("share(%q) = %v", text, got)
		}
	}
	for text, want := range map[string]holdfast.Port{
		"8080": {Host: "127.0.0.1", Port: 8080}, ":1": {Host: "", Port: 1}, "10.0.0.5:65535": {Host: "10.0.0.5", Port: 65535},
		"[::1]:80": {Host: "::1", Port: 80}, "localhost:80": {Host: "127.0.0.1", Port: 80},
	} {
		if got, wrong := port(text); wrong != nil || got != want {
			t.Errorf("port(%q) = %v, %v; want %v", text, got, wrong, want)
		}
	}
	for _, text := range []string{"", ":", "0", "-1", "+80", "080", "65536", "80 ", "a:80", "::1:80", "[fe80::1%eth0]:80", "1.2.3:80"} {
		if got, wrong := port(text); wrong == nil {
			t.Errorf("port(%q) = %v", text, got)
		}
	}
	for text, want := range map[string]holdfast.Rate{"5 per 10m": {Count: 5, Per: 10 * time.Minute}, "1  per  1s": {Count: 1, Per: time.Second}} {
		if got, wrong := rate(text); wrong != nil || got != want {
			t.Errorf("rate(%q) = %v, %v; want %v", text, got, wrong, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0s", time.Second: "1s", 90 * time.Second: "1m30s", 10 * time.Minute: "10m", time.Hour: "1h", 24 * time.Hour: "24h", promiseWindow: "28d"} {
		if got := spanText(d); got != want {
			t.Errorf("spanText(%v) = %q, want %q", d, got, want)
		}
	}
}

// What the warnings file and the aliases file mean, beyond being good.
func TestAliasesAndMergeKeys(t *testing.T) {
	system, problems := Read(open(t, "testdata/aliases.yaml"), environ())
	if system == nil {
		t.Fatalf("problems: %+v", problems)
	}
	web, _ := system.Service("web")
	api, _ := system.Service("api")
	health := holdfast.Healthcheck{Path: "/up", Interval: 2 * time.Second, Timeout: 300 * time.Millisecond, Retries: 2, StartPeriod: 30 * time.Second}
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"merged replicas", web.Replicas, 2},
		{"the first of two merged wins", api.Replicas, 2},
		{"what only the second has", api.StopSignal, "SIGINT"},
		{"an alias within what is merged", api.Healthcheck, health},
		{"merged environment", web.Environment, map[string]string{"LEVEL": "info"}},
		{"environment with a merge key of its own", api.Environment, map[string]string{"LEVEL": "info", "MODE": "fast"}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
	}
}

// What is accepted is no part of the system: who judges the file asks for it.
func TestAccepted(t *testing.T) {
	text := "name: shop\nowner: us\naccept:\n  - {code: HF2101, of: web, owner: $WHO, reason: \"one is enough\", until: 2027-03-31}\n" +
		"  - {code: HF2401, owner: us, reason: a trial, until: 2026-01-01}\nservices:\n  web: {command: ./web, ports: [\"8080\"]}\n"
	reading := Understand(source.File{Name: "f", Text: []byte(text), Dir: "/srv"}, map[string]string{"WHO": "ana"})
	day := func(year int, month time.Month, day int) time.Time {
		return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	}
	want := []diagnostic.Acceptance{
		{Code: "HF2101", Of: "web", Owner: "ana", Reason: "one is enough", Until: day(2027, 3, 31), File: "f", Place: diagnostic.Place{Line: 4, Column: 5, Width: 80}},
		{Code: "HF2401", Owner: "us", Reason: "a trial", Until: day(2026, 1, 1), File: "f", Place: diagnostic.Place{Line: 5, Column: 5, Width: 61}},
	}
	if diff := cmp.Diff(want, reading.Accepted); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(reading.Problems) > 0 {
		t.Errorf("problems: %+v", reading.Problems)
	}
	if bare, _ := Read(source.File{Name: "f", Text: []byte("name: shop\nowner: us\nservices: {web: {command: ./web, ports: [\"8080\"]}}\n"), Dir: "/srv"}, nil); !cmp.Equal(bare.Services, reading.System.Services) {
		t.Error("what is accepted changes the system")
	}
}

func TestOverridesAndLayers(t *testing.T) {
	text := `
name: shop
owner: us
promise: ${PROMISE:-99.5%}
zones: [a, b]
defaults: {bounds: {detect: 5s, restore: 60s}, healthcheck: {path: /up}, stop_grace_period: 3s}
guardrails: {max_actions: 2 per 1h, max_unavailable: 2}
services:
  web:
    command: [./web, --title, my shop, $PORT]
    replicas: ${COPIES}
    working_dir: web/../front
    environment: [LEVEL=info, LANG, "KEY=env:TOKEN"]
    bounds: {restore: 30s, impact: 0%}
    failure_modes: {crash: {remedies: [], bounds: {detect: 2s}, owner: web-team, escalate: loud, runbook: docs/x.md, armed: true}}
  cache: {command: ./cache, protocol: tcp, replicas: 2}
  bank: {urls: ["https://a.example", "https://b.example", "https://c.example"], zones: [b]}
  mail: {urls: ["https://mail.example"]}
`
	system, problems := Read(source.File{Name: "f", Text: []byte(text), Dir: "/srv/shop"}, environ())
	if system == nil {
		t.Fatalf("problems: %+v", problems)
	}
	web, _ := system.Service("web")
	cache, _ := system.Service("cache")
	bank, _ := system.Service("bank")
	mail, _ := system.Service("mail")
	crash, _ := system.Mode("web.crash")
	_, elsewhere := system.Mode("bank.crash")
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"command", web.Command, `./web --title "my shop" $PORT`},
		{"replicas from the environment", web.Replicas, 4},
		{"minimum", web.Minimum, 2},
		{"minimum of two", cache.Minimum, 1},
		{"working dir", web.WorkingDir, "/srv/shop/front"},
		{"environment", web.Environment, map[string]string{"LEVEL": "info", "KEY": "env:TOKEN"}},
		{"passed through", web.PassThrough, []string{"LANG"}},
		{"zones", web.Zones, []holdfast.ZoneName{"a", "b"}},
		{"zones of what runs elsewhere", mail.Zones, []holdfast.ZoneName(nil)},
		{"own zones", bank.Zones, []holdfast.ZoneName{"b"}},
		{"promise", system.Promise.Target, holdfast.Share(0.995)},
		{"guardrails", system.Guardrails, holdfast.Guardrails{MaxActions: holdfast.Rate{Count: 2, Per: time.Hour}, MaxUnavailable: 2}},
		{"grace", web.StopGrace, 3 * time.Second},
		{"bounds: mode over service over defaults over catalogue", crash.Bounds, holdfast.Bounds{Detect: 2 * time.Second, Mitigate: 3 * time.Second, Restore: 30 * time.Second}},
		{"no remedies", crash.Remedies, []holdfast.Remedy{}},
		{"owner", crash.Owner, holdfast.OwnerName("web-team")},
		{"escalation", crash.Escalation, holdfast.PolicyName("loud")},
		{"runbook", crash.Runbook, "docs/x.md"},
		{"armed", crash.Armed, true},
		{"a default path is not for TCP", cache.Healthcheck.Path, ""},
		{"urls are counted", bank.Replicas, 3},
		{"urls are observed", bank.Manage, holdfast.Observe},
		{"nothing of urls is drilled", elsewhere, false},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
	}
}

// Line ends and a byte order mark are an editor's business.
func TestOtherEditors(t *testing.T) {
	file := open(t, "testdata/shop.yaml")
	want, _ := Read(file, environ())
	file.Text = []byte("\ufeff" + strings.ReplaceAll(string(file.Text), "\n", "\r\n"))
	got, problems := Read(file, environ())
	if got == nil {
		t.Fatalf("problems: %+v", problems)
	}
	got.Digest = want.Digest
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRenderWithColor(t *testing.T) {
	text := "name: shop\nowner: us\nservices:\n  \"w\x1b[31m\": {command: ./web}\n  api: {command: ./api, x: \"" + strings.Repeat("ä", 300) + "\", replica: 2}\n"
	file := source.File{Name: "holdfast.yaml", Text: []byte(text), Dir: "/srv/shop"}
	_, problems := Read(file, nil)
	golden.Compare(t, "testdata/color.golden", file.Show(problems, true))
	if plain := file.Show(problems, false); strings.ContainsRune(plain, '\x1b') {
		t.Errorf("what the file says reaches the terminal:\n%q", plain)
	}
}

// FuzzRead holds Read to its promises for any text: no panic, bounded, every
// problem in the file, no system with an error, the same twice.
func FuzzRead(f *testing.F) {
	paths, _ := os.ReadDir("testdata")
	for _, path := range paths {
		if strings.HasSuffix(path.Name(), ".yaml") {
			f.Add(open(f, "testdata/"+path.Name()).Text)
		}
	}
	for _, c := range bounded() {
		if len(c.text) < 1<<12 {
			f.Add([]byte(c.text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file := source.File{Name: "f", Text: text, Dir: "/srv"}
		system, problems := Read(file, environ())
		again, _ := Read(file, environ())
		lines := strings.Split(file.Plain(), "\n")
		failed := false
		for _, p := range problems {
			failed = failed || p.Severity == diagnostic.Error
			if p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.Width < 0 || p.Message == "" || p.Column-1+p.Width > len([]rune(lines[p.Line-1]))+1 {
				t.Errorf("not a place in the file, or no message: %+v", p)
			}
		}
		if (system == nil) != failed {
			t.Errorf("system %v, problems %+v", system, problems)
		}
		if diff := cmp.Diff(system, again); diff != "" {
			t.Errorf("read twice, read differently:\n%s", diff)
		}
		if system != nil {
			Explain(system)
		}
		file.Show(problems, true)
	})
}

func BenchmarkReadFifteenLines(b *testing.B) {
	file := open(b, "testdata/shop.yaml")
	for b.Loop() {
		Read(file, nil)
	}
}

// 5,000 services, each needing the one before it.
func BenchmarkReadFiveThousandServices(b *testing.B) {
	var text strings.Builder
	text.WriteString("name: big\nowner: us\nservices:\n")
	for i := range 5000 {
		fmt.Fprintf(&text, "  s%d:\n    command: ./serve --port $PORT\n    replicas: 3\n", i)
		if i > 0 {
			fmt.Fprintf(&text, "    depends_on: [s%d]\n", i-1)
		}
	}
	file := source.File{Name: "f", Text: []byte(text.String()), Dir: "/srv"}
	for b.Loop() {
		if system, problems := Read(file, nil); system == nil {
			b.Fatal(problems[0])
		}
	}
}
