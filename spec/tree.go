package spec

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"holdfast"
)

// tree is the YAML tree of the text, or nil when there is none to speak of,
// which has been reported then.
func (r *reader) tree() ast.Node {
	text, ok := r.text()
	if !ok {
		return nil
	}
	tokens := lexer.Tokenize(text)
	if r.reportLimits(tokens) {
		return nil
	}
	parsed, err := parse(tokens)
	if err != nil {
		r.reportSyntax(err)
		return nil
	}
	root := r.onlyDocument(parsed)
	if root == nil {
		return nil
	}
	r.aliases = r.followAliases(root)
	r.reportUnseen(tokens)
	return root
}

// text is the file as text that the grammar can be asked about.
func (r *reader) text() (string, bool) {
	text := plainText(r.file)
	if len(text) > maxText {
		r.report(beginning(), Problem{Code: tooLong, Message: fmt.Sprintf("the file is %d bytes long, more than 1 MiB", len(text)), Help: "is this the file you meant?"})
		return "", false
	}
	r.lines = strings.Split(text, "\n")
	if at, ok := firstInvalid(text); ok {
		r.report(at, Problem{Code: notUTF8, Message: "the file is not UTF-8 text", Label: "the first byte that is not", Help: "save the file as UTF-8; it may be UTF-16 or Latin-1 now, or not be text at all"})
		return "", false
	}
	return text, !r.reportEmptyRun()
}

// plainText is a file's text without what some editors add: a mark of the byte
// order, and carriage returns.
func plainText(file File) string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(string(file.Text), "\ufeff"))
}

func firstInvalid(text string) (place, bool) {
	at := place{line: 1, column: 1, width: 1}
	for i, c := range text {
		if c == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				return at, true
			}
		}
		if at.column++; c == '\n' {
			at.line, at.column = at.line+1, 1
		}
	}
	return place{}, false
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
func (r *reader) reportSyntax(err error) {
	var syntax *yaml.SyntaxError
	if !errors.As(err, &syntax) {
		r.report(beginning(), Problem{Code: badSyntax, Message: err.Error(), Help: "remove half of it to find the lines it stumbles over"})
		return
	}
	if syntax.Token == nil {
		r.report(beginning(), Problem{Code: badSyntax, Message: "not YAML: " + syntax.Message})
		return
	}
	if strings.Contains(syntax.Message, "'\t'") && r.reportTabs() {
		return
	}
	r.report(r.placeOf(syntax.Token), Problem{
		Code:    badSyntax,
		Message: "not YAML: " + plainly(syntax.Message),
		Note:    "nothing after this place has been read",
		Help:    remedyFor(syntax.Message),
	})
}

func (r *reader) reportTabs() bool {
	found := false
	for i, line := range r.lines {
		blank := len(line) - len(strings.TrimLeft(line, " \t"))
		tab := strings.IndexByte(line[:blank], '\t')
		if tab < 0 || strings.TrimSpace(line) == "" {
			continue
		}
		found = true
		r.report(place{line: i + 1, column: tab + 1, width: blank - tab}, Problem{
			Code: tabIndent, Message: "this line is indented with a tab", Label: "YAML allows spaces only", Help: "indent with two spaces",
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
	return shown(message)
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
func (r *reader) onlyDocument(file *ast.File) ast.Node {
	var root ast.Node
	for _, document := range file.Docs {
		switch document.Body.(type) {
		case nil, *ast.DirectiveNode:
			continue
		}
		if root != nil {
			at := r.placeOf(document.Body.GetToken())
			if document.Start != nil {
				at = r.placeOf(document.Start)
			}
			r.report(at, Problem{Code: manyDocuments, Message: "a second YAML document begins here", Label: "one file is one system", Help: "put it in a file of its own, or remove this line to make it one"})
			return nil
		}
		root = document.Body
	}
	if root == nil {
		r.report(beginning(), Problem{Code: emptyFile, Message: "the file says nothing", Help: smallest})
	}
	return root
}

const smallest = "the smallest file is three lines: `name: shop`, `services: {web: {command: ./web, ports: [\"8080\"]}}`, `owner: you`"

// placeOf is where a token stands. The grammar counts lines and characters from
// 1; the width is that of the token's first line.
func (r *reader) placeOf(tk *token.Token) place {
	if tk == nil || tk.Position == nil {
		return beginning()
	}
	first, _, _ := strings.Cut(strings.TrimSpace(tk.Origin), "\n")
	width := max(utf8.RuneCountInString(strings.TrimRight(first, " ")), 1)
	return r.within(place{line: tk.Position.Line, column: tk.Position.Column, width: width})
}

// within is a place cut to what there is of the text. The grammar's own places
// are sometimes beyond it.
func (r *reader) within(at place) place {
	if len(r.lines) == 0 {
		return beginning()
	}
	at.line = min(max(at.line, 1), len(r.lines))
	length := utf8.RuneCountInString(r.lines[at.line-1])
	at.column = min(max(at.column, 1), length+1)
	at.width = min(at.width, max(length+1-at.column, 1))
	return at
}

// dollar is the place of a reference: of the n-th dollar sign, from 0, in or
// below what stands at a place, since a value may go on in the lines below. What
// cannot be found there, because YAML wrote it in another way, is the whole.
func (r *reader) dollar(at place, n int, source string) place {
	for line, from := at.line, at.column-1; line <= len(r.lines); line, from = line+1, 0 {
		text := []rune(r.lines[line-1])
		for column := from; column < len(text); column++ {
			if text[column] != '$' {
				continue
			}
			if n--; n < 0 {
				return place{line: line, column: column + 1, width: min(utf8.RuneCountInString(source), len(text)-column)}
			}
		}
	}
	return at
}

// locate is the place of a part of what stands at a place, as far as it can be
// found there again; otherwise the whole.
func (r *reader) locate(at place, part string) place {
	line := []rune(r.lines[at.line-1])
	if at.column > len(line) || part == "" {
		return at
	}
	rest := string(line[at.column-1:])
	before, _, ok := strings.Cut(rest, part)
	if !ok {
		return at
	}
	return place{line: at.line, column: at.column + utf8.RuneCountInString(before), width: utf8.RuneCountInString(part)}
}
