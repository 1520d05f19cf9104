package source

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"holdfast"
	"holdfast/diagnostic"
)

// Tree is the YAML tree of the text, or nil when there is none to speak of,
// which has been reported then.
func (d *Document) Tree() ast.Node {
	text, ok := d.text()
	if !ok {
		return nil
	}
	tokens := lexer.Tokenize(text)
	if d.reportLimits(tokens) {
		return nil
	}
	parsed, err := parse(tokens)
	if err != nil {
		d.reportSyntax(err)
		return nil
	}
	root := d.onlyDocument(parsed)
	if root == nil {
		return nil
	}
	seen := map[*token.Token]bool{}
	d.followAliases(root, seen)
	d.reportUnseen(tokens, seen)
	return root
}

// text is the file as text that the grammar can be asked about.
func (d *Document) text() (string, bool) {
	text := d.File.Plain()
	if most := d.kind.Limits.Bytes; len(text) > most {
		d.Report(diagnostic.Beginning(), diagnostic.Problem{Code: TooLong, Message: fmt.Sprintf("the file is %d bytes long, more than %d MiB", len(text), most>>20), Help: "is this the file you meant?"})
		return "", false
	}
	d.lines = strings.Split(text, "\n")
	d.lengths = slices.Repeat([]int{-1}, len(d.lines))
	if at, ok := firstInvalid(text); ok {
		d.Report(at, diagnostic.Problem{Code: NotUTF8, Message: "the file is not UTF-8 text", Label: "the first byte that is not", Help: "save the file as UTF-8; it may be UTF-16 or Latin-1 now, or not be text at all"})
		return "", false
	}
	return text, !d.reportEmptyRun()
}

// firstInvalid is where a text stops being one. A NUL is UTF-8 and in no text:
// what holds one is a program, or UTF-16 without a mark.
func firstInvalid(text string) (diagnostic.Place, bool) {
	at := diagnostic.Place{Line: 1, Column: 1, Width: 1}
	for i, c := range text {
		if c == 0 {
			return at, true
		}
		if c == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				return at, true
			}
		}
		if at.Column++; c == '\n' {
			at.Line, at.Column = at.Line+1, 1
		}
	}
	return diagnostic.Place{}, false
}

// parse asks the grammar, which is not ours: should it panic over a text, that
// is a text which cannot be read, and not the end of the program that asked.
func parse(tokens token.Tokens) (file *ast.File, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = errUnreadable
		}
	}()
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

const errUnreadable = holdfast.Refusal("the YAML parser does not understand this file")

// reportSyntax says where the grammar stopped. It stops at the first mistake, so
// nothing after it has been looked at, except for tabs: whoever indents one line
// with a tab indents many.
func (d *Document) reportSyntax(err error) {
	var syntax *yaml.SyntaxError
	if !errors.As(err, &syntax) {
		d.Report(diagnostic.Beginning(), diagnostic.Problem{Code: BadSyntax, Message: err.Error(), Help: "remove half of it to find the lines it stumbles over"})
		return
	}
	if syntax.Token == nil {
		d.Report(diagnostic.Beginning(), diagnostic.Problem{Code: BadSyntax, Message: "not YAML: " + syntax.Message})
		return
	}
	if strings.Contains(syntax.Message, "'\t'") && d.reportTabs() {
		return
	}
	d.Report(d.placeOf(syntax.Token), diagnostic.Problem{
		Code:    BadSyntax,
		Message: "not YAML: " + plainly(syntax.Message),
		Note:    d.unread(),
		Help:    remedyFor(syntax.Message),
	})
}

func (d *Document) unread() string {
	if d.kind.Many {
		return "nothing of this YAML document has been read; the documents before and after it have"
	}
	return "nothing after this place has been read"
}

func (d *Document) reportTabs() bool {
	found := false
	for i, line := range d.lines {
		blank := len(line) - len(strings.TrimLeft(line, " \t"))
		tab := strings.IndexByte(line[:blank], '\t')
		if tab < 0 || strings.TrimSpace(line) == "" {
			continue
		}
		found = true
		d.Report(diagnostic.Place{Line: i + 1, Column: tab + 1, Width: blank - tab}, diagnostic.Problem{
			Code: TabIndent, Message: "this line is indented with a tab", Label: "YAML allows spaces only", Help: "indent with two spaces",
		})
	}
	return found
}

// plainly and remedyFor turn what the grammar says into what a person who does
// not know its inside can use.
func plainly(message string) string {
	for _, known := range syntaxMessages() {
		if strings.Contains(message, known.grammar) {
			return known.plain
		}
	}
	return diagnostic.Shown(message)
}

func remedyFor(message string) string {
	for _, known := range syntaxMessages() {
		if strings.Contains(message, known.grammar) {
			return known.help
		}
	}
	return "look at the indentation, the brackets and the quotes here and in the line before"
}

type syntaxMessage struct{ grammar, plain, help string }

func syntaxMessages() []syntaxMessage {
	return []syntaxMessage{
		{grammar: "mapping value is not allowed", plain: "a second `:` in one value", help: "put quotes around a value that contains `: `, or look at the indentation of the next line"},
		{grammar: "map key-value is pre-defined", plain: "something follows a value that has ended", help: "put quotes around the whole value, or look at the indentation"},
		{grammar: "value is not allowed in this context", plain: "this does not belong to anything", help: "look at its indentation: it must be exactly that of its neighbours"},
		{grammar: "non-map value is specified", plain: "a key with `:` is expected here", help: "write `key: value`, or look at the indentation"},
		{grammar: "sequence end token ']'", plain: "a `[` that is never closed", help: "close the list with `]`"},
		{grammar: "',' or ']'", plain: "a `[` that is not closed before this", help: "close the list with `]`, or put a `,` between its items"},
		{grammar: "'}'", plain: "a `{` that is not closed", help: "close the mapping with `}`, or put a `,` between its entries"},
		{grammar: "end character of double-quoted", plain: "a `\"` that is never closed", help: "close the text with `\"`"},
		{grammar: "end character of single-quoted", plain: "a `'` that is never closed", help: "close the text with `'`; an apostrophe inside is written `''`"},
		{grammar: "is a reserved character", plain: "a value cannot begin with this character", help: "put quotes around the value"},
		{grammar: "unexpected directive value", plain: "a value cannot begin with `%`", help: "put quotes around the value"},
		{grammar: "undefined anchor value", plain: "an anchor without a value", help: "put the value after `&name`"},
	}
}

// onlyDocument is the one document of the file. An empty one after a closing
// `---` counts for nothing, and neither does a %YAML line.
func (d *Document) onlyDocument(file *ast.File) ast.Node {
	var root ast.Node
	for _, document := range file.Docs {
		switch document.Body.(type) {
		case nil, *ast.DirectiveNode:
			continue
		}
		if root != nil {
			at := d.placeOf(document.Body.GetToken())
			if document.Start != nil {
				at = d.placeOf(document.Start)
			}
			d.Report(at, diagnostic.Problem{Code: ManyDocuments, Message: "a second YAML document begins here", Label: "one file is one system", Help: "put it in a file of its own, or remove this line to make it one"})
			return nil
		}
		root = document.Body
	}
	if root == nil {
		d.reportEmpty()
	}
	return root
}

// widest is how many bytes of a token are looked at to underline it: a text of a
// megabyte is looked at once for every alias that leads to it.
const widest = 4096

// placeOf is where a token stands. The grammar counts lines and characters from
// 1; the width is that of the token's first line.
func (d *Document) placeOf(tk *token.Token) diagnostic.Place {
	if tk == nil || tk.Position == nil {
		return diagnostic.Beginning()
	}
	origin := strings.TrimSpace(tk.Origin)
	first, _, _ := strings.Cut(origin[:min(len(origin), widest)], "\n")
	width := max(utf8.RuneCountInString(strings.TrimRight(first, " ")), 1)
	return d.within(diagnostic.Place{Line: tk.Position.Line, Column: tk.Position.Column, Width: width})
}

// within is a place cut to what there is of the text. The grammar's own places
// are sometimes beyond it.
func (d *Document) within(at diagnostic.Place) diagnostic.Place {
	if len(d.lines) == 0 {
		return diagnostic.Beginning()
	}
	at.Line = min(max(at.Line, 1), len(d.lines))
	length := d.length(at.Line)
	at.Column = min(max(at.Column, 1), length+1)
	at.Width = min(at.Width, max(length+1-at.Column, 1))
	return at
}

// length is that of a line in characters. A dump of one line is asked for it as
// often as it has values, so it is counted once.
func (d *Document) length(line int) int {
	if d.lengths[line-1] < 0 {
		d.lengths[line-1] = utf8.RuneCountInString(d.lines[line-1])
	}
	return d.lengths[line-1]
}

// Dollar is the place of a reference: of the n-th dollar sign, from 0, in or
// below what stands at a place, since a value may go on in the lines below. What
// cannot be found there, because YAML wrote it in another way, is the whole.
func (d *Document) Dollar(at diagnostic.Place, n int, source string) diagnostic.Place {
	for line, from := at.Line, at.Column-1; line <= len(d.lines); line, from = line+1, 0 {
		text := []rune(d.lines[line-1])
		for column := from; column < len(text); column++ {
			if text[column] != '$' {
				continue
			}
			if n--; n < 0 {
				return diagnostic.Place{Line: line, Column: column + 1, Width: min(utf8.RuneCountInString(source), len(text)-column)}
			}
		}
	}
	return at
}

// Locate is the place of a part of what stands at a place, as far as it can be
// found there again, and in a line that can be searched; otherwise the whole.
func (d *Document) Locate(at diagnostic.Place, part string) diagnostic.Place {
	if d.length(at.Line) > maxLine {
		return at
	}
	line := []rune(d.lines[at.Line-1])
	if at.Column > len(line) || part == "" {
		return at
	}
	rest := string(line[at.Column-1:])
	before, _, ok := strings.Cut(rest, part)
	if !ok {
		return at
	}
	return diagnostic.Place{Line: at.Line, Column: at.Column + utf8.RuneCountInString(before), Width: utf8.RuneCountInString(part)}
}
