package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"holdfast/command"
)

// maxVisits bounds the values that are read, each counted once for every way
// that leads to it. 1 MiB without aliases that means something holds fewer.
const maxVisits = 200_000

// A value is a node of the tree with whatever leads to it (aliases, anchors)
// left behind.
type value struct {
	node ast.Node // nil when an alias leads nowhere, which has been reported
	name string   // as it is spoken of: "replicas", "ports[2]"
	at   place    // of itself, or of its key when nothing is written
	key  place    // of the key or list it belongs to
}

// An entry is a key of a mapping with its value.
type entry struct {
	key   string
	at    place
	value value
}

// A key is one that is known, and what reads its value.
type key struct {
	name string
	read func(value)
}

func names(known []key) []string {
	all := make([]string, len(known))
	for i, k := range known {
		all[i] = k.name
	}
	return all
}

// behind is the node that a node stands for.
func (r *reader) behind(node ast.Node) ast.Node {
	for {
		switch n := node.(type) {
		case *ast.AnchorNode:
			node = n.Value
		case *ast.AliasNode:
			node = r.aliases.target[n]
		case *ast.MappingKeyNode:
			node = n.Value
		case *ast.TagNode:
			r.report(r.placeOf(n.Start), Problem{Code: strangeTag, Message: "the YAML tag " + tick(tokenText(n)) + " means nothing here", Help: "remove it; what a value is follows from its key"})
			node = n.Value
		default:
			return node
		}
	}
}

func (r *reader) value(node ast.Node, name string, key place) value {
	v := value{node: r.behind(node), name: name, at: key, key: key}
	switch n := v.node.(type) {
	case nil, *ast.NullNode:
	case *ast.MappingNode:
		v.at = r.mappingPlace(n)
	case *ast.SequenceNode:
		v.at = r.sequencePlace(n)
	default:
		v.at = r.placeOf(n.GetToken())
	}
	return v
}

// mappingPlace and sequencePlace are where a collection is pointed at: its
// first line, since the rest of it is below.
func (r *reader) mappingPlace(n *ast.MappingNode) place {
	if !n.IsFlowStyle && len(n.Values) > 0 {
		return r.placeOf(n.Values[0].Key.GetToken())
	}
	return r.bracketPlace(r.placeOf(n.Start), "}")
}

func (r *reader) sequencePlace(n *ast.SequenceNode) place {
	if n.IsFlowStyle {
		return r.bracketPlace(r.placeOf(n.Start), "]")
	}
	return r.placeOf(n.Start)
}

// bracketPlace reaches to the closing bracket if that is in the same line.
func (r *reader) bracketPlace(open place, closing string) place {
	end := r.locate(open, closing)
	if end != open {
		open.width = end.column + 1 - open.column
	}
	return open
}

// visit counts values and says whether one more may be read.
func (r *reader) visit(at place) bool {
	if r.visited++; r.visited <= maxVisits {
		return true
	}
	if r.visited == maxVisits+1 {
		r.report(at, Problem{Code: aliasBomb, Message: fmt.Sprintf("the file holds more than %d values once its aliases are followed", maxVisits), Label: "given up here", Help: "use fewer aliases, or several systems"})
	}
	return false
}

func isNull(v value) bool {
	_, null := v.node.(*ast.NullNode)
	return null
}

// keys reads a mapping: each key by what reads it, in the order in which the
// known ones are listed and not in that of the file, so that what others build
// on is read first. Keys that are not known are errors, and x- keys are free. It
// returns where each key stands.
func (r *reader) keys(v value, of string, known []key) map[string]place {
	entries, ok := r.entries(v, "the keys of "+of)
	if !ok {
		return nil
	}
	at := map[string]place{}
	byName := map[string]entry{}
	for _, e := range entries {
		at[e.key], byName[e.key] = e.at, e
		if !slices.ContainsFunc(known, func(k key) bool { return k.name == e.key }) {
			r.reportUnknownKey(e, of, names(known))
		}
	}
	for _, k := range known {
		if e, written := byName[k.name]; written {
			k.read(e.value)
		}
	}
	return at
}

func (r *reader) reportUnknownKey(e entry, of string, known []string) {
	p := Problem{Code: unknownKey, Message: "unknown key " + tick(e.key), Label: "not a key of " + of}
	if near := nearest(e.key, known); near != "" {
		p.Help = didYouMean("", near, "")
	} else if help, foreign := foreignKeys()[e.key]; foreign {
		p.Help = help
	} else {
		p.Help = "the keys of " + of + " are " + ticks(known) + "; keys that begin with `x-` are free"
	}
	r.report(e.at, p)
}

// entries takes a mapping apart: aliases followed, merge keys applied, x- keys
// left out, each key once. what says what its entries are.
func (r *reader) entries(v value, what string) ([]entry, bool) {
	switch n := v.node.(type) {
	case nil:
		return nil, false
	case *ast.MappingNode:
		return r.entriesOf(n.Values, v), true
	case *ast.MappingValueNode:
		return r.entriesOf([]*ast.MappingValueNode{n}, v), true
	case *ast.NullNode:
		r.report(v.key, Problem{Code: emptyValue, Message: v.name + " is empty", Help: "write its keys below it, indented, or remove it"})
	default:
		r.reportType(v, "a mapping: "+what, "write its keys below it, indented")
	}
	return nil, false
}

func (r *reader) entriesOf(nodes []*ast.MappingValueNode, v value) []entry {
	own := distinct{index: map[string]int{}}
	var merged []ast.Node
	for _, node := range nodes {
		if !r.visit(r.placeOf(node.Key.GetToken())) {
			break
		}
		if node.Key.IsMergeKey() {
			merged = append(merged, node.Value)
			continue
		}
		e := r.entry(node)
		if strings.HasPrefix(e.key, "x-") {
			continue
		}
		if first, twice := own.add(e); twice {
			r.reportDuplicate(first, e)
		}
	}
	for _, node := range merged {
		r.merge(&own, node, v)
	}
	return own.entries
}

// distinct entries are in the order of the text, each key once.
type distinct struct {
	entries []entry
	index   map[string]int
}

// add takes an entry unless its key is there, and returns the one that is.
func (d *distinct) add(e entry) (first entry, twice bool) {
	if i, there := d.index[e.key]; there {
		return d.entries[i], true
	}
	d.index[e.key] = len(d.entries)
	d.entries = append(d.entries, e)
	return e, false
}

func (r *reader) entry(node *ast.MappingValueNode) entry {
	key := r.behind(node.Key)
	text := tokenText(key)
	at := r.placeOf(node.Key.GetToken())
	if _, scalar := key.(ast.ScalarNode); !scalar || text == "" {
		r.report(at, Problem{Code: wrongType, Message: "a key that is not a word", Help: "write `key: value`"})
	}
	return entry{key: text, at: at, value: r.value(node.Value, shown(text), at)}
}

func (r *reader) reportDuplicate(first, second entry) {
	r.report(second.at, Problem{
		Code: duplicateKey, Message: "the key " + tick(second.key) + " is given twice", Label: fmt.Sprintf("first in line %d", first.at.line),
		Help: "remove one of them",
	})
}

// merge adds what `<<:` brings: entries of a mapping, or of several in a list,
// that are not there yet. What is written out wins over what is merged, and what
// is merged first over what comes later.
func (r *reader) merge(own *distinct, node ast.Node, v value) {
	if !r.visit(v.at) {
		return
	}
	source := r.value(node, "<<", v.at)
	switch n := source.node.(type) {
	case nil:
	case *ast.MappingNode:
		for _, e := range r.entriesOf(n.Values, source) {
			own.add(e)
		}
	case *ast.SequenceNode:
		for _, item := range n.Values {
			r.merge(own, item, source)
		}
	default:
		r.report(source.at, Problem{Code: badMerge, Message: "`<<` can merge a mapping or a list of mappings, and nothing else", Help: "write `<<: *anchor`, where the anchor marks a mapping"})
	}
}

// items are the values of a list. example shows how one is written.
func (r *reader) items(v value, what, example string) ([]value, bool) {
	list, ok := v.node.(*ast.SequenceNode)
	switch {
	case v.node == nil:
		return nil, false
	case isNull(v):
		r.report(v.key, Problem{Code: emptyValue, Message: v.name + " is empty", Help: "write " + example + ", or remove it"})
		return nil, false
	case !ok:
		r.reportType(v, "a list of "+what, "write "+example)
		return nil, false
	}
	var all []value
	for i, node := range list.Values {
		if !r.visit(v.at) {
			break
		}
		all = append(all, r.value(node, fmt.Sprintf("%s[%d]", v.name, i+1), v.at))
	}
	return all, true
}

// scalar is the text of a value as it was written, nothing filled in.
func (r *reader) scalar(v value) (string, bool) {
	switch n := v.node.(type) {
	case nil:
		return "", false
	case *ast.NullNode:
		r.report(v.at, Problem{Code: emptyValue, Message: v.name + " is empty", Help: "give it a value, or remove it"})
		return "", false
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		r.reportType(v, "one value", "write one word or number, in quotes if it has blanks")
		return "", false
	case *ast.LiteralNode:
		return n.Value.Value, true
	default:
		return tokenText(n), true
	}
}

// filled is the text of a value with its references filled in from the caller's
// environment, without blanks around it.
func (r *reader) filled(v value) (string, bool) {
	text, ok := r.scalar(v)
	if !ok {
		return "", false
	}
	all := command.Pieces(text)
	bad := command.Unreadable(all)
	r.reportUnreadable(rawText{value: v}, bad)
	text, unset := fill(all, r.environ)
	for _, p := range unset {
		if r.found.full() {
			break
		}
		r.report(r.dollar(v.at, p.Dollar, p.Source), Problem{
			Code: unsetVariable, Message: v.name + ": the variable " + tick(p.Name) + " is not set", Label: "in the environment holdfast was started with",
			Help: fmt.Sprintf("set it (`export %s=…`), or write a default: `${%s:-…}`", p.Name, p.Name),
		})
	}
	text, ok = strings.TrimSpace(text), len(bad)+len(unset) == 0
	if ok && text == "" {
		r.report(v.at, Problem{Code: emptyValue, Message: v.name + " is empty", Help: "give it a value, or remove it"})
		return "", false
	}
	return text, ok
}

// fill writes pieces out with the variables of an environment, and returns the
// references to those that are not set.
func fill(all []command.Piece, environ map[string]string) (string, []command.Piece) {
	var text strings.Builder
	var unset []command.Piece
	for _, p := range all {
		value, set := environ[p.Name]
		switch {
		case p.Name == "":
			text.WriteString(p.Text)
		case p.Fallback == command.Never && !set:
			unset = append(unset, p)
		case p.Fallback.Uses(value, set):
			instead, missing := fill(p.Instead, environ)
			text.WriteString(instead)
			unset = append(unset, missing...)
		default:
			text.WriteString(value)
		}
	}
	return text.String(), unset
}

// reportUnreadable reports the references of a text that cannot be read.
func (r *reader) reportUnreadable(raw rawText, bad []command.Piece) {
	for _, p := range bad {
		if r.found.full() {
			return
		}
		at := r.dollar(raw.value.at, raw.dollars+p.Dollar, p.Source)
		r.report(at, Problem{Code: badReference, Message: raw.value.name + ": " + p.Why, Help: p.Help})
	}
}

func (r *reader) reportType(v value, want, help string) {
	r.report(v.at, Problem{Code: wrongType, Message: v.name + " must be " + want, Label: "this is " + shape(v.node), Help: help})
}

// shape is what a node is called in a message.
func shape(node ast.Node) string {
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.BoolNode:
		return "true or false"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.NullNode:
		return "nothing"
	default:
		return "a text"
	}
}
