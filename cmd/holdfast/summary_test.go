package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"holdfast"
	"holdfast/check"
	"holdfast/cutset"
	"holdfast/source"
	"holdfast/spec"
)

// designOf judges a file's text.
func designOf(t *testing.T, text string, facts check.Facts) check.Summary {
	t.Helper()
	file := source.File{Name: "holdfast.yaml", Text: []byte(text), Dir: "/srv/shop"}
	reading := spec.Understand(file, map[string]string{})
	if reading.System == nil {
		t.Fatalf("refused:\n%s", file.Show(reading.Problems, false))
	}
	_, design := check.Judge(reading.System, facts)
	return design
}

// manyPoints is a system in which more breaks a promise alone than is shown.
func manyPoints() string {
	var b strings.Builder
	b.WriteString("name: it\nowner: us\npromises:\n  a-promise-with-quite-a-long-name: {target: 99.5%}\n  b: {target: 99%, route: /b}\nservices:\n")
	b.WriteString("  web: {command: ./web, replicas: 2, ports: [\"8080\"], depends_on: [")
	for i := range 12 {
		fmt.Fprintf(&b, "part-%d, ", i)
	}
	b.WriteString("]}\n")
	for i := range 12 {
		fmt.Fprintf(&b, "  part-%d: {command: ./part}\n", i)
	}
	return b.String()
}

func TestTheSummaryOfADesign(t *testing.T) {
	shop, err := os.ReadFile("../../examples/shop/holdfast.yaml")
	if err != nil {
		t.Fatal(err)
	}
	proofs := map[holdfast.ModeName]check.Proof{"catalog.crash": check.Proved, "cart.crash": check.Failed}
	zoned := strings.Replace(strings.Replace(string(shop), "owner:", "zones: [a, b]\nowner:", 1), "replicas: 2", "replicas: 3", 1)
	for _, c := range []struct {
		what  string
		text  string
		facts check.Facts
		asked int
		want  string
	}{
		{what: "the shop", text: string(shop), facts: check.Facts{Proofs: proofs}, asked: 3, want: `
services 5 · replicas 10 · dependencies 4 · zones 0 · promises 1 · failure modes 29
owned 29/29   detected 29/29   remedied 29/29   escalated 0/29   drilled 1/29
smallest cuts   99.9%  {this host} {a change of this file} {a release of any of 4 services}
                       · 4 of two: {storefront-1, storefront-2} {catalog-1, catalog-2}
                       {cart-1, cart-2} …
`},
		{what: "in two zones, only what breaks it alone", text: zoned, facts: check.Facts{Limits: cutset.Limits{Order: 1}}, asked: 1, want: `
services 5 · replicas 11 · dependencies 4 · zones 2 · promises 1 · failure modes 29
owned 29/29   detected 29/29   remedied 29/29   escalated 0/29   drilled: not known here
smallest cuts   99.9%  {this host} {a change of this file} {a release of any of 4 services}
there may be larger ones: --order 2
`},
		{what: "searched for less than was asked for", text: string(shop), facts: check.Facts{Limits: cutset.Limits{Order: 1}}, asked: 3, want: `
services 5 · replicas 10 · dependencies 4 · zones 0 · promises 1 · failure modes 29
owned 29/29   detected 29/29   remedied 29/29   escalated 0/29   drilled: not known here
smallest cuts   99.9%  {this host} {a change of this file} {a release of any of 4 services}
sets of more than one were too many to look for: nothing is known of them
`},
		{what: "not decided", text: string(shop), facts: check.Facts{Limits: cutset.Limits{Steps: 1}}, asked: 3, want: `
services 5 · replicas 10 · dependencies 4 · zones 0 · promises 1 · failure modes 29
owned 29/29   detected 29/29   remedied 29/29   escalated 0/29   drilled: not known here
smallest cuts   99.9%  not decided: what breaks it is more than check searches; check a part of the
                       system in a file of its own
`},
		{what: "many points of failure", text: manyPoints(), asked: 3, want: `
services 13 · replicas 14 · dependencies 12 · zones 0 · promises 2 · failure modes 77
owned 77/77   detected 77/77   remedied 77/77   escalated 0/77   drilled: not known here
smallest cuts   a-promise-with-quite-a-long-name 99.5%  {this host} {part-0-1} {part-1-1} {part-2-1}
                                                        {part-3-1} {part-4-1} {part-5-1} {part-6-1}
                                                        {part-7-1} (and 4 more)
                                                        {a change of this file}
                                                        {a release of any of 13 services}
                                                        · 1 of two: {web-1, web-2}
                b 99%                                   {this host} {part-0-1} {part-1-1} {part-2-1}
                                                        {part-3-1} {part-4-1} {part-5-1} {part-6-1}
                                                        {part-7-1} (and 4 more)
                                                        {a change of this file}
                                                        {a release of any of 13 services}
                                                        · 1 of two: {web-1, web-2}
`},
	} {
		lines := summarised(designOf(t, c.text, c.facts), c.asked)
		if diff := cmp.Diff(strings.TrimPrefix(c.want, "\n"), strings.Join(lines, "\n")+"\n"); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
		for _, line := range lines {
			if utf8.RuneCountInString(line) > summaryWidth {
				t.Errorf("%s: %d columns: %s", c.what, utf8.RuneCountInString(line), line)
			}
		}
	}
}

func TestOfManyPromisesTheFirstAreShown(t *testing.T) {
	var promises strings.Builder
	for i := range promisesShown + 3 {
		fmt.Fprintf(&promises, "  p%d: {target: 99%%}\n", i)
	}
	lines := summarised(designOf(t, "name: it\nowner: us\npromises:\n"+promises.String()+"services:\n  web: {command: ./web, replicas: 2, ports: [\"8080\"]}\n", check.Facts{}), 3)
	if want := "                3 more promises: --json lists what breaks them"; lines[len(lines)-1] != want {
		t.Errorf("%q, want %q", lines[len(lines)-1], want)
	}
}

func TestWordsAreBrokenOnlyWhereTheyMustBe(t *testing.T) {
	long := "{" + strings.Repeat("ab ", 40) + "end}"
	for _, line := range inLines("title  ", []string{"{a, b}", long, "{c}", strings.Repeat("x", 200)}) {
		if utf8.RuneCountInString(line) > summaryWidth && !strings.Contains(line, "xxx") {
			t.Errorf("too long: %s", line)
		}
		if !strings.HasPrefix(line, "title  ") && !strings.HasPrefix(line, "       ") {
			t.Errorf("not in line: %q", line)
		}
	}
}

func TestTheLocaleDecides(t *testing.T) {
	for _, c := range []struct {
		environ map[string]string
		plain   bool
	}{
		{environ: nil, plain: false},
		{environ: map[string]string{"LANG": "C"}, plain: true},
		{environ: map[string]string{"LANG": "C.UTF-8"}, plain: false},
		{environ: map[string]string{"LANG": "en_US.ISO-8859-1"}, plain: true},
		{environ: map[string]string{"LANG": "de_DE.utf8", "LC_ALL": "POSIX"}, plain: true},
		{environ: map[string]string{"LANG": "C", "LC_CTYPE": "en_US.UTF-8"}, plain: false},
		{environ: map[string]string{"LANG": "C.UTF-8", "TERM": "dumb"}, plain: true},
	} {
		if got := plainCharacters(func(name string) string { return c.environ[name] }); got != c.plain {
			t.Errorf("%v: plain %v, want %v", c.environ, got, c.plain)
		}
	}
}
