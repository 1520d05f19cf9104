package spec

import "strings"

// A word is an argument of a command. Bare says that nothing of it was quoted,
// so that a shell would have taken an operator for one.
type word struct {
	text string
	bare bool
}

// splitWords splits a command as a POSIX shell splits a simple one: blanks
// separate, quotes and backslashes protect, nothing is expanded. When a quote
// or a backslash is left open it returns that character instead of words.
func splitWords(command string) (words []word, open string) {
	var current strings.Builder
	inside, bare := false, true
	flush := func() {
		if inside {
			words = append(words, word{text: current.String(), bare: bare})
		}
		current.Reset()
		inside, bare = false, true
	}
	for i := 0; i < len(command); i++ {
		switch c := command[i]; c {
		case ' ', '\t', '\n', '\r':
			flush()
		case '\'', '"', '\\':
			text, next, ok := quoted(command, i)
			if !ok {
				return nil, string(c)
			}
			current.WriteString(text)
			inside, bare, i = true, false, next-1
		default:
			current.WriteByte(c)
			inside = true
		}
	}
	flush()
	return words, ""
}

// quoted reads what is protected from i on, and returns it with the index after
// it.
func quoted(command string, i int) (text string, next int, ok bool) {
	switch command[i] {
	case '\\':
		if i+1 == len(command) {
			return "", 0, false
		}
		if command[i+1] == '\n' { // a line continued
			return "", i + 2, true
		}
		return command[i+1 : i+2], i + 2, true
	case '\'':
		end := strings.IndexByte(command[i+1:], '\'')
		if end < 0 {
			return "", 0, false
		}
		return command[i+1 : i+1+end], i + end + 2, true
	default:
		return doubleQuoted(command, i)
	}
}

// doubleQuoted reads "…", in which a backslash protects only what would
// otherwise mean something there.
func doubleQuoted(command string, i int) (text string, next int, ok bool) {
	var b strings.Builder
	for j := i + 1; j < len(command); j++ {
		switch c := command[j]; {
		case c == '"':
			return b.String(), j + 1, true
		case c == '\\' && j+1 < len(command) && strings.IndexByte("$`\"\\\n", command[j+1]) >= 0:
			if j++; command[j] != '\n' {
				b.WriteByte(command[j])
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", 0, false
}

// joinWords writes arguments so that splitting gives them back. Double quotes
// are used, never single ones, so that references to variables stay references
// for whoever reads quotes as a shell does.
func joinWords(arguments []string) string {
	quoted := make([]string, len(arguments))
	for i, argument := range arguments {
		quoted[i] = quoteWord(argument)
	}
	return strings.Join(quoted, " ")
}

func quoteWord(argument string) string {
	plain := strings.IndexFunc(argument, func(c rune) bool { return !strings.ContainsRune(plainCharacters, c) }) < 0
	if plain && argument != "" {
		return argument
	}
	// A backtick needs no protection where there is no shell, and one that were
	// escaped in double quotes would be read differently by different splitters.
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\"'`'\"").Replace(argument)
	return `"` + escaped + `"`
}

const plainCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,@%+${}"
