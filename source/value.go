package source

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"holdfast/diagnostic"
)

// A Value is a node of the tree with whatever leads to it (aliases, anchors)
// left behind.
type Value struct {
	Node ast.Node         // nil when an alias leads nowhere, which has been reported
	Name string           // as it is spoken of: "replicas", "ports[2]"
	At   diagnostic.Place // of itself, or of its key when nothing is written
	Key  diagnostic.Place // of the key or list it belongs to
	Tag  string           // the last one on the way to it
}

// An Entry is a key of a mapping with its value.
type Entry struct {
	Key   string
	At    diagnostic.Place
	Value Value
}

// A Key is one that is known, and what reads its value.
type Key struct {
	Name string
	Read func(Value)
}

func names(known []Key) []string {
	all := make([]string, len(known))
	for i, k := range known {
		all[i] = k.Name
	}
	return all
}

// behind is the node that a node stands for, and the tag that it has on the way.
func (d *Document) behind(node ast.Node) (ast.Node, string) {
	tag := ""
	for {
		switch n := node.(type) {
		case *ast.AnchorNode:
			node = n.Value
		case *ast.AliasNode:
			node = d.aliases[n]
		case *ast.MappingKeyNode:
			node = n.Value
		case *ast.TagNode:
			if tag = Text(n); !slices.Contains(d.kind.Tags, tag) {
				d.Report(d.placeOf(n.Start), diagnostic.Problem{Code: StrangeTag, Message: "the YAML tag " + diagnostic.Tick(tag) + " means nothing here", Help: "remove it; what a value is follows from its key"})
			}
			node = n.Value
		default:
			return node, tag
		}
	}
}

// Value is what a node is, under a name for messages and with the place of its
// key. What an alias leads to stands where it is written, so that it is wrong once.
func (d *Document) Value(node ast.Node, name string, key diagnostic.Place) Value {
	stands, tag := d.behind(node)
	v := Value{Node: stands, Name: name, At: key, Key: key, Tag: tag}
	switch n := v.Node.(type) {
	case nil, *ast.NullNode:
	case *ast.MappingNode:
		v.At = d.mappingPlace(n)
	case *ast.SequenceNode:
		v.At = d.sequencePlace(n)
	default:
		v.At = d.placeOf(n.GetToken())
	}
	return v
}

// mappingPlace and sequencePlace are where a collection is pointed at: its
// first line, since the rest of it is below.
func (d *Document) mappingPlace(n *ast.MappingNode) diagnostic.Place {
	if !n.IsFlowStyle && len(n.Values) > 0 {
		return d.placeOf(n.Values[0].Key.GetToken())
	}
	return d.bracketPlace(d.placeOf(n.Start), "}")
}

func (d *Document) sequencePlace(n *ast.SequenceNode) diagnostic.Place {
	if n.IsFlowStyle {
		return d.bracketPlace(d.placeOf(n.Start), "]")
	}
	return d.placeOf(n.Start)
}

// bracketPlace reaches to the closing bracket if that is in the same line.
func (d *Document) bracketPlace(open diagnostic.Place, closing string) diagnostic.Place {
	end := d.Locate(open, closing)
	if end != open {
		open.Width = end.Column + 1 - open.Column
	}
	return open
}

// Visit counts values and says whether one more may be read.
func (d *Document) Visit(at diagnostic.Place) bool {
	most := d.kind.Limits.Values
	if d.visited++; d.visited <= most {
		return true
	}
	if d.visited == most+1 {
		d.reportBomb(at, fmt.Sprintf("%d values", most))
	}
	return false
}

// Take counts the bytes of a text and says whether it may be read. A text of a
// megabyte is taken once for every alias that leads to it.
func (d *Document) Take(at diagnostic.Place, text string) bool {
	most, before := d.kind.Limits.Volume, d.volume
	d.volume += len(text)
	if before <= most && d.volume > most {
		d.reportBomb(at, fmt.Sprintf("%d MiB of text", most>>20))
	}
	return d.volume <= most
}

func (d *Document) reportBomb(at diagnostic.Place, what string) {
	d.Report(at, diagnostic.Problem{Code: AliasBomb, Message: "the file holds more than " + what + " once its aliases are followed", Label: "given up here", Help: "use fewer aliases, or several systems"})
}

// IsNull says whether a value is written as none: `~`, `null`, or nothing.
func IsNull(v Value) bool {
	_, null := v.Node.(*ast.NullNode)
	return null
}

// Keys reads a mapping: each key by what reads it, in the order in which the
// known ones are listed and not in that of the file, so that what others build
// on is read first. Keys that are not known are errors, and x- keys are free. It
// returns where each key stands.
func (d *Document) Keys(v Value, of string, known []Key) map[string]diagnostic.Place {
	entries, ok := d.entries(v, "the keys of "+of, among(names(known)))
	if !ok {
		return nil
	}
	at := map[string]diagnostic.Place{}
	byName := map[string]Entry{}
	for _, e := range entries {
		at[e.Key], byName[e.Key] = e.At, e
		if !slices.ContainsFunc(known, func(k Key) bool { return k.Name == e.Key }) {
			d.reportUnknownKey(e, of, names(known))
		}
	}
	for _, k := range known {
		if e, written := byName[k.Name]; written {
			k.Read(e.Value)
		}
	}
	return at
}

// among lists keys where they are few enough to choose from.
func among(known []string) string {
	const most = 8
	if len(known) > most {
		return ""
	}
	return ": " + diagnostic.Ticks(known)
}

func (d *Document) reportUnknownKey(e Entry, of string, known []string) {
	p := diagnostic.Problem{Code: UnknownKey, Message: "unknown key " + diagnostic.Tick(e.Key), Label: "not a key of " + of}
	if near := diagnostic.Nearest(e.Key, known); near != "" {
		p.Help = diagnostic.DidYouMean("", near, "")
	} else if help, foreign := d.kind.Foreign[e.Key]; foreign {
		p.Help = help
	} else {
		p.Help = "the keys of " + of + " are " + diagnostic.Ticks(known) + "; keys that begin with `x-` are free"
	}
	d.Report(e.At, p)
}

// Entries takes a mapping apart: aliases followed, merge keys applied, x- keys
// left out, each key once. what says what its entries are.
func (d *Document) Entries(v Value, what string) ([]Entry, bool) { return d.entries(v, what, "") }

func (d *Document) entries(v Value, what, keys string) ([]Entry, bool) {
	switch v.Node.(type) {
	case nil:
		return nil, false
	case *ast.MappingNode, *ast.MappingValueNode:
		return slices.DeleteFunc(d.All(v), func(e Entry) bool { return strings.HasPrefix(e.Key, "x-") }), true
	case *ast.NullNode:
		d.Report(v.Key, diagnostic.Problem{Code: EmptyValue, Message: v.Name + " is empty", Help: "write its keys below it, indented" + keys + ", or remove it"})
	default:
		d.ReportType(v, "a mapping: "+what, "write its keys below it, indented"+keys)
	}
	return nil, false
}

// All takes a mapping apart in the same way, x- keys too. What is no mapping has
// no entries.
func (d *Document) All(v Value) []Entry {
	own := distinct{index: map[string]int{}}
	var merged []ast.Node
	for _, node := range pairs(v.Node) {
		if !d.Visit(d.placeOf(node.Key.GetToken())) {
			break
		}
		if node.Key.IsMergeKey() {
			merged = append(merged, node.Value)
			continue
		}
		e := d.entry(node)
		if !d.Take(e.At, e.Key) {
			break
		}
		if first, twice := own.add(e); twice {
			d.reportDuplicate(first, e)
		}
	}
	for _, node := range merged {
		d.merge(&own, node, v)
	}
	return own.entries
}

func pairs(node ast.Node) []*ast.MappingValueNode {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	default:
		return nil
	}
}

// distinct entries are in the order of the text, each key once.
type distinct struct {
	entries []Entry
	index   map[string]int
}

// add takes an entry unless its key is there, and returns the one that is.
func (d *distinct) add(e Entry) (first Entry, twice bool) {
	if i, there := d.index[e.Key]; there {
		return d.entries[i], true
	}
	d.index[e.Key] = len(d.entries)
	d.entries = append(d.entries, e)
	return e, false
}

func (d *Document) entry(node *ast.MappingValueNode) Entry {
	key, _ := d.behind(node.Key)
	text := Text(key)
	at := d.placeOf(node.Key.GetToken())
	if _, scalar := key.(ast.ScalarNode); !scalar || text == "" {
		d.Report(at, diagnostic.Problem{Code: WrongType, Message: "a key that is not a word", Help: "write `key: value`"})
	}
	return Entry{Key: text, At: at, Value: d.Value(node.Value, diagnostic.Shown(text), at)}
}

func (d *Document) reportDuplicate(first, second Entry) {
	d.Report(second.At, diagnostic.Problem{
		Code: DuplicateKey, Message: "the key " + diagnostic.Tick(second.Key) + " is given twice", Label: fmt.Sprintf("first in line %d", first.At.Line),
		Help: "remove one of them",
	})
}

// merge adds what `<<:` brings: entries of a mapping, or of several in a list,
// that are not there yet. What is written out wins over what is merged, and what
// is merged first over what comes later.
func (d *Document) merge(own *distinct, node ast.Node, v Value) {
	if !d.Visit(v.At) {
		return
	}
	from := d.Value(node, "<<", v.At)
	switch n := from.Node.(type) {
	case nil:
	case *ast.MappingNode:
		for _, e := range d.All(from) {
			own.add(e)
		}
	case *ast.SequenceNode:
		for _, item := range n.Values {
			d.merge(own, item, from)
		}
	default:
		d.Report(from.At, diagnostic.Problem{Code: BadMerge, Message: "`<<` can merge a mapping or a list of mappings, and nothing else", Help: "write `<<: *anchor`, where the anchor marks a mapping"})
	}
}

// Items are the values of a list. example shows how one is written.
func (d *Document) Items(v Value, what, example string) ([]Value, bool) {
	list, ok := v.Node.(*ast.SequenceNode)
	switch {
	case v.Node == nil:
		return nil, false
	case IsNull(v):
		d.Report(v.Key, diagnostic.Problem{Code: EmptyValue, Message: v.Name + " is empty", Help: "write " + example + ", or remove it"})
		return nil, false
	case !ok:
		d.ReportType(v, "a list of "+what, "write "+example)
		return nil, false
	}
	var all []Value
	for i, node := range list.Values {
		if !d.Visit(v.At) {
			break
		}
		all = append(all, d.Value(node, fmt.Sprintf("%s[%d]", v.Name, i+1), v.At))
	}
	return all, true
}

// Scalar is the text of a value as it was written, nothing filled in.
func (d *Document) Scalar(v Value) (string, bool) {
	switch v.Node.(type) {
	case nil:
		return "", false
	case *ast.NullNode:
		d.Report(v.At, diagnostic.Problem{Code: EmptyValue, Message: v.Name + " is empty", Help: "give it a value, or remove it"})
		return "", false
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		d.ReportType(v, "one value", "write one word or number, in quotes if it has blanks")
		return "", false
	}
	text := v.String()
	return text, d.Take(v.At, text)
}

// ReportType says that a value is of another shape than is wanted.
func (d *Document) ReportType(v Value, want, help string) {
	d.Report(v.At, diagnostic.Problem{Code: WrongType, Message: v.Name + " must be " + want, Label: "this is " + Shape(v.Node), Help: help})
}

// Shape is what a node is called in a message.
func Shape(node ast.Node) string {
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
