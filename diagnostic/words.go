package diagnostic

import (
	"fmt"
	"strings"
	"unicode"
)

// Tick sets off what somebody wrote, cut to what a line can bear and without
// characters that would move a terminal's cursor.
func Tick(text string) string { return "`" + Shown(text) + "`" }

// Shown is the same without the ticks.
func Shown(text string) string {
	const most = 60
	var b strings.Builder
	n := 0
	for _, c := range text {
		if n++; n > most {
			b.WriteRune('…')
			break
		}
		b.WriteRune(Visible(c))
	}
	return b.String()
}

// Visible is the character itself, or one that stands for it.
func Visible(c rune) rune {
	switch {
	case c == '\t':
		return '→'
	case c == '\n':
		return '↵'
	case unicode.IsPrint(c):
		return c
	default:
		return '·'
	}
}

// Ticks lists what there is to choose from: "`a`, `b`, `c`".
func Ticks[T ~string](all []T) string {
	const most = 30
	var b strings.Builder
	for i, one := range all {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(all)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(Tick(string(one)))
	}
	return b.String()
}

// DidYouMean is the next step when something is not known: what is near, or else
// another one.
func DidYouMean[T ~string](before string, near T, otherwise string) string {
	if near == "" {
		return otherwise
	}
	return "did you mean " + Tick(before+string(near)) + "?"
}
