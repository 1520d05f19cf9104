package source

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func dump(text string) *Document {
	return Read(File{Name: "f", Text: []byte(text)}, Kind{Meanings: Codes(), Many: true, Limits: Dumped()})
}

// named are the trees that have a name, and the lines in which it stands.
func named(d *Document) string {
	var all []string
	for _, tree := range d.Trees() {
		if v, there := d.Find(d.Root(tree), "name"); there {
			all = append(all, fmt.Sprintf("%s:%d", v.String(), v.At.Line))
		}
	}
	return strings.Join(all, " ")
}

func TestDocumentsFollowEachOther(t *testing.T) {
	for _, c := range []struct{ what, text, want, codes string }{
		{what: "one", text: "name: a\n", want: "a:1"},
		{what: "two", text: "name: a\n---\nname: b\n", want: "a:1 b:3"},
		{what: "carriage returns", text: "name: a\r\n---\r\nname: b\r\n", want: "a:1 b:3"},
		{what: "empty ones", text: "---\n---\n# nothing\n---\nname: a\n---\n", want: "a:5"},
		{what: "a comment behind the line", text: "--- # first\nname: a\n--- # second\nname: b", want: "a:2 b:4"},
		{what: "in the line", text: "--- {name: a}\n--- {name: b}\n", want: "a:1 b:2"},
		{what: "ended", text: "name: a\n...\n---\nname: b\n...\n", want: "a:1 b:4"},
		{what: "with a version", text: "%YAML 1.2\n---\nname: a\n", want: "a:3"},
		{what: "dashes in a text", text: "x: |\n  a\n  ---\n  b\nname: a\n---\nname: b\n", want: "a:5 b:7"},
		{what: "dashes in a word", text: "name: a\n---b: c\n", want: "a:1"},
		{what: "JSON", text: "{\n  \"name\": \"a\",\n  \"items\": [{\"x\": 1}]\n}\n", want: "a:2"},
		{what: "one of three is broken", text: "name: a\n---\nx: {{ .Values.x }\n---\nname: c\n", want: "a:1 c:5", codes: "HF1004:3"},
		{what: "no anchor of another", text: "x: &x {y: 1}\n---\nname: b\nz: *x\n", want: "b:3", codes: "HF1008:4"},
		{what: "nothing", text: "# nothing\n---\n", codes: "HF1003:1"},
	} {
		t.Run(c.what, func(t *testing.T) {
			d := dump(c.text)
			if got := named(d); got != c.want {
				t.Errorf("read %q, want %q", got, c.want)
			}
			var codes []string
			for _, p := range d.Sorted() {
				codes = append(codes, fmt.Sprintf("%s:%d", p.Code, p.Line))
			}
			if got := strings.Join(codes, " "); got != c.codes {
				t.Errorf("reported %q, want %q", got, c.codes)
			}
		})
	}
}

// TestDumpsAreReadInBoundedTime: each of these is beyond what the grammar does in
// a minute, or was before it was bounded. A short run has a tenth of those that are
// no larger than what is read.
func TestDumpsAreReadInBoundedTime(t *testing.T) {
	tenths := 10
	if testing.Short() {
		tenths = 1
	}
	for what, text := range map[string]string{
		"many documents":       strings.Repeat("---\nname: a\n", tenths*20_000),
		"one line of JSON":     `{"items": [` + strings.TrimSuffix(strings.Repeat(`{"a": {"b": [1]}},`, tenths*4_000), ",") + "]}",
		"deep by indentation":  stairs(tenths * 500),
		"many broken":          strings.Repeat("---\n\ta: 1\n", tenths*10_000),
		"over 16 MiB":          strings.Repeat("name: a # and so on\n", 1<<20),
		"over 1,500,000 words": strings.Repeat("- a\n", 800_000),
	} {
		t.Run(what, func(t *testing.T) {
			began := time.Now()
			d := dump(text)
			for _, tree := range d.Trees() {
				for _, item := range d.List(d.Root(tree)) {
					d.All(item)
				}
				if items, there := d.Find(d.Root(tree), "items"); there {
					for _, item := range d.List(items) {
						d.Find(item, "a", "b")
					}
				}
			}
			if took := time.Since(began); took > 45*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// TestAListIsNoMapping: the keys of its items stand in one column, and are not
// those of one mapping.
func TestAListIsNoMapping(t *testing.T) {
	d := dump("items:\n" + strings.Repeat("- name: a\n  kind: b\n", 5_000))
	if trees := d.Trees(); len(trees) != 1 || len(d.Sorted()) > 0 {
		t.Errorf("%d trees, %+v", len(trees), d.Sorted())
	}
	d = dump("items:\n" + numbered("  k%d: v\n", 2_500))
	trees := d.Trees()
	if problems := d.Sorted(); len(trees) > 0 || len(problems) != 1 || problems[0].Code != TooLong {
		t.Errorf("2,500 keys in one mapping: %d trees, %+v", len(trees), problems)
	}
}

func numbered(form string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, form, i)
	}
	return b.String()
}

func stairs(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}
