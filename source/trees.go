package source

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"

	"holdfast/diagnostic"
)

// Trees are the YAML trees of a text that holds several documents, in its order.
// Each is parsed by itself: what is wrong with one hides nothing of the others,
// and the time grows with their number and not with its square (the grammar takes
// 75 s for 200,000 documents at once). Anchors hold in their own document only.
func (d *Document) Trees() []ast.Node {
	text, ok := d.text()
	if !ok {
		return nil
	}
	var all []ast.Node
	tokens := 0
	empty := true
	for _, part := range documents(text) {
		if d.Problems.Full() {
			return all
		}
		found := d.tokensOf(part)
		if tokens += len(found); d.reportTooMany(tokens) {
			return all
		}
		roots, said := d.rootsOf(found)
		all, empty = append(all, roots...), empty && !said
	}
	if empty {
		d.reportEmpty()
	}
	return all
}

// A part is the text of one document and the lines before it.
type part struct {
	text   string
	before int
}

// documents cuts a text before each line that begins a document. No value of YAML
// has such a line inside: not at the beginning of a line. What comes before the
// first, a %YAML line perhaps, belongs to it.
func documents(text string) []part {
	var all []part
	start, before, number, prelude := 0, 0, 0, true
	at := 0
	for line := range strings.Lines(text) {
		if begins(line) && !prelude {
			all = append(all, part{text: text[start:at], before: before})
			start, before = at, number
		}
		prelude = prelude && (line[0] == '%' || line[0] == '#' || strings.TrimSpace(line) == "")
		number++
		at += len(line)
	}
	return append(all, part{text: text[start:], before: before})
}

func begins(line string) bool {
	rest, dashes := strings.CutPrefix(line, "---")
	return dashes && (rest == "" || strings.ContainsRune(" \t\n", rune(rest[0])))
}

// tokensOf are the tokens of a part, each where it stands in the whole text.
func (d *Document) tokensOf(p part) token.Tokens {
	tokens := lexer.Tokenize(p.text)
	if p.before == 0 {
		return tokens
	}
	moved := map[*token.Position]bool{}
	for _, tk := range tokens {
		if tk.Position != nil && !moved[tk.Position] {
			tk.Position.Line += p.before
			moved[tk.Position] = true
		}
	}
	return tokens
}

// rootsOf are the trees of one part, mostly one: a line `...` ends a document
// too. said is that it says something, be it wrong.
func (d *Document) rootsOf(tokens token.Tokens) (roots []ast.Node, said bool) {
	if d.reportLimits(tokens) {
		return nil, true
	}
	parsed, err := parse(tokens)
	if err != nil {
		d.reportSyntax(err)
		return nil, true
	}
	seen := map[*token.Token]bool{}
	for _, document := range parsed.Docs {
		switch document.Body.(type) {
		case nil, *ast.DirectiveNode, *ast.CommentGroupNode, *ast.NullNode:
			continue
		}
		d.followAliases(document.Body, seen)
		roots = append(roots, document.Body)
	}
	if len(roots) > 0 {
		d.reportUnseen(tokens, seen)
	}
	return roots, len(roots) > 0
}

func (d *Document) reportEmpty() {
	d.Report(diagnostic.Beginning(), diagnostic.Problem{Code: EmptyFile, Message: "the file says nothing", Help: d.kind.Smallest})
}
