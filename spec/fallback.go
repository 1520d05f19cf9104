package spec

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"holdfast"
)

// fallback reads what is answered in a dependency's place.
func (r *reader) fallback(into **holdfast.Fallback) func(value) {
	return func(v value) {
		f := &holdfast.Fallback{}
		written := r.keys(v, "a fallback", []key{
			{name: "json", read: func(v value) { f.Body = r.jsonText(v) }},
			{name: "file", read: scalar(r, &f.File, r.beside)},
			{name: "stale", read: scalar(r, &f.Stale, duration)},
		})
		_, body := written["json"]
		at, file := written["file"]
		switch {
		case written == nil:
			return
		case body && file:
			r.report(at, Problem{Code: twoFallbacks, Message: "a fallback has both `json` and `file`", Label: "which of them is answered?", Help: "remove one of them"})
		case len(written) == 0:
			r.report(v.at, Problem{Code: emptyValue, Message: "fallback is empty", Help: "write what is answered instead: `json: {items: []}`, `file: empty.json`, or `stale: 10m` for the last good answer"})
		}
		*into = f
	}
}

// beside is a path relative to the file's own folder.
func (r *reader) beside(text string) (string, *complaint) {
	if filepath.IsAbs(text) {
		return filepath.Clean(text), nil
	}
	return filepath.Join(r.file.Dir, text), nil
}

// jsonText is a value as JSON, in the order of the file and with nothing filled
// in: it is not for us. A text that is JSON already, an object or a list, is
// meant as such.
func (r *reader) jsonText(v value) string {
	if isNull(v) {
		r.report(v.key, Problem{Code: emptyValue, Message: v.name + " is empty", Help: "write what is answered: `json: {items: []}`, or `json: {}`"})
		return ""
	}
	var out bytes.Buffer
	r.writeJSON(&out, v)
	var text string
	if json.Unmarshal(out.Bytes(), &text) == nil {
		text = strings.TrimSpace(text)
		if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
			out.Reset()
			if json.Compact(&out, []byte(text)) != nil {
				r.report(v.at, Problem{Code: wrongType, Message: "json: this text is not JSON", Help: "write it as YAML, without quotes around it: `json: {items: []}`"})
			}
		}
	}
	return out.String()
}

func (r *reader) writeJSON(out *bytes.Buffer, v value) {
	switch n := v.node.(type) {
	case *ast.MappingNode:
		r.writeObject(out, n.Values, v)
	case *ast.MappingValueNode:
		r.writeObject(out, []*ast.MappingValueNode{n}, v)
	case *ast.SequenceNode:
		out.WriteByte('[')
		for i, node := range n.Values {
			if !r.visit(v.at) {
				break
			}
			if i > 0 {
				out.WriteByte(',')
			}
			r.writeJSON(out, r.value(node, v.name, v.at))
		}
		out.WriteByte(']')
	case nil, *ast.NullNode:
		out.WriteString("null")
	case *ast.BoolNode:
		writePlain(out, n.Value)
	case *ast.IntegerNode:
		writePlain(out, n.Value)
	case *ast.FloatNode:
		writePlain(out, n.Value)
	case *ast.InfinityNode, *ast.NanNode:
		r.report(v.at, Problem{Code: badNumber, Message: v.name + ": " + tick(tokenText(n)) + " is no number in JSON", Help: "put quotes around it to make it a text"})
	case *ast.LiteralNode:
		writePlain(out, n.Value.Value)
	default:
		writePlain(out, tokenText(n))
	}
}

// writeObject writes every key: those that begin with x-, too, which are as free
// here as any other.
func (r *reader) writeObject(out *bytes.Buffer, nodes []*ast.MappingValueNode, v value) {
	own := distinct{index: map[string]int{}}
	var merged []ast.Node
	for _, node := range nodes {
		if !r.visit(v.at) {
			break
		}
		if node.Key.IsMergeKey() {
			merged = append(merged, node.Value)
			continue
		}
		e := r.entry(node)
		if first, twice := own.add(e); twice {
			r.reportDuplicate(first, e)
		}
	}
	for _, node := range merged {
		r.merge(&own, node, v)
	}
	out.WriteByte('{')
	for i, e := range own.entries {
		if i > 0 {
			out.WriteByte(',')
		}
		writePlain(out, e.key)
		out.WriteByte(':')
		r.writeJSON(out, e.value)
	}
	out.WriteByte('}')
}

// writePlain writes a text, number or truth value. HTML in a text stays as it
// is.
func writePlain(out *bytes.Buffer, plain any) {
	to := json.NewEncoder(out)
	to.SetEscapeHTML(false)
	if to.Encode(plain) == nil {
		out.Truncate(out.Len() - len("\n"))
	}
}
