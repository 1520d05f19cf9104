package command

import (
	"fmt"
	"strings"
)

// A Variable is a line of an env_file. Without a value (Set is false) it means
// the caller's.
type Variable struct {
	Name  string
	Value string
	Set   bool
}

// A LineError is a line of an env_file that cannot be read. It never holds a
// value: those may be secrets.
type LineError struct {
	Line int // from 1
	Why  string
}

func (e LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Why) }

// EnvFile reads the file that env_file names, as Compose does: KEY=value lines,
// comments behind #, an export before the key. Single quotes keep everything,
// double quotes all but \n \r \t \" \\ \$, both over several lines. Unlike
// Compose nothing is filled in: a $ is a $, because passwords have them.
func EnvFile(text string) ([]Variable, error) {
	r := &envReader{lines: strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n")}
	var all []Variable
	for r.at < len(r.lines) {
		began := r.at
		v, ok, why := r.variable()
		if why != "" {
			return nil, LineError{Line: began + 1, Why: why}
		}
		if ok {
			all = append(all, v)
		}
	}
	return all, nil
}

// An envReader goes through a file line by line; a quoted value may take several.
type envReader struct {
	lines []string
	at    int
}

func (r *envReader) next() string {
	line := strings.TrimSuffix(r.lines[r.at], "\r")
	r.at++
	return line
}

func (r *envReader) variable() (v Variable, ok bool, why string) {
	line := strings.TrimSpace(r.next())
	if line == "" || line[0] == '#' {
		return v, false, ""
	}
	if rest, exported := strings.CutPrefix(line, "export"); exported && rest != strings.TrimLeft(rest, " \t") {
		line = strings.TrimLeft(rest, " \t")
	}
	name, value, set := strings.Cut(line, "=")
	name, value = strings.TrimSpace(name), strings.TrimLeft(value, " \t")
	if name == "" || LeadingName(name) != name {
		return v, false, "it does not begin with the name of a variable: write KEY=value"
	}
	if strings.ContainsRune(value, 0) {
		return v, false, name + " holds a zero byte, which no environment can"
	}
	v = Variable{Name: name, Set: set}
	switch {
	case !set:
		return v, true, ""
	case value != "" && (value[0] == '"' || value[0] == '\''):
		v.Value, why = r.quoted(name, value)
	default:
		v.Value = uncommented(value)
	}
	return v, why == "", why
}

// quoted reads from the opening quote to the closing one, behind which only a
// comment may stand.
func (r *envReader) quoted(name, from string) (value, why string) {
	quote, rest := from[0], from[1:]
	var b strings.Builder
	for {
		end := closingQuote(rest, quote)
		if end >= 0 {
			b.WriteString(rest[:end])
			rest = strings.TrimSpace(rest[end+1:])
			break
		}
		if r.at == len(r.lines) {
			return "", fmt.Sprintf("the %c of %s is never closed", quote, name)
		}
		b.WriteString(rest + "\n")
		rest = r.next()
	}
	if rest != "" && rest[0] != '#' {
		return "", "something follows the closing quote of " + name
	}
	if quote == '\'' {
		return b.String(), ""
	}
	return unescaped(b.String()), ""
}

// closingQuote is where a quote is closed, or -1. Within double quotes a backslash
// keeps the one behind it.
func closingQuote(text string, quote byte) int {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == quote:
			return i
		case text[i] == '\\' && quote == '"':
			i++
		}
	}
	return -1
}

func unescaped(text string) string {
	return strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t", `\"`, `"`, `\\`, `\`, `\$`, "$").Replace(text)
}

// uncommented is an unquoted value without the blanks around it and without a
// comment, which begins with a # behind a blank.
func uncommented(value string) string {
	for i := range value {
		if value[i] == '#' && (i == 0 || value[i-1] == ' ' || value[i-1] == '\t') {
			value = value[:i]
			break
		}
	}
	return strings.TrimRight(value, " \t")
}
