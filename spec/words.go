package spec

import (
	"strings"
)

// A flaw is a place in a command that keeps it from being run. Sign is what
// stands there; open says that it is a quote or a backslash that protects
// nothing, otherwise it is something that only a shell could act on.
type flaw struct {
	at   int // byte of the command
	sign string
	open bool
}

// splitWords splits a command as the driver does when it starts one, so that
// what is checked here is what happens there: as a shell would, with no shell
// behind it. Blanks separate, but not inside ${…}; quotes and backslashes
// protect; nothing is expanded. A dollar sign that a backslash protects becomes
// $$, which expansion reads as a plain one.
func splitWords(command string) ([]string, []flaw) {
	s := &splitter{text: command}
	for s.at < len(s.text) {
		s.step()
	}
	s.end()
	return s.words, s.flaws
}

type splitter struct {
	text   string
	at     int
	word   strings.Builder
	inWord bool // "" is a word, nothing is none
	braces int  // ${ not closed yet
	words  []string
	flaws  []flaw
}

const shellOperators = "|&;<>()`"

func (s *splitter) step() {
	switch c := s.text[s.at]; {
	case c == '\'':
		s.single()
	case c == '"':
		s.double()
	case c == '\\' && s.at+1 == len(s.text):
		s.flaws = append(s.flaws, flaw{at: s.at, sign: `\`, open: true})
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
	s.flaws = append(s.flaws, flaw{at: s.at, sign: sign})
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
			s.flaws = append(s.flaws, flaw{at: s.at, sign: rest[:1]})
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
	s.flaws = append(s.flaws, flaw{at: s.at, sign: s.text[s.at : s.at+1], open: true})
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

// joinWords writes arguments so that splitting gives them back. Double quotes
// are used, never single ones, around references, which then mean the same to
// whoever reads quotes as a shell does.
func joinWords(arguments []string) string {
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
