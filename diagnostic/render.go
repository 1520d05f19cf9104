package diagnostic

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Render shows problems as rustc shows its own: what, where, the lines with the
// places underlined, why, and what to do. Words carry the meaning; color adds
// ANSI colours and nothing else. texts are those of the files by name; of a file
// that is not there no line is shown. Nothing of a text reaches the terminal but
// printable characters.
func Render(texts map[string]string, problems []Problem, color bool) string {
	p := printer{lines: map[string][]string{}, color: color}
	for name, text := range texts {
		p.lines[name] = strings.Split(text, "\n")
	}
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
	lines map[string][]string // of each file
	color bool
}

func (p *printer) styled(style, text string) string {
	if !p.color || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

func styleOf(s Severity) string {
	if s == Warning {
		return styleWarning
	}
	return styleError
}

func (p *printer) problem(problem Problem) {
	marks := shownMarks(problem, len(p.lines[problem.File]))
	gutter := "  "
	for _, m := range marks {
		gutter = strings.Repeat(" ", max(len(fmt.Sprint(m.Line)), len(gutter)))
	}
	head := fmt.Sprintf("%s[%s]", problem.Severity, problem.Code)
	fmt.Fprintf(&p.out, "%s%s\n", p.styled(styleOf(problem.Severity), head), p.styled(styleStrong, ": "+problem.Message))
	fmt.Fprintf(&p.out, "%s%s %s:%d:%d\n", gutter, p.styled(styleRail, "-->"), problem.File, problem.Line, problem.Column)
	if len(marks) > 0 {
		p.excerpt(marks, p.lines[problem.File], gutter)
	}
	for _, rest := range []struct{ word, text string }{{word: "note", text: problem.Note}, {word: "help", text: problem.Help}} {
		if rest.text != "" {
			fmt.Fprintf(&p.out, "%s %s %s\n", gutter, p.styled(styleRail, "="), p.styled(styleStrong, rest.word+":")+" "+rest.text)
		}
	}
}

// A shownMark is a mark and how it is underlined.
type shownMark struct {
	Mark
	sign, style string
}

// shownMarks are the places of a problem of which there is a line to show, in
// the order of the text.
func shownMarks(problem Problem, lines int) []shownMark {
	marks := []shownMark{{Mark: Mark{Place: problem.Place, Label: problem.Label}, sign: "^", style: styleOf(problem.Severity)}}
	for _, also := range problem.Also {
		marks = append(marks, shownMark{Mark: also, sign: "-", style: styleRail})
	}
	marks = slices.DeleteFunc(marks, func(m shownMark) bool { return m.Width <= 0 || m.Line < 1 || m.Line > lines })
	slices.SortStableFunc(marks, func(a, b shownMark) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return marks
}

func (p *printer) excerpt(marks []shownMark, lines []string, gutter string) {
	rail := p.styled(styleRail, "|")
	fmt.Fprintf(&p.out, "%s %s\n", gutter, rail)
	last, line, shift := 0, "", 0
	for _, m := range marks {
		column := m.Column - shift
		if again := m.Line == last && column <= len([]rune(line))+1; !again {
			if last > 0 && m.Line > last+1 {
				fmt.Fprintf(&p.out, "%s\n", p.styled(styleRail, "..."))
			}
			line, column = window(lines[m.Line-1], m.Column)
			number := fmt.Sprintf("%*d", len(gutter), m.Line)
			fmt.Fprintf(&p.out, "%s %s %s\n", p.styled(styleRail, number), rail, line)
			last, shift = m.Line, m.Column-column
		}
		width := max(min(m.Width, len([]rune(line))-column+1), 1)
		underline := strings.TrimSpace(strings.Repeat(m.sign, width) + " " + m.Label)
		fmt.Fprintf(&p.out, "%s %s %s%s\n", gutter, rail, strings.Repeat(" ", column-1), p.styled(m.style, underline))
	}
}

// window is the part of a line that can be shown, and where the column is in it.
// A line that is longer than a screen is cut around the place; no more of it is
// held than that, since a file may be one line of megabytes.
func window(line string, column int) (string, int) {
	const most, before = 120, 40
	length := 0 // in characters, as far as it matters
	for range line {
		if length++; length > column+most {
			break
		}
	}
	column = min(max(column, 1), length+1)
	cut := 0
	if column > most-before {
		cut = column - before
	}
	shown := part(line, cut, most+1)
	if cut > 0 {
		shown = append([]rune{'…'}, shown...)
		column -= cut - 1
	}
	if len(shown) > most {
		shown = append(shown[:most-1:most-1], '…')
	}
	return string(shown), column
}

// part are so many characters of a line after the first ones.
func part(line string, after, many int) []rune {
	var shown []rune
	n := 0
	for _, c := range line {
		if n++; n > after+many {
			break
		}
		if n > after {
			shown = append(shown, Visible(c))
		}
	}
	return shown
}
