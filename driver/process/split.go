package process

import (
	"errors"
	"fmt"
	"strings"
)

// split cuts a command into words as a shell would: blanks separate, single
// quotes keep everything, double quotes keep all but \ before $ ` " \ and a
// line's end, a backslash keeps the character after it. A blank inside ${…}
// does not separate. There is no shell behind it, so what only a shell could do
// is an error that says so, instead of an argument nobody meant.
//
// Variables are not filled in here but in the words (see expand), so that a
// value with blanks stays one argument. A dollar sign that a backslash kept
// comes out as $$, which expand reads as a plain one.
func split(command string) ([]string, error) {
	s := splitter{text: command}
	for s.at < len(s.text) {
		if err := s.step(); err != nil {
			return nil, err
		}
	}
	s.end()
	if len(s.words) == 0 {
		return nil, errors.New("the command is empty")
	}
	return s.words, nil
}

// A splitter is the state between two characters of a command.
type splitter struct {
	text   string
	at     int
	word   strings.Builder
	inWord bool // "" is a word, nothing is not
	braces int  // ${ not closed yet
	words  []string
}

func (s *splitter) step() error {
	c := s.text[s.at]
	switch {
	case c == '\'':
		return s.single()
	case c == '"':
		return s.double()
	case c == '\\':
		return s.backslash()
	case c == '`':
		return needsShell("`")
	case strings.HasPrefix(s.text[s.at:], "${"):
		s.braces++
		s.take(2)
	case c == '}' && s.braces > 0:
		s.braces--
		s.take(1)
	case s.braces > 0:
		s.take(1)
	case c == ' ' || c == '\t' || c == '\n':
		s.end()
		s.at++
	case strings.IndexByte("|&;<>()", c) >= 0:
		return needsShell(string(c))
	default:
		s.take(1)
	}
	return nil
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

func (s *splitter) single() error {
	length := strings.IndexByte(s.text[s.at+1:], '\'')
	if length < 0 {
		return errors.New("a ' of the command is never closed")
	}
	s.at++
	s.take(length)
	s.at++
	return nil
}

func (s *splitter) double() error {
	s.inWord = true
	for s.at++; s.at < len(s.text); {
		switch rest := s.text[s.at:]; {
		case rest[0] == '"':
			s.at++
			return nil
		case rest[0] == '`' || strings.HasPrefix(rest, "$("):
			return needsShell(rest[:1])
		case rest[0] == '\\' && len(rest) > 1 && strings.IndexByte("$`\"\\\n", rest[1]) >= 0:
			s.keep(rest[1])
		default:
			s.take(1)
		}
	}
	return errors.New(`a " of the command is never closed`)
}

func (s *splitter) backslash() error {
	if s.at+1 == len(s.text) {
		return errors.New("the command ends in a backslash that keeps nothing")
	}
	s.keep(s.text[s.at+1])
	return nil
}

// keep adds the character after a backslash. A line's end vanishes with its
// backslash: the command goes on in the next line.
func (s *splitter) keep(c byte) {
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

func needsShell(sign string) error {
	return fmt.Errorf("%s in the command needs a shell, and none runs it: quote it, or write sh -c '…'", sign)
}
