package diagnostic

// Nearest is what somebody who wrote text most likely meant, or "" when nothing
// is near: at most two slips of the finger away, and at most one in a word of
// three letters or fewer, where two would make it any other.
func Nearest[T ~string](text string, among []T) T {
	var best T
	slips := 2
	if len(text) <= 3 {
		slips = 1
	}
	for _, candidate := range among {
		if d := distance(text, string(candidate), slips); d <= slips && (best == "" || d < slips) {
			best, slips = candidate, d
		}
	}
	return best
}

// longest is the longest word that is compared: the names of a file are no longer.
const longest = 40

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment), or is limit+1 when
// there are more than limit.
func distance(a, b string, limit int) int {
	if a == b {
		return 0
	}
	if len(a) > longest+limit || len(b) > longest+limit || len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	var before []int // the row before the last
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+unequal(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return min(last[len(b)], limit+1)
}

func unequal(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}
