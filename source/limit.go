package source

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/token"

	"holdfast/diagnostic"
)

// Limits are those of a text, all far beyond what people write. They are there
// because the grammar is not ours: its parser is recursive, and its work grows
// with the square of some of these.
type Limits struct {
	Bytes   int // of text
	Tokens  int // words and signs
	Entries int // of one mapping: the parser takes 3 s for 40,000 keys in one, and 50 s for 65,000 without values
	Items   int // of one list in brackets; lists of dashes are no work to the parser
	Values  int // that are read, each counted once for every way that leads to it
	Volume  int // bytes of the texts and keys that are read, counted in the same way
}

// written are the limits of what a person writes: a system of 5,000 services of
// ten lines each is 600 KiB and 250,000 tokens, and 1 MiB without aliases that
// means something holds fewer values than these. Of its bytes few are read
// twice.
func written() Limits {
	return Limits{Bytes: 1 << 20, Tokens: 250_000, Entries: 6_000, Items: 6_000, Values: 200_000, Volume: 4 << 20}
}

// Dumped are the limits of what a program writes out. 3,000 Deployments as
// kubectl prints them with all that it hides otherwise are 13 MB and 1.25 million
// tokens: the grammar takes 2 s and 550 MB for them on two slow cores. The worst
// text within these limits takes it 5 s.
func Dumped() Limits {
	return Limits{Bytes: 16 << 20, Tokens: 1_500_000, Entries: 2_000, Items: 50_000, Values: 4_000_000, Volume: 128 << 20}
}

const (
	// maxDepth bounds nesting. The file's own keys go six levels deep; the rest
	// is for what people keep under x- keys. Deep enough, the parser would use up
	// the stack, which ends the program.
	maxDepth = 64
	// maxEmptyLines bounds empty lines in a row: below a `|`, the parser takes
	// 16 s for 32,000 of them.
	maxEmptyLines = 100
	// maxLine bounds the lines in which something is searched for an underline's
	// sake: a dump may be one line of megabytes.
	maxLine = 10_000
)

// reportLimits says whether the tokens of a text are beyond what the parser can
// be asked about.
func (d *Document) reportLimits(tokens token.Tokens) bool {
	if d.reportTooMany(len(tokens)) {
		return true
	}
	if deep := tooDeepAt(tokens); deep != nil {
		d.Report(d.placeOf(deep), diagnostic.Problem{Code: TooDeep, Message: fmt.Sprintf("the file is nested deeper than %d levels", maxDepth), Help: "write it flatter"})
		return true
	}
	if crowded, most := tooManyAt(tokens, d.kind.Limits); crowded != nil {
		d.Report(d.placeOf(crowded), diagnostic.Problem{Code: TooLong, Message: fmt.Sprintf("more than %d entries in one mapping or list", most), Help: d.divide()})
		return true
	}
	return false
}

func (d *Document) reportTooMany(tokens int) bool {
	most := d.kind.Limits.Tokens
	if tokens > most {
		d.Report(diagnostic.Beginning(), diagnostic.Problem{Code: TooLong, Message: fmt.Sprintf("the file has %d words and signs, more than %d", tokens, most), Help: d.divide()})
	}
	return tokens > most
}

// divide is what becomes of a file that is too long.
func (d *Document) divide() string {
	if d.kind.Many {
		return "is this the file you meant? If so, read it in parts"
	}
	return "is this the file you meant? If so, make several systems of it"
}

// tooDeepAt finds the token at which nesting passes maxDepth: brackets opened
// and not closed, or dashes, question marks, tags and anchors in a row.
// Indentation needs no count of its own: 16 MiB of it are 5,792 levels at most,
// which the parser bears.
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

// tooManyAt finds the token at which one mapping, or one list in brackets, has
// more than it may have. Keys are counted by column: a key or a dash further to
// the left ends the mappings to the right of it.
func tooManyAt(tokens token.Tokens, limits Limits) (*token.Token, int) {
	var brackets []struct{ most, entries int } // each one that is open
	var columns []openMapping
	for _, tk := range tokens {
		open := len(brackets)
		switch {
		case tk.Type == token.MappingStartType:
			brackets = append(brackets, struct{ most, entries int }{most: limits.Entries})
		case tk.Type == token.SequenceStartType:
			brackets = append(brackets, struct{ most, entries int }{most: limits.Items})
		case open > 0 && (tk.Type == token.MappingEndType || tk.Type == token.SequenceEndType):
			brackets = brackets[:open-1]
		case open > 0 && tk.Type == token.CollectEntryType:
			inside := &brackets[open-1]
			if inside.entries++; inside.entries > inside.most {
				return tk, inside.most
			}
		case open == 0 && tk.Type == token.SequenceEntryType:
			columns = upTo(columns, tk.Position.Column)
		case open == 0 && tk.Type == token.MappingValueType && tk.Prev != nil:
			column := tk.Prev.Position.Column
			columns = upTo(columns, column)
			if len(columns) == 0 || columns[len(columns)-1].column < column {
				columns = append(columns, openMapping{column: column})
			}
			if columns[len(columns)-1].keys++; columns[len(columns)-1].keys > limits.Entries {
				return tk, limits.Entries
			}
		}
	}
	return nil, 0
}

// An openMapping is one that is not in brackets and may go on.
type openMapping struct{ column, keys int }

func upTo(open []openMapping, column int) []openMapping {
	for len(open) > 0 && open[len(open)-1].column > column {
		open = open[:len(open)-1]
	}
	return open
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
