package spec

import (
	"fmt"
	"strings"
)

// Render shows problems as rustc shows its own: what, where, the line with the
// place underlined, why, and what to do. Words carry the meaning; color adds
// ANSI colours and nothing else. Nothing of the text reaches the terminal but
// printable characters.
func Render(file File, problems []Problem, color bool) string {
	p := printer{lines: strings.Split(plainText(file), "\n"), color: color}
	for i, problem := range problems {
		if i > 0 {
			p.out.WriteByte('\n')
		}
		p.problem(problem)
	}
	return p.out.String()
}

// ANSI styles, the ones rustc uses.
const (
	styleError   = "1;31"
	styleWarning = "1;33"
	styleRail    = "1;34"
	styleStrong  = "1"
)

type printer struct {
	out   strings.Builder
	lines []string
	color bool
}

func (p *printer) styled(style, text string) string {
	if !p.color || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

func (p *printer) problem(problem Problem) {
	style := styleError
	if problem.Severity == Warning {
		style = styleWarning
	}
	gutter := strings.Repeat(" ", max(len(fmt.Sprint(problem.Line)), 2))
	head := fmt.Sprintf("%s[%s]", problem.Severity, problem.Code)
	fmt.Fprintf(&p.out, "%s%s\n", p.styled(style, head), p.styled(styleStrong, ": "+problem.Message))
	fmt.Fprintf(&p.out, "%s%s %s:%d:%d\n", gutter, p.styled(styleRail, "-->"), problem.File, problem.Line, problem.Column)
	if problem.Width > 0 && problem.Line <= len(p.lines) {
		p.excerpt(problem, gutter, style)
	}
	for _, rest := range []struct{ word, text string }{{word: "note", text: problem.Note}, {word: "help", text: problem.Help}} {
		if rest.text != "" {
			fmt.Fprintf(&p.out, "%s %s %s\n", gutter, p.styled(styleRail, "="), p.styled(styleStrong, rest.word+":")+" "+rest.text)
		}
	}
}

func (p *printer) excerpt(problem Problem, gutter, style string) {
	rail := p.styled(styleRail, "|")
	line, column := window(p.lines[problem.Line-1], problem.Column)
	width := max(min(problem.Width, len([]rune(line))-column+1), 1)
	underline := strings.TrimSpace(strings.Repeat("^", width) + " " + problem.Label)
	number := fmt.Sprintf("%*d", len(gutter), problem.Line)
	fmt.Fprintf(&p.out, "%s %s\n", gutter, rail)
	fmt.Fprintf(&p.out, "%s %s %s\n", p.styled(styleRail, number), rail, line)
	fmt.Fprintf(&p.out, "%s %s %s%s\n", gutter, rail, strings.Repeat(" ", column-1), p.styled(style, underline))
}

// window is the part of a line that can be shown, and where the column is in it.
// A line that is longer than a screen is cut around the place.
func window(line string, column int) (string, int) {
	const most, before = 120, 40
	shown := []rune(line)
	for i := range shown {
		shown[i] = visible(shown[i])
	}
	column = min(max(column, 1), len(shown)+1)
	if column > most-before {
		cut := column - before
		shown = append([]rune{'…'}, shown[cut:]...)
		column -= cut - 1
	}
	if len(shown) > most {
		shown = append(shown[:most-1:most-1], '…')
	}
	return string(shown), column
}
