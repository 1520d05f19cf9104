package source

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/token"

	"holdfast/diagnostic"
)

// The limits of a text, all far beyond what people write. They are there because
// the grammar is not ours: its parser is recursive, and its work grows with the
// square of some of these.
const (
	// maxText bounds what is read. A system of 5,000 services is 600 KiB.
	maxText = 1 << 20
	// maxTokens is what 5,000 services of ten lines each need.
	maxTokens = 250_000
	// maxDepth bounds nesting. The file's own keys go six levels deep; the rest
	// is for what people keep under x- keys. Deep enough, the parser would use up
	// the stack, which ends the program.
	maxDepth = 64
	// maxEntries bounds one mapping or list in brackets: the parser takes 3 s for
	// 40,000 keys in one mapping, and 50 s for 65,000 without values.
	maxEntries = 6_000
	// maxEmptyLines bounds empty lines in a row: below a `|`, the parser takes
	// 16 s for 32,000 of them.
	maxEmptyLines = 100
)

// reportLimits says whether the tokens of a text are beyond what the parser can
// be asked about.
func (d *Document) reportLimits(tokens token.Tokens) bool {
	if len(tokens) > maxTokens {
		d.Report(diagnostic.Beginning(), diagnostic.Problem{Code: TooLong, Message: fmt.Sprintf("the file has %d words and signs, more than %d", len(tokens), maxTokens), Help: "is this the file you meant? If so, make several systems of it"})
		return true
	}
	if deep := tooDeepAt(tokens); deep != nil {
		d.Report(d.placeOf(deep), diagnostic.Problem{Code: TooDeep, Message: fmt.Sprintf("the file is nested deeper than %d levels", maxDepth), Help: "write it flatter"})
		return true
	}
	if crowded := tooManyAt(tokens); crowded != nil {
		d.Report(d.placeOf(crowded), diagnostic.Problem{Code: TooLong, Message: fmt.Sprintf("more than %d entries in one mapping or list", maxEntries), Help: "is this the file you meant? If so, make several systems of it"})
		return true
	}
	return false
}

// tooDeepAt finds the token at which nesting passes maxDepth: brackets opened
// and not closed, or dashes, question marks, tags and anchors in a row.
// Indentation needs no count of its own: 1 MiB of it is 1,448 levels at most.
func tooDeepAt(tokens token.Tokens) *token.Token {
	brackets, run := 0, 0
	for _, tk := range tokens {
		switch tk.Type {
		case token.MappingStartType, token.SequenceStartType:
			brackets++
		case token.MappingEndType, token.SequenceEndType:
			brackets--
		}
		switch tk.Type {
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType:
			run++
		default:
			run = 0
		}
		if brackets > maxDepth || run > maxDepth {
			return tk
		}
	}
	return nil
}

// tooManyAt finds the token at which one mapping, or one list in brackets,
// passes maxEntries. Keys are counted by column: a key further to the left ends
// the mappings to the right of it. Lists of dashes are no work to the parser.
func tooManyAt(tokens token.Tokens) *token.Token {
	var brackets []int // entries in each one that is open
	var columns []struct{ column, keys int }
	for _, tk := range tokens {
		entries := 0
		switch open := len(brackets); {
		case tk.Type == token.MappingStartType || tk.Type == token.SequenceStartType:
			brackets = append(brackets, 0)
		case open > 0 && (tk.Type == token.MappingEndType || tk.Type == token.SequenceEndType):
			brackets = brackets[:open-1]
		case open > 0 && tk.Type == token.CollectEntryType:
			brackets[open-1]++
			entries = brackets[open-1]
		case open == 0 && tk.Type == token.MappingValueType && tk.Prev != nil:
			column := tk.Prev.Position.Column
			for len(columns) > 0 && columns[len(columns)-1].column > column {
				columns = columns[:len(columns)-1]
			}
			if len(columns) == 0 || columns[len(columns)-1].column < column {
				columns = append(columns, struct{ column, keys int }{column: column})
			}
			columns[len(columns)-1].keys++
			entries = columns[len(columns)-1].keys
		}
		if entries > maxEntries {
			return tk
		}
	}
	return nil
}

// reportEmptyRun finds a run of empty lines that is too long.
func (d *Document) reportEmptyRun() bool {
	run := 0
	for i, line := range d.lines {
		if run++; strings.TrimSpace(line) != "" {
			run = 0
		}
		if run > maxEmptyLines {
			d.Report(diagnostic.Place{Line: i + 1, Column: 1}, diagnostic.Problem{Code: TooLong, Message: fmt.Sprintf("more than %d empty lines in a row", maxEmptyLines), Help: "remove some"})
			return true
		}
	}
	return false
}
