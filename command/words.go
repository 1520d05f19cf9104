// Package command is how commands and their variables are written: cut into
// words as a shell would, with no shell behind it, and filled in as Compose
// does. Who checks a file and who runs what it says both read them here, so that
// what was checked is what happens.
package command

import (
	"fmt"
	"strings"

	"holdfast"
)

// A Flaw is a place in a command that keeps it from being run. Sign is what
// stands there; Open says that it is a quote or a backslash that protects
// nothing, otherwise it is something that only a shell could act on.
type Flaw struct {
	At   int // byte of the command
	Sign string
	Open bool
}

func (f Flaw) Error() string {
	switch {
	case f.Open && f.Sign == `\`:
		return "the command ends in a backslash that keeps nothing"
	case f.Open:
		return fmt.Sprintf("a %s of the command is never closed", f.Sign)
	default:
		return fmt.Sprintf("%s in the command needs a shell, and none runs it: quote it, or write sh -c '…'", f.Sign)
	}
}

// Split cuts a command into words as a shell would: blanks separate, single
// quotes keep everything, double quotes keep all but \ before $ ` " \ and a
// line's end, a backslash keeps the character after it. A blank inside ${…}
// does not separate. There is no shell behind it, so what only a shell could do
// is a flaw, instead of an argument nobody meant.
//
// Variables are not filled in here but in the words (see Pieces), so that a
// value with blanks stays one argument. A dollar sign that a backslash kept
// comes out as $$, which Pieces reads as a plain one.
func Split(command string) ([]string, []Flaw) {
	s := &splitter{text: command}
	for s.at < len(s.text) {
		s.step()
	}
	s.end()
	return s.words, s.flaws
}

// A splitter is the state between two characters of a command.
type splitter struct {
	text   string
	at     int
	word   strings.Builder
	inWord bool // "" is a word, nothing is none
	braces int  // ${ not closed yet
	words  []string
	flaws  []Flaw
}

const shellOperators = "|&;<>()`"

func (s *splitter) step() {
	switch c := s.text[s.at]; {
	case c == '\'':
		s.single()
	case c == '"':
		s.double()
	case c == '\\' && s.at+1 == len(s.text):
		s.flaws = append(s.flaws, Flaw{At: s.at, Sign: `\`, Open: true})
		s.at++
	case c == '\\':
		s.keep()
	case strings.HasPrefix(s.text[s.at:], "${"):
		s.braces++
		s.take(2)
	case c == '}' && s.braces > 0:
		s.braces--
		s.take(1)
	case c != '`' && s.braces > 0:
		s.take(1)
	case c == ' ' || c == '\t' || c == '\n':
		s.end()
		s.at++
	case strings.IndexByte(shellOperators, c) >= 0:
		s.operator()
	default:
		s.take(1)
	}
}

// take adds the next n bytes to the word as they are.
func (s *splitter) take(n int) {
	s.inWord = true
	s.word.WriteString(s.text[s.at : s.at+n])
	s.at += n
}

func (s *splitter) end() {
	if s.inWord {
		s.words = append(s.words, s.word.String())
		s.word.Reset()
		s.inWord = false
	}
}

func (s *splitter) operator() {
	rest := s.text[s.at:]
	sign := rest[:len(rest)-len(strings.TrimLeft(rest, shellOperators))]
	s.flaws = append(s.flaws, Flaw{At: s.at, Sign: sign})
	s.end()
	s.at += len(sign)
}

func (s *splitter) single() {
	length := strings.IndexByte(s.text[s.at+1:], '\'')
	if length < 0 {
		s.unclosed()
		return
	}
	s.at++
	s.take(length)
	s.at++
}

func (s *splitter) double() {
	opened := s.at
	s.inWord = true
	for s.at++; s.at < len(s.text); {
		switch rest := s.text[s.at:]; {
		case rest[0] == '"':
			s.at++
			return
		case rest[0] == '`' || strings.HasPrefix(rest, "$("):
			s.flaws = append(s.flaws, Flaw{At: s.at, Sign: rest[:1]})
			s.take(1)
		case rest[0] == '\\' && len(rest) > 1 && strings.IndexByte("$`\"\\\n", rest[1]) >= 0:
			s.keep()
		default:
			s.take(1)
		}
	}
	s.at = opened
	s.unclosed()
}

// unclosed gives up on the rest: what is inside the quote cannot be told from
// what is behind it.
func (s *splitter) unclosed() {
	s.flaws = append(s.flaws, Flaw{At: s.at, Sign: s.text[s.at : s.at+1], Open: true})
	s.at = len(s.text)
}

// keep adds the character after a backslash. A line's end vanishes with it.
func (s *splitter) keep() {
	c := s.text[s.at+1]
	s.at += 2
	if c == '\n' {
		return
	}
	s.inWord = true
	if c == '$' {
		s.word.WriteByte('$')
	}
	s.word.WriteByte(c)
}

// Join writes arguments so that splitting gives them back. Double quotes
// are used, never single ones, around references, which then mean the same to
// whoever reads quotes as a shell does.
func Join(arguments []string) string {
	quoted := make([]string, len(arguments))
	for i, argument := range arguments {
		quoted[i] = quoteWord(argument)
	}
	return strings.Join(quoted, " ")
}

func quoteWord(argument string) string {
	if argument != "" && strings.Trim(argument, plainCharacters) == "" {
		return argument
	}
	// A backtick and a $( are a shell's even in double quotes, so they leave
	// those for single ones.
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\"'`'\"", "$(", `$"'('"`).Replace(argument)
	return `"` + escaped + `"`
}

const plainCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,@%+$"

// Stem is what the variables that lead to a service begin with: "CATALOG" of
// $CATALOG_URL, $CATALOG_HOST and $CATALOG_PORT.
func Stem(service holdfast.ServiceName) string {
	return strings.ToUpper(strings.ReplaceAll(string(service), "-", "_"))
}
