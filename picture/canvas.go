package picture

import (
	"strings"
	"unicode/utf8"
)

// A canvas is what a terminal shows, cell by cell. Lines that different sources
// own never share a cell: what would need that cannot be drawn truly, and the
// canvas says so.
type canvas struct {
	rows  [][]cell
	clash bool // something was drawn over something else
}

// A cell is a character, or lines that leave it on some of its sides.
type cell struct {
	char  rune
	sides side
	need  need
	owner *element
	alarm bool
}

type side int

const (
	up side = 1 << iota
	down
	left
	right
)

func (c *canvas) at(row, col int) *cell {
	for len(c.rows) <= row {
		c.rows = append(c.rows, nil)
	}
	for len(c.rows[row]) <= col {
		c.rows[row] = append(c.rows[row], cell{})
	}
	return &c.rows[row][col]
}

// write puts a text where nothing is yet.
func (c *canvas) write(row, col int, text string, alarm bool) {
	for _, char := range text {
		at := c.at(row, col)
		if *at != (cell{}) {
			c.clash = true
		}
		*at = cell{char: char, alarm: alarm}
		col++
	}
}

// line adds sides to a cell of an owner's line.
func (c *canvas) line(row, col int, sides side, n need, owner *element) {
	at := c.at(row, col)
	switch {
	case at.char != 0 || at.owner != nil && at.owner != owner:
		c.clash = true
	case at.owner == nil:
		*at = cell{sides: sides, need: n, owner: owner}
	default:
		at.sides |= sides
		if at.need != n {
			at.need = required // a piece that several needs share looks like none of the others
		}
	}
}

// across draws from one column to another, both included.
func (c *canvas) across(row, from, to int, n need, owner *element) {
	for col := from; col <= to; col++ {
		c.line(row, col, left|right, n, owner)
	}
}

// along draws in a column from one row to another, which may be above it. Where
// it begins and ends it has one side only.
func (c *canvas) along(col, from, to int, n need, owner *element) {
	first, last := down, up
	if to < from {
		from, to = to, from
	}
	c.line(from, col, first, n, owner)
	for row := from + 1; row < to; row++ {
		c.line(row, col, up|down, n, owner)
	}
	c.line(to, col, last, n, owner)
}

// width is that of the longest row.
func (c *canvas) width() int {
	widest := 0
	for _, row := range c.rows {
		widest = max(widest, len(row))
	}
	return widest
}

// text is the canvas as lines of text.
func (c *canvas) text(t Terminal) string {
	var out strings.Builder
	for _, row := range c.rows {
		var line strings.Builder
		alarm := false
		for _, cell := range row {
			if cell.alarm != alarm && t.Colour {
				line.WriteString(map[bool]string{true: "\x1b[1;31m", false: "\x1b[0m"}[cell.alarm])
			}
			alarm = cell.alarm
			line.WriteRune(cell.show())
		}
		if alarm && t.Colour {
			line.WriteString("\x1b[0m")
		}
		out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return t.speak(out.String())
}

func (c cell) show() rune {
	switch {
	case c.char != 0:
		return c.char
	case c.sides == 0:
		return ' '
	case c.sides == left|right:
		return lineAcross(c.need)
	case c.sides == up|down:
		return []rune("│╎┆│")[c.need]
	default:
		return bend(c.sides)
	}
}

func lineAcross(n need) rune { return []rune("─╌┄─")[n] }

func arrowhead(n need) rune { return []rune("▶▶▷○")[n] }

func bend(sides side) rune {
	switch sides {
	case down | right:
		return '┌'
	case down | left:
		return '┐'
	case up | right:
		return '└'
	case up | left:
		return '┘'
	case up | down | right:
		return '├'
	case up | down | left:
		return '┤'
	case left | right | down:
		return '┬'
	case left | right | up:
		return '┴'
	default:
		return '┼'
	}
}

// speak is a text in the characters that the terminal has.
func (t Terminal) speak(text string) string {
	if !t.ASCII {
		return text
	}
	return strings.NewReplacer(
		"╌", ".", "┄", "~", "─", "-", "│", "|", "╎", ":", "┆", ":", "▶", ">", "▷", ">", "○", "o", "×", "x", "…", "...", "·", "|",
		"┌", "+", "┐", "+", "└", "+", "┘", "+", "├", "+", "┤", "+", "┬", "+", "┴", "+", "┼", "+",
	).Replace(text)
}

func wide(text string) int { return utf8.RuneCountInString(text) }
