package picture

import (
	"holdfast"
)

// indent is how much further to the right than its caller a service stands.
const indent = 4

// A tree draws what needs what as a directory listing does. What was drawn before
// is named again and not followed; what would not fit the width is drawn further
// down, from the margin.
type tree struct {
	canvas
	picture Picture
	width   int
	deepest int // column at which a service is drawn with its needs: they can be named below it
	row     int
	drawn   map[holdfast.ServiceName]bool
	later   []holdfast.ServiceName
	waits   map[holdfast.ServiceName]bool // that are in later
}

func (p Picture) tree(width int) *canvas {
	t := &tree{picture: p, width: width, drawn: map[holdfast.ServiceName]bool{}, waits: map[holdfast.ServiceName]bool{}}
	longest := 0
	for _, s := range p.services {
		longest = max(longest, len(s.name))
	}
	t.deepest = max(indent, width-indent-longest-len(" (above)"))
	for _, e := range p.entries {
		t.space()
		t.write(t.row, 0, e.label(), false)
		t.row++
		t.branch("", true, edge{Edge: holdfast.Edge{To: e.to}})
		t.rest()
	}
	needed := map[holdfast.ServiceName]bool{}
	for _, e := range p.edges {
		needed[e.To] = true
	}
	for _, s := range p.services {
		if !needed[s.name] {
			t.root(s.name)
		}
	}
	for _, s := range p.services { // those that need each other in a circle
		t.root(s.name)
	}
	return &t.canvas
}

// root draws a service from the margin, unless it was drawn.
func (t *tree) root(name holdfast.ServiceName) {
	if t.drawn[name] {
		return
	}
	t.space()
	t.name(0, name)
	t.branches("", name)
	t.rest()
}

// rest draws what waited for room.
func (t *tree) rest() {
	for len(t.later) > 0 {
		name := t.later[0]
		t.later = t.later[1:]
		t.root(name)
	}
}

// space leaves a row free between trees.
func (t *tree) space() {
	if t.row > 0 {
		t.at(t.row, 0)
		t.row++
	}
}

func (t *tree) branches(margin string, of holdfast.ServiceName) {
	var needs []edge
	for _, e := range t.picture.edges {
		if e.From == of {
			needs = append(needs, e)
		}
	}
	for i, e := range needs {
		t.branch(margin, i == len(needs)-1, e)
	}
}

func (t *tree) branch(margin string, last bool, e edge) {
	fork, below := "├", "│   "
	if last {
		fork, below = "└", "    "
	}
	fork += string([]rune{lineAcross(e.need), arrowhead(e.need)}) + " "
	t.write(t.row, 0, margin+fork, false)
	col := wide(margin + fork)
	switch s := t.picture.service(e.To); {
	case t.drawn[e.To]:
		t.again(col, s, " (above)")
	case t.waits[e.To] || col > t.deepest || col+wide(s.label()) > t.width:
		t.again(col, s, " (below)")
		if !t.waits[e.To] {
			t.waits[e.To], t.later = true, append(t.later, e.To)
		}
	default:
		t.name(col, e.To)
		t.branches(margin+below, e.To)
	}
}

// again names a service whose label stands elsewhere.
func (t *tree) again(col int, s service, where string) {
	label := string(s.name)
	if most := t.width - col - wide(where); wide(label) > most {
		label = string([]rune(label)[:max(0, most-1)]) + "…"
	}
	t.write(t.row, col, label+where, false)
	t.row++
}

func (t *tree) name(col int, name holdfast.ServiceName) {
	s := t.picture.service(name)
	t.write(t.row, col, s.label(), len(s.alone) > 0)
	t.drawn[name] = true
	t.row++
}

func (p Picture) service(name holdfast.ServiceName) service {
	for _, s := range p.services {
		if s.name == name {
			return s
		}
	}
	return service{name: name}
}
