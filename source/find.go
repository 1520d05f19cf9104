package source

import (
	"strconv"

	"github.com/goccy/go-yaml/ast"

	"holdfast/diagnostic"
)

// Find follows keys into a value, one after the other; of a list, a number from 0
// or the text of an item. It reports nothing: who asks for what may not be there asks here.
func (d *Document) Find(v Value, path ...string) (Value, bool) {
	for _, key := range path {
		next, _, there := d.step(v, key)
		if !there {
			return Value{}, false
		}
		v = next
	}
	return v, v.Node != nil
}

// List are the items of a list, and none of what is no list.
func (d *Document) List(v Value) []Value {
	list, ok := v.Node.(*ast.SequenceNode)
	if !ok {
		return nil
	}
	all := make([]Value, 0, len(list.Values))
	for i, node := range list.Values {
		if !d.Visit(v.At) {
			break
		}
		all = append(all, d.Value(node, v.Name+"["+strconv.Itoa(i+1)+"]", v.At))
	}
	return all
}

// String is the text of a scalar as it was written, and "" for anything else.
func (v Value) String() string {
	switch n := v.Node.(type) {
	case nil, *ast.NullNode, *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		return ""
	case *ast.LiteralNode:
		return n.Value.Value
	default:
		return Text(n)
	}
}

// PlaceOf is where a path of keys stands: the place of its last key, or of its
// last item of a list. Of a path that is not written to its end it is the place
// of the last part that is, and whole is false.
func (d *Document) PlaceOf(root Value, path ...string) (at diagnostic.Place, whole bool) {
	v, at := root, root.At
	for _, key := range path {
		next, place, there := d.step(v, key)
		if !there {
			return at, false
		}
		v, at = next, place
	}
	return at, true
}

// step goes into a mapping by a key, or into a list by a number or by what an
// item says, and tells where the key or the item stands. What a mapping holds is
// taken apart once.
func (d *Document) step(v Value, key string) (Value, diagnostic.Place, bool) {
	if _, list := v.Node.(*ast.SequenceNode); list {
		for i, item := range d.List(v) {
			if strconv.Itoa(i) == key || item.String() == key {
				return item, item.At, true
			}
		}
		return Value{}, v.At, false
	}
	e, there := d.index(v)[key]
	return e.Value, e.At, there
}

func (d *Document) index(v Value) map[string]Entry {
	if entries, done := d.indexed[v.Node]; done {
		return entries
	}
	entries := map[string]Entry{}
	for _, e := range d.All(v) {
		entries[e.Key] = e
	}
	if d.indexed == nil {
		d.indexed = map[ast.Node]map[string]Entry{}
	}
	d.indexed[v.Node] = entries
	return entries
}
