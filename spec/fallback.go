package spec

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/source"
)

// fallback reads what is answered in a dependency's place, and where the service
// that is asked instead is named.
func (r *reader) fallback(into **holdfast.Fallback, service *diagnostic.Place) func(source.Value) {
	return func(v source.Value) {
		f := &holdfast.Fallback{}
		written := r.Keys(v, "a fallback", []source.Key{
			{Name: "json", Read: func(v source.Value) { f.Body = r.jsonText(v) }},
			{Name: "file", Read: scalar(r, &f.File, r.beside)},
			{Name: "service", Read: func(v source.Value) {
				scalar(r, &f.Service, name[holdfast.ServiceName])(v)
				*service = v.At
			}},
			{Name: "stale", Read: scalar(r, &f.Stale, duration)},
		})
		var said []string
		for _, key := range []string{"json", "file", "service"} {
			if _, one := written[key]; one {
				said = append(said, key)
			}
		}
		switch {
		case written == nil:
			return
		case len(said) > 1:
			r.Report(written[said[1]], diagnostic.Problem{Code: twoFallbacks, Message: "a fallback has both " + diagnostic.Tick(said[0]) + " and " + diagnostic.Tick(said[1]), Label: "which of them is answered?", Help: "remove one of them"})
		case len(written) == 0:
			r.Report(v.At, diagnostic.Problem{Code: source.EmptyValue, Message: "fallback is empty", Help: "write what is answered instead: `json: {items: []}`, `file: empty.json`, or `stale: 10m` for the last good answer"})
		}
		*into = f
	}
}

// beside is a path relative to the file's own folder.
func (r *reader) beside(text string) (string, *complaint) {
	if filepath.IsAbs(text) {
		return filepath.Clean(text), nil
	}
	return filepath.Join(r.File.Dir, text), nil
}

// jsonText is a value as JSON, in the order of the file and with nothing filled
// in: it is not for us. A text that is JSON already, an object or a list, is
// meant as such.
func (r *reader) jsonText(v source.Value) string {
	if source.IsNull(v) {
		r.Report(v.Key, diagnostic.Problem{Code: source.EmptyValue, Message: v.Name + " is empty", Help: "write what is answered: `json: {items: []}`, or `json: {}`"})
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
				r.Report(v.At, diagnostic.Problem{Code: source.WrongType, Message: "json: this text is not JSON", Help: "write it as YAML, without quotes around it: `json: {items: []}`"})
			}
		}
	}
	return out.String()
}

func (r *reader) writeJSON(out *bytes.Buffer, v source.Value) {
	switch n := v.Node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		r.writeObject(out, v)
	case *ast.SequenceNode:
		out.WriteByte('[')
		for i, node := range n.Values {
			if !r.Visit(v.At) {
				break
			}
			if i > 0 {
				out.WriteByte(',')
			}
			r.writeJSON(out, r.Value(node, v.Name, v.At))
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
		r.Report(v.At, diagnostic.Problem{Code: badNumber, Message: v.Name + ": " + diagnostic.Tick(source.Text(n)) + " is no number in JSON", Help: "put quotes around it to make it a text"})
	default:
		if text, ok := r.Scalar(v); ok {
			writePlain(out, text)
		}
	}
}

// writeObject writes every key: those that begin with x-, too, which are as free
// here as any other.
func (r *reader) writeObject(out *bytes.Buffer, v source.Value) {
	out.WriteByte('{')
	for i, e := range r.All(v) {
		if i > 0 {
			out.WriteByte(',')
		}
		writePlain(out, e.Key)
		out.WriteByte(':')
		r.writeJSON(out, e.Value)
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
