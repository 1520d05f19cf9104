package check

import (
	"fmt"
	"strings"

	"holdfast/diagnostic"
)

// mostNamed is how many of what it is about a sentence or a command names: more
// are not read.
const mostNamed = 6

// several names some of many in a sentence: "`a`, `b` and 3 more".
func several[T ~string](all []T, most int) string {
	var names []string
	for i, one := range all {
		if i == most {
			names = append(names, fmt.Sprintf("%d more", len(all)-most))
			break
		}
		names = append(names, diagnostic.Tick(string(one)))
	}
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return strings.Join(names, "")
}

// plural is a verb, or whatever else depends on how many there are.
func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
