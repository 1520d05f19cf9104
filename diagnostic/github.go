package diagnostic

import (
	"fmt"
	"strings"
)

// GitHub shows problems as GitHub's workflow commands, a line each: it puts them
// beside the lines of a pull request, ten errors and ten warnings of a step. File
// names are as the user typed them, which are right when check runs in the root
// of the repository.
func GitHub(problems []Problem) string {
	var out strings.Builder
	for _, p := range problems {
		out.WriteString(Annotation(p.Severity, p.File, p.Place, string(p.Code), annotation(p)))
	}
	return out.String()
}

// Annotation is one of GitHub's workflow commands: text beside a place of a file,
// or, where no file is named, beside the whole.
func Annotation(severity Severity, file string, at Place, title, text string) string {
	if file == "" {
		return fmt.Sprintf("::%s title=%s::%s\n", severity, property(title), data(text))
	}
	place := fmt.Sprintf("line=%d", max(at.Line, 1))
	if at.Width > 0 {
		place += fmt.Sprintf(",col=%d,endColumn=%d", at.Column, at.Column+at.Width)
	}
	return fmt.Sprintf("::%s file=%s,%s,title=%s::%s\n", severity, property(file), place, property(title), data(text))
}

// annotation is what is said of a problem where its lines are seen anyway.
func annotation(p Problem) string {
	lines := []string{p.Message}
	for _, rest := range []struct{ word, text string }{{word: "", text: p.Label}, {word: "note: ", text: p.Note}, {word: "help: ", text: p.Help}} {
		if rest.text != "" {
			lines = append(lines, rest.word+rest.text)
		}
	}
	return strings.Join(lines, "\n")
}

// data and property escape text as the commands demand; what is written in a
// file must not become a command of its own.
func data(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", oldCommand, "## [").Replace(text)
}

func property(text string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(data(text))
}

// oldCommand begins a command of GitHub's first kind, anywhere in a line; those
// of its second kind begin a line with colons.
const oldCommand = "##["

// NoCommand is a line of plain text that GitHub does not take for a command,
// whatever stands in it.
func NoCommand(line string) string {
	line = strings.ReplaceAll(line, oldCommand, "## [")
	if strings.HasPrefix(strings.TrimSpace(line), "::") {
		return strings.Replace(line, "::", ": :", 1)
	}
	return line
}
