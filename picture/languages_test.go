package picture

import (
	"bytes"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"holdfast"
	"holdfast/internal/golden"
	"holdfast/topology"
)

// A flowchart is what a strict reader takes from mermaid's text.
type flowchart struct {
	t       testing.TB
	boxes   int               // that are open
	labels  map[string]string // of nodes, by id
	classes map[string]string // of nodes and boxes, by id
	defined map[string]bool   // classes
	links   []string          // "from arrow to: words"
	styled  []int             // links
}

// readMermaid accepts the part of mermaid that is written, and nothing else. A
// node must be there before a link goes to it: mermaid would make up one.
func readMermaid(t testing.TB, text string) *flowchart {
	t.Helper()
	f := &flowchart{t: t, labels: map[string]string{}, classes: map[string]string{}, defined: map[string]bool{}}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if !regexp.MustCompile(`^%% [^{}]*$`).MatchString(lines[0]) || lines[1] != "flowchart LR" {
		t.Fatalf("it begins %q", lines[:2])
	}
	for _, line := range lines[2:] {
		f.read(strings.TrimLeft(line, " "))
	}
	if f.boxes != 0 {
		t.Errorf("%d boxes are open at the end", f.boxes)
	}
	for id, class := range f.classes {
		if !f.defined[class] {
			t.Errorf("%s is of class %s, which is not defined", id, class)
		}
	}
	for _, link := range f.styled {
		if link >= len(f.links) {
			t.Errorf("link %d is styled, and there are %d", link, len(f.links))
		}
	}
	return f
}

const mermaidText = `"((?:[^"#]|#\d+;)*)"`

func (f *flowchart) read(line string) {
	f.t.Helper()
	is := func(pattern string) []string { return regexp.MustCompile("^" + pattern + "$").FindStringSubmatch(line) }
	switch {
	case is(`subgraph (\w+)\[`+mermaidText+`\]`) != nil:
		f.boxes++
		m := is(`subgraph (\w+)\[` + mermaidText + `\]`)
		f.labels[m[1]] = f.unquoted(m[2])
	case line == "direction LR" && f.boxes > 0:
	case line == "end":
		f.boxes--
	case is(`class (\w+) (\w+)`) != nil:
		m := is(`class (\w+) (\w+)`)
		f.classes[m[1]] = m[2]
	case is(`classDef (\w+) [\w#:,\- .]+`) != nil:
		f.defined[is(`classDef (\w+) .*`)[1]] = true
	case is(`linkStyle (\d+) [\w#:,\- ]+`) != nil:
		n, _ := strconv.Atoi(is(`linkStyle (\d+) .*`)[1])
		f.styled = append(f.styled, n)
	case is(`(\w+)(?:\[|\(\[|\{\{)`+mermaidText+`(?:\]|\]\)|\}\}):::(\w+)`) != nil:
		m := is(`(\w+)(?:\[|\(\[|\{\{)` + mermaidText + `(?:\]|\]\)|\}\}):::(\w+)`)
		if _, twice := f.labels[m[1]]; twice || slices.Contains([]string{"end", "graph", "default"}, m[1]) {
			f.t.Errorf("the id %s is taken", m[1])
		}
		f.labels[m[1]], f.classes[m[1]] = f.unquoted(m[2]), m[3]
	case is(`(\w+) (-->|-\.->|--o|---)(?:\|`+mermaidText+`\|)? (\w+)`) != nil:
		m := is(`(\w+) (-->|-\.->|--o|---)(?:\|` + mermaidText + `\|)? (\w+)`)
		for _, id := range []string{m[1], m[4]} {
			if _, known := f.labels[id]; !known {
				f.t.Errorf("no node %s: %s", id, line)
			}
		}
		f.links = append(f.links, fmt.Sprintf("%s %s %s: %s", first(f.labels[m[1]]), m[2], first(f.labels[m[4]]), f.unquoted(m[3])))
	default:
		f.t.Errorf("mermaid does not know %q", line)
	}
}

// unquoted is what mermaid shows of a text.
func (f *flowchart) unquoted(text string) string {
	f.t.Helper()
	plain := strings.ReplaceAll(text, "<br/>", "\n")
	if strings.ContainsAny(plain, "<>&`*_~\\|{}[]$") || strings.Contains(plain, "%%") {
		f.t.Errorf("mermaid would understand something in %q", text)
	}
	if strings.Contains(plain, ":fa-") {
		f.t.Errorf("mermaid would show an icon in %q", text)
	}
	plain = regexp.MustCompile(`(#(?:92|36|58);)#8288;`).ReplaceAllString(plain, "$1")
	return regexp.MustCompile(`#\d+;`).ReplaceAllStringFunc(plain, func(entity string) string {
		n, _ := strconv.Atoi(strings.Trim(entity, "#;"))
		return string(rune(n))
	})
}

func first(label string) string {
	line, _, _ := strings.Cut(label, "\n")
	return line
}

// What mermaid is told is what the system is.
func TestMermaidSaysWhatIsSo(t *testing.T) {
	for name, text := range systems(t) {
		t.Run(name, func(t *testing.T) {
			p := pictureOf(t, text)
			f := readMermaid(t, p.Mermaid())
			if want := mermaidLinks(p); !slices.Equal(f.links, want) {
				t.Errorf("links\n%s\nwant\n%s", strings.Join(f.links, "\n"), strings.Join(want, "\n"))
			}
			for _, s := range p.services {
				if got := f.labels[id("s", string(s.name))]; got != strings.Join(s.lines(), "\n") {
					t.Errorf("%s is labelled %q", s.name, got)
				}
			}
			for id, label := range f.labels {
				if is := strings.HasSuffix(label, " alone"); is != (f.classes[id] == "alone") {
					t.Errorf("%s is of class %s and says %q", id, f.classes[id], label)
				}
			}
		})
	}
}

func mermaidLinks(p Picture) []string {
	var all []string
	for _, e := range p.entries {
		all = append(all, fmt.Sprintf("%s --> %s: ", e.lines()[0], e.to))
	}
	arrows := []string{required: "-->", optional: "-.->", covered: "-.->", before: "--o"}
	for _, e := range p.edges {
		all = append(all, fmt.Sprintf("%s %s %s: %s", e.From, arrows[e.need], e.To, e.all()))
	}
	for _, point := range p.points {
		for _, s := range point.takes {
			all = append(all, fmt.Sprintf("%s --- %s: %s", point.name, s, point.reach()))
		}
	}
	return all
}

// Whatever a name is, it is text and nothing else.
func TestAnyTextIsQuoted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.StringOf(rapid.OneOf(rapid.SampledFrom([]rune("\"\\#&;<>%`{}[]*_~|$1. -:fax")), rapid.Rune())), 1, 3).Draw(t, "lines")
		for i, line := range lines {
			lines[i] = strings.Map(func(c rune) rune { // a file's texts have no line breaks
				if c == '\n' || c == '\r' {
					return ' '
				}
				return c
			}, line)
		}
		label := strings.Join(lines, "\n")
		f := &flowchart{t: discard{}, labels: map[string]string{}}
		if m := regexp.MustCompile("^" + mermaidText + "$").FindStringSubmatch(quoted(lines...)); m == nil || f.unquoted(m[1]) != label {
			t.Fatalf("mermaid: %q is written %s", label, quoted(lines...))
		}
		if got := readDot(t, text(lines...)); got != label {
			t.Fatalf("dot: %q is written %s and shows %q", label, text(lines...), got)
		}
	})
}

// discard lets rapid say what failed.
type discard struct{ testing.TB }

func (discard) Helper()                        {}
func (discard) Errorf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }

// readDot is what graphviz shows of a quoted text.
func readDot(t *rapid.T, quoted string) string {
	inside := strings.TrimSuffix(strings.TrimPrefix(quoted, `"`), `"`)
	var out strings.Builder
	for i := 0; i < len(inside); i++ {
		switch {
		case inside[i] == '"':
			t.Fatalf("%s ends too soon", quoted)
		case inside[i] == '\\' && inside[i+1] == 'n':
			out.WriteByte('\n')
			i++
		case inside[i] == '\\':
			out.WriteByte(inside[i+1])
			i++
		case strings.HasPrefix(inside[i:], "&amp;"):
			out.WriteByte('&')
			i += len("&amp;") - 1
		case inside[i] == '&':
			t.Fatalf("%s has an entity", quoted)
		default:
			out.WriteByte(inside[i])
		}
	}
	return out.String()
}

// Graphviz itself accepts what it is told, and draws every line of it.
func TestGraphvizDraws(t *testing.T) {
	program, err := exec.LookPath("dot")
	if err != nil {
		t.Skip("graphviz is not installed: what it says of its language is not known here")
	}
	for name, text := range systems(t) {
		t.Run(name, func(t *testing.T) {
			p := pictureOf(t, text)
			var said bytes.Buffer
			draw := exec.Command(program, "-Tsvg")
			draw.Stdin, draw.Stderr = strings.NewReader(p.Dot()), &said
			drawn, err := draw.Output()
			if err != nil || said.Len() > 0 {
				t.Fatalf("%v: %s", err, said.String())
			}
			lines := len(p.entries) + len(p.edges)
			for _, point := range p.points {
				lines += len(point.takes)
			}
			if got := strings.Count(string(drawn), `class="edge"`); got != lines {
				t.Errorf("%d lines are drawn, want %d", got, lines)
			}
			if want := len(p.services) + len(p.entries) + len(p.points); strings.Count(string(drawn), `class="node"`) != want {
				t.Errorf("%d nodes are drawn, want %d", strings.Count(string(drawn), `class="node"`), want)
			}
		})
	}
}

// A terminal without the characters gets others, a coloured one nothing but
// colour, and no line is longer than it may be.
func TestTerminals(t *testing.T) {
	colour := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for name, text := range systems(t) {
		p := pictureOf(t, text)
		plain := p.Text(Terminal{Width: 200})
		if ascii := p.Text(Terminal{Width: MaxWidth, ASCII: true}); strings.ContainsFunc(ascii, func(c rune) bool { return c > '~' }) {
			t.Errorf("%s in ASCII:\n%s", name, ascii)
		}
		coloured := p.Text(Terminal{Width: MaxWidth, Colour: true})
		if bare := colour.ReplaceAllString(coloured, ""); bare != plain {
			t.Errorf("%s: colour adds more than colour:\n%s", name, coloured)
		}
		if marked := strings.Contains(plain, " !"); marked != (coloured != plain) {
			t.Errorf("%s: what breaks a promise alone is not coloured:\n%q", name, coloured)
		}
		for _, width := range []int{MaxWidth, 60} {
			for line := range strings.Lines(p.Text(Terminal{Width: width})) {
				if wide(line)-1 > width {
					t.Errorf("%s is wider than %d: %s", name, width, line)
				}
			}
		}
	}
	golden.Compare(t, "testdata/everything-ascii.txt", pictureOf(t, everything).Text(Terminal{Width: MaxWidth, ASCII: true}))
}

// What was not decided must not look like what is safe.
func TestWhatIsNotDecidedIsSaid(t *testing.T) {
	p := Picture{services: []service{{name: "web", copies: "×1"}}, unknown: []string{"99%"}}
	for _, drawn := range []string{p.Text(Terminal{Width: MaxWidth}), p.Mermaid(), p.Dot()} {
		if !strings.Contains(drawn, "not decided: what breaks 99") || strings.Contains(drawn, "no service, zone") {
			t.Errorf("it is not said:\n%s", drawn)
		}
	}
	readMermaid(t, p.Mermaid())
}

func TestLongThingsAreShortened(t *testing.T) {
	p := Picture{promised: []string{strings.Repeat("x", 300)}}
	for i := range 12 {
		s := service{name: holdfast.ServiceName(fmt.Sprintf("%s-%02d", strings.Repeat("n", 37), i)), copies: "×2"}
		p.services = append(p.services, s)
		if i > 0 {
			p.edges = append(p.edges, edge{Edge: holdfast.Edge{From: p.services[i-1].name, To: s.name}, answer: strings.Repeat("y", 200)})
		}
	}
	p.points = []point{{kind: topology.HostRisk, name: strings.Repeat("h", 120), takes: []holdfast.ServiceName{"a"}, mark: mark{alone: []string{"99%"}}}}
	for line := range strings.Lines(p.Text(Terminal{Width: MaxWidth})) {
		if wide(line)-1 > MaxWidth {
			t.Errorf("%d wide: %s", wide(line)-1, line)
		}
	}
}
