package compose

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"holdfast/diagnostic"
	"holdfast/source"
)

// The limits of a tree, beside those of the text. Aliases make much of little,
// and what is asked afterwards copies all of it.
const (
	// maxDepth bounds nesting after aliases are followed. Compose's own keys go
	// nine levels deep.
	maxDepth = 100
	// maxVolume bounds the characters of all values after aliases are followed.
	maxVolume = 4 << 20
	// maxPorts bounds the ports of all ranges together: each becomes a value of
	// its own. The widest range in earnest is that of a media relay, 10,000.
	maxPorts = 40_000
	// maxExtended bounds the values that `extends` copies.
	maxExtended = 60_000
)

// A node is a value of the file, with all that can be asked of where it stands.
type node struct {
	key   string           // in its mapping; "" in a list
	at    diagnostic.Place // of its key, or of itself in a list
	value source.Value
	raw   string  // of a scalar: as written
	text  string  // the same with references to variables filled in
	vague bool    // a reference in it is to a variable that is not set
	kids  []*node // of a mapping or list, in the order of the file
	named map[string]*node
	size  int // values in it, itself among them

	left  bool // out, because Compose refuses it or it is another file's
	waits bool // out, because it depends on a variable that is not set
}

// find follows keys, and numbers from 0 in lists, as far as they are written.
func (n *node) find(path ...string) (last *node, whole bool) {
	for _, key := range path {
		next := n.step(key)
		if next == nil {
			return n, false
		}
		n = next
	}
	return n, true
}

func (n *node) step(key string) *node {
	if next := n.named[key]; next != nil {
		return next
	}
	if i, err := strconv.Atoi(key); err == nil && n.isList() && i >= 0 && i < len(n.kids) {
		return n.kids[i]
	}
	return nil
}

// item is the first item of a list that says something, or the entry with this
// key: how both forms of depends_on, networks and the like are looked into.
func (n *node) item(saying func(text string) bool) *node {
	for _, kid := range n.kids {
		if saying(kid.key) || kid.key == "" && saying(kid.text) {
			return kid
		}
	}
	return nil
}

func (n *node) isList() bool {
	_, list := n.value.Node.(*ast.SequenceNode)
	return list
}

func (n *node) isMapping() bool {
	switch n.value.Node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

// uncertain says that something in it depends on a variable that is not set.
func (n *node) uncertain() bool {
	if n.vague {
		return true
	}
	for _, kid := range n.kids {
		if kid.uncertain() {
			return true
		}
	}
	return false
}

// filled says that something in it was filled in from a variable.
func (n *node) filled() bool {
	return n != nil && (n.raw != n.text || slices.ContainsFunc(n.kids, (*node).filled))
}

// A planter makes nodes of a document's values.
type planter struct {
	document *source.Document
	environ  map[string]string
	unset    map[string]bool // variables that are referred to and not set
	volume   int
	full     bool
}

// plant makes a tree of a value. What is beyond the limits is reported and not
// in it.
func (p *planter) plant(key string, at diagnostic.Place, v source.Value, depth int) *node {
	n := &node{key: key, at: at, value: v, size: 1}
	switch {
	case v.Node == nil || source.IsNull(v):
	case depth > maxDepth:
		p.stop(at, diagnostic.Problem{Code: source.TooDeep, Message: "the file is nested deeper than " + strconv.Itoa(maxDepth) + " levels once its aliases are followed", Help: "write it flatter"})
	case n.isMapping():
		n.named = map[string]*node{}
		for _, e := range p.document.All(v) {
			if p.full || e.Value.Tag == "!reset" {
				continue
			}
			kid := p.plant(e.Key, e.At, e.Value, depth+1)
			n.kids, n.named[e.Key], n.size = append(n.kids, kid), kid, n.size+kid.size
		}
	case n.isList():
		for _, item := range p.document.List(v) {
			if !p.full {
				kid := p.plant("", item.At, item, depth+1)
				n.kids, n.size = append(n.kids, kid), n.size+kid.size
			}
		}
	default:
		p.scalar(n)
	}
	return n
}

func (p *planter) scalar(n *node) {
	n.raw = n.value.String()
	n.text, n.vague = p.filled(n)
	if p.volume += len(n.text) + len(n.key); p.volume > maxVolume {
		p.stop(n.value.At, diagnostic.Problem{Code: source.AliasBomb, Message: "the values of the file are longer than 4 MiB once its aliases are followed", Label: "given up here", Help: "use fewer aliases, or several files"})
	}
}

func (p *planter) stop(at diagnostic.Place, problem diagnostic.Problem) {
	if !p.full {
		p.document.Report(at, problem)
	}
	p.full = true
}

// plain is a tree as Compose's reader takes it, without what is left out.
func (n *node) plain() any {
	switch {
	case n.isMapping():
		all := make(map[string]any, len(n.kids))
		for _, kid := range n.kids {
			if !kid.left && !kid.waits {
				all[kid.key] = kid.plain()
			}
		}
		return all
	case n.isList():
		all := make([]any, 0, len(n.kids))
		for _, kid := range n.kids {
			if !kid.left && !kid.waits {
				all = append(all, kid.plain())
			}
		}
		return all
	default:
		return n.typed()
	}
}

// typed is a scalar with the type that YAML gives it, unless a tag says that it
// is text or there are variables in it: those are text until Compose knows what
// it wants there.
func (n *node) typed() any {
	if n.value.Tag == "!!str" || n.raw != n.text {
		return n.text
	}
	switch v := n.value.Node.(type) {
	case nil, *ast.NullNode:
		return nil
	case *ast.BoolNode:
		return v.Value
	case *ast.IntegerNode:
		return integer(v.Value)
	case *ast.FloatNode:
		return v.Value
	default:
		return n.text
	}
}

// integer is a number as the library expects one: an int where it fits.
func integer(value any) any {
	switch v := value.(type) {
	case int64:
		return int(v)
	case uint64:
		if v <= math.MaxInt64 {
			return int(v)
		}
	}
	return value
}

// spread is how many ports the ranges of a short form of `ports` are.
func spread(text string) int {
	most := 0
	text, _, _ = strings.Cut(text, "/")
	for _, part := range strings.Split(text, ":") {
		first, last, ok := strings.Cut(part, "-")
		from, errFrom := strconv.Atoi(first)
		to, errTo := strconv.Atoi(last)
		if ok && errFrom == nil && errTo == nil {
			most = max(most, to-from+1)
		}
	}
	return most
}
