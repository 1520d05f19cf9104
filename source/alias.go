package source

import (
	"slices"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"holdfast/diagnostic"
)

// An aliasWalk goes through the tree in the order of the text, because an alias
// means the last anchor of its name before it. open are the anchors it is
// inside of: an alias to one of them would have no end. seen are the tokens of
// the text that became part of the tree.
type aliasWalk struct {
	document *Document
	seen     map[*token.Token]bool
	anchor   map[string]ast.Node
	names    []string
	open     []string
}

// followAliases finds where every alias leads, under x- keys too, and reports
// those that lead nowhere or into themselves. What it leaves has no circles. It
// notes the tokens that it comes by.
func (d *Document) followAliases(root ast.Node, seen map[*token.Token]bool) {
	if d.aliases == nil {
		d.aliases = map[*ast.AliasNode]ast.Node{}
	}
	walk := &aliasWalk{document: d, seen: seen, anchor: map[string]ast.Node{}}
	walk.into(root)
}

func (w *aliasWalk) into(node ast.Node) {
	if node == nil {
		return
	}
	w.seen[node.GetToken()] = true
	switch node := node.(type) {
	case *ast.MappingNode:
		for _, entry := range node.Values {
			w.into(entry)
		}
	case *ast.MappingValueNode:
		w.into(node.Key)
		w.into(node.Value)
	case *ast.MappingKeyNode:
		w.into(node.Value)
	case *ast.SequenceNode:
		for _, item := range node.Values {
			w.into(item)
		}
	case *ast.LiteralNode:
		w.into(node.Value)
	case *ast.TagNode:
		w.into(node.Value)
	case *ast.AnchorNode:
		w.throughAnchor(node)
	case *ast.AliasNode:
		w.throughAlias(node)
	}
}

func (w *aliasWalk) throughAnchor(node *ast.AnchorNode) {
	name := Text(node.Name)
	w.seen[node.Name.GetToken()] = true
	w.open = append(w.open, name)
	w.into(node.Value)
	w.open = w.open[:len(w.open)-1]
	w.anchor[name] = node.Value
	w.names = append(w.names, name)
}

func (w *aliasWalk) throughAlias(node *ast.AliasNode) {
	name := Text(node.Value)
	w.seen[node.Value.GetToken()] = true
	at := w.document.placeOf(node.Start)
	at.Width = 1 + w.document.placeOf(node.Value.GetToken()).Width
	target, ok := w.anchor[name]
	switch {
	case slices.Contains(w.open, name):
		w.document.Report(at, diagnostic.Problem{Code: BadAlias, Message: "the alias " + diagnostic.Tick("*"+name) + " is part of what it stands for", Help: "move the anchor so that it does not contain the alias"})
	case !ok:
		w.document.Report(at, diagnostic.Problem{Code: BadAlias, Message: "no anchor " + diagnostic.Tick("&"+name) + " comes before this alias", Help: diagnostic.DidYouMean("*", diagnostic.Nearest(name, w.names), "write "+diagnostic.Tick("&"+name)+" before the value that it stands for, further up")})
	default:
		w.document.aliases[node] = target
	}
}

// reportUnseen finds words of the text that did not become part of the tree. The
// grammar is lenient in places, and nothing is dropped silently.
func (d *Document) reportUnseen(tokens token.Tokens, seen map[*token.Token]bool) {
	for _, tk := range tokens {
		switch tk.Type {
		case token.StringType, token.SingleQuoteType, token.DoubleQuoteType, token.IntegerType, token.FloatType, token.BoolType,
			token.HexIntegerType, token.OctetIntegerType, token.BinaryIntegerType, token.InfinityType, token.NanType, token.NullType:
			if !seen[tk] && !inDirective(tk) {
				d.Report(d.placeOf(tk), diagnostic.Problem{Code: BadSyntax, Message: "this is not part of any value", Help: "look at its indentation, and at the line before"})
			}
		}
	}
}

// inDirective says that a token belongs to a `%YAML 1.2` line.
func inDirective(tk *token.Token) bool {
	for before := tk.Prev; before != nil && before.Position.Line == tk.Position.Line; before = before.Prev {
		if before.Type == token.DirectiveType {
			return true
		}
	}
	return false
}

// Text is the text of a scalar as the grammar understood it.
func Text(node ast.Node) string {
	if node == nil || node.GetToken() == nil {
		return ""
	}
	return node.GetToken().Value
}
