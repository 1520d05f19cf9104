package diagnostic

import (
	"fmt"
	"strings"
	"time"
)

// Count is a number of things: "1 replica", "0 replicas", "2 dependencies".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Agree is a verb, or whatever else depends on how many there are.
func Agree(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// Series is "a, b and c" of at most that many parts, at least two: of more names,
// the last part counts the rest, "a, b and 3 more". What people wrote is ticked by
// the caller.
func Series[T ~string](all []T, most int) string {
	names := make([]string, 0, min(len(all), most))
	for _, one := range all[:min(len(all), most)] {
		names = append(names, string(one))
	}
	if len(all) > most {
		names[most-1] = fmt.Sprintf("%d more", len(all)-most+1)
	}
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// Span is a duration as a person writes it: "10m" and not "10m0s".
func Span(d time.Duration) string {
	text := d.String()
	if minutes, whole := strings.CutSuffix(text, "m0s"); whole {
		text = minutes + "m"
	}
	if hours, whole := strings.CutSuffix(text, "h0m"); whole {
		text = hours + "h"
	}
	return text
}
