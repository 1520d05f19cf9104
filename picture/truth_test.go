package picture

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"holdfast"
)

// anyPicture draws up to ten services, needs of every kind that run in no
// circle, and ways in.
func anyPicture(t *rapid.T) Picture {
	p := Picture{system: "any"}
	n := rapid.IntRange(1, 10).Draw(t, "services")
	likely := rapid.IntRange(1, 9).Draw(t, "how many needs")
	names := rapid.Permutation(strings.Fields("web cart catalog a-long-name-of-a-service b db cache mail log x2")).Draw(t, "names")[:n]
	for i, name := range names {
		s := service{name: holdfast.ServiceName(name), copies: "×2"}
		if rapid.Bool().Draw(t, "alone") {
			s.alone = []string{"99%"}
		}
		if rapid.IntRange(0, 2).Draw(t, "entry") == 0 {
			p.entries = append(p.entries, entry{to: s.name, ports: []string{fmt.Sprintf("127.0.0.1:808%d", i)}})
		}
		for _, other := range names[i+1:] {
			if rapid.IntRange(0, 9).Draw(t, "needs") < likely {
				p.edges = append(p.edges, edge{Edge: holdfast.Edge{From: s.name, To: holdfast.ServiceName(other)}, need: need(rapid.IntRange(0, 3).Draw(t, "need"))})
			}
		}
		p.services = append(p.services, s)
	}
	order := rapid.Permutation(p.services).Draw(t, "order of the file")
	p.services = order
	return p
}

// said are all lines of a picture, as whoever reads it says them.
func (p Picture) said() []string {
	var all []string
	for _, e := range p.entries {
		all = append(all, e.label()+" required "+string(e.to))
	}
	for _, e := range p.edges {
		all = append(all, fmt.Sprintf("%s %s %s", e.From, needWord(e.need), e.To))
	}
	slices.Sort(all)
	return all
}

func needWord(n need) string {
	return []string{"required", "optional", "covered", "before"}[n]
}

// What somebody reads who follows every line of a picture is what the system is:
// no more, and no less.
func TestALayeredPictureSaysWhatIsSo(t *testing.T) {
	drawn := 0
	rapid.Check(t, func(t *rapid.T) {
		p := anyPicture(t)
		c, fits := p.layers(MaxWidth)
		if !fits {
			return
		}
		drawn++
		text := c.text(Terminal{})
		got := readLayers(t, p, text)
		if want := p.said(); !slices.Equal(got, want) {
			t.Fatalf("it reads\n%s\nand is\n%s\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), text)
		}
	})
	if drawn == 0 {
		t.Error("nothing could be drawn in layers")
	}
	t.Logf("%d of the pictures were drawn in layers", drawn)
}

// The largest and most tangled systems are drawn in no time, in one way or the
// other.
func BenchmarkText(b *testing.B) {
	const n = MaxServices
	for _, reach := range []int{2, 3, n} {
		p := Picture{}
		for i := range n {
			p.services = append(p.services, service{name: holdfast.ServiceName(fmt.Sprintf("s%d", i)), copies: "×2"})
			p.entries = append(p.entries, entry{to: p.services[i].name, ports: []string{fmt.Sprintf("port-%d", i)}})
		}
		for i := range n {
			for step := 1; step <= reach && i+step < n; step++ {
				p.edges = append(p.edges, edge{Edge: holdfast.Edge{From: p.services[i].name, To: p.services[i+step].name}})
			}
		}
		b.Run(fmt.Sprintf("needs=%d", len(p.edges)), func(b *testing.B) {
			for b.Loop() {
				p.Text(Terminal{Width: MaxWidth})
			}
		})
	}
}

// Where no lines have to cross there is room for all of them.
func TestWhatHasNoCrossingIsDrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := anyPicture(t).layout()
		if !l.untangle() {
			return
		}
		l.align()
		if c := l.draw(); c == nil || c.clash {
			t.Fatal("lines are in each other's way")
		}
	})
}

func TestATreeSaysWhatIsSo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPicture(t)
		width := rapid.IntRange(44, MaxWidth).Draw(t, "width")
		text := p.tree(width).text(Terminal{})
		got := readTree(t, p, text)
		if want := p.said(); !slices.Equal(got, want) {
			t.Fatalf("it reads\n%s\nand is\n%s\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), text)
		}
		for line := range strings.Lines(text) {
			if wide(line)-1 > width {
				t.Fatalf("wider than %d: %s", width, line)
			}
		}
	})
}

// sidesOf is where the line of a character leads.
func sidesOf(char rune) side {
	switch char {
	case '─', '╌', '┄':
		return left | right
	case '│', '╎', '┆':
		return up | down
	}
	for sides := side(1); sides < 16; sides++ {
		if bend(sides) == char {
			return sides
		}
	}
	return 0
}

// A reader follows the lines of a picture with a finger.
type reader struct {
	grid [][]rune
	p    Picture
}

func (r reader) at(row, col int) rune {
	if row < 0 || row >= len(r.grid) || col < 0 || col >= len(r.grid[row]) {
		return ' '
	}
	return r.grid[row][col]
}

// readLayers starts from each arrowhead and goes wherever lines lead, to the one
// source that they must come from.
func readLayers(t *rapid.T, p Picture, text string) []string {
	r := reader{p: p}
	for line := range strings.Lines(text) {
		r.grid = append(r.grid, []rune(strings.TrimSuffix(line, "\n")))
	}
	var all []string
	for row := range r.grid {
		for col, char := range r.grid[row] {
			if kind := strings.IndexRune("▶▷○", char); kind >= 0 {
				sources := map[string]bool{}
				r.follow(row, col-1, map[[2]int]bool{}, sources)
				if len(sources) != 1 {
					t.Fatalf("what comes to row %d, column %d comes from %v:\n%s", row, col, sources, text)
				}
				for source := range sources {
					all = append(all, fmt.Sprintf("%s %s %s", source, r.need(row, col), r.target(t, row, col+1)))
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

func (r reader) need(row, col int) string {
	return map[string]string{"─▶": "required", "╌▶": "optional", "┄▷": "covered", "─○": "before"}[string(r.grid[row][col-1:col+1])]
}

func (r reader) follow(row, col int, seen map[[2]int]bool, sources map[string]bool) {
	if seen[[2]int{row, col}] || r.bracket(row, col) {
		return
	}
	seen[[2]int{row, col}] = true
	sides := sidesOf(r.at(row, col))
	if sides&left != 0 && r.at(row, col-1) == ' ' {
		sources[r.source(row, col-2)] = true
	}
	for _, step := range []struct {
		to, from side
		row, col int
	}{{up, down, row - 1, col}, {down, up, row + 1, col}, {left, right, row, col - 1}, {right, left, row, col + 1}} {
		if sides&step.to != 0 && sidesOf(r.at(step.row, step.col))&step.from != 0 {
			r.follow(step.row, step.col, seen, sources)
		}
	}
}

// bracket says that a character gathers arrowheads.
func (r reader) bracket(row, col int) bool {
	return strings.ContainsRune("▶▷○", r.at(row, col-1)) && r.at(row, col) != ' '
}

// source is what stands in a row up to a column.
func (r reader) source(row, end int) string {
	text := string(r.grid[row][:end+1])
	for _, e := range r.p.entries {
		if text == e.label() {
			return e.label()
		}
	}
	for _, s := range r.p.services {
		if text == s.label() || strings.HasSuffix(text, " "+s.label()) {
			return string(s.name)
		}
	}
	return "nothing: " + text
}

// target is what stands behind an arrowhead, or behind its bracket.
func (r reader) target(t *rapid.T, row, col int) string {
	for r.bracket(row, col) && r.at(row, col) != '┬' {
		row--
	}
	if r.at(row, col) == '┬' {
		col++
	}
	name, _, _ := strings.Cut(string(r.grid[row][col+1:]), " ")
	if r.at(row, col) != ' ' {
		t.Fatalf("nothing stands at row %d, column %d", row, col)
	}
	return name
}

// readTree takes each line as a child of the last that is further to the left.
func readTree(t *rapid.T, p Picture, text string) []string {
	var all []string
	parents, below := map[int]string{}, map[string]bool{}
	for line := range strings.Lines(text) {
		label := strings.TrimLeft(line, " │├└─╌┄▶▷○")
		depth := (wide(line) - wide(label)) / 4
		name := strings.TrimSpace(label)
		named := slices.ContainsFunc(p.services, func(s service) bool {
			bare := strings.TrimSuffix(strings.TrimSuffix(name, " (above)"), " (below)")
			if strings.HasSuffix(name, " (below)") && bare == string(s.name) {
				below[bare] = true
			}
			if is := s.label() == name || string(s.name) == bare && bare != name; is {
				name = string(s.name)
				return true
			}
			return false
		})
		if depth == 0 && named {
			delete(below, name)
		}
		if depth > 0 {
			arrow := []rune(line)[4*depth-3 : 4*depth-1]
			need := map[string]string{"─▶": "required", "╌▶": "optional", "┄▷": "covered", "─○": "before"}[string(arrow)]
			all = append(all, parents[depth-1]+" "+need+" "+name)
		}
		parents[depth] = name
	}
	if len(below) > 0 {
		t.Fatalf("%v are not below:\n%s", below, text)
	}
	slices.Sort(all)
	return all
}
