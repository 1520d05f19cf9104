package check

import "holdfast/diagnostic"

// mostNamed is how many of what it is about a sentence or a command names: more
// are not read.
const mostNamed = 6

// several are names in a sentence, at most so many and how many more.
func several[T ~string](all []T, most int) string {
	ticked := make([]string, len(all))
	for i, one := range all {
		ticked[i] = diagnostic.Tick(string(one))
	}
	return diagnostic.Series(ticked, most+1)
}
