package main

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"holdfast"
	"holdfast/check"
	"holdfast/promise"
	"holdfast/spec"
	"holdfast/topology"
)

// summaryWidth is what a line of check's summary may take.
const summaryWidth = 100

// summarised is what there is of a system, how much of it somebody answers for,
// and what breaks its promises. asked is the size of the largest sets that were
// to be looked for.
func summarised(s check.Summary, asked int) []string {
	lines := []string{fmt.Sprintf("services %d · replicas %d · dependencies %d · zones %d · promises %d · failure modes %d",
		s.Services, s.Replicas, s.Dependencies, s.Zones, promisesMade(s), s.Modes)}
	if s.Modes > 0 {
		lines = append(lines, answeredFor(s))
	}
	return append(append(lines, smallestCuts(s)...), beyond(s, asked)...)
}

// smallestCuts are what breaks each promise, under one another.
func smallestCuts(s check.Summary) []string {
	shown := s.Promises[:min(len(s.Promises), promisesShown)]
	longest := 0
	for _, standing := range shown {
		longest = max(longest, len(promiseCalled(standing.Promise)))
	}
	var lines []string
	title := "smallest cuts"
	for _, standing := range shown {
		lines = append(lines, inLines(fmt.Sprintf("%-15s %-*s  ", title, longest, promiseCalled(standing.Promise)), cutsOf(standing))...)
		title = ""
	}
	if more := len(s.Promises) - len(shown); more > 0 {
		lines = append(lines, fmt.Sprintf("%15s %d more promises: --json lists what breaks them", "", more))
	}
	return lines
}

// promisesShown is of how many promises the cuts are shown: more are not compared
// by reading.
const promisesShown = 12

// promisesMade leaves out the one that is judged where the file makes none.
func promisesMade(s check.Summary) int {
	made := 0
	for _, standing := range s.Promises {
		if standing.Promise.Target > 0 {
			made++
		}
	}
	return made
}

func answeredFor(s check.Summary) string {
	of := func(word string, n int) string { return fmt.Sprintf("%s %d/%d", word, n, s.Modes) }
	drilled := "drilled: not known here"
	if s.Drilled != nil {
		drilled = of("drilled", *s.Drilled)
	}
	return strings.Join([]string{of("owned", s.Owned), of("detected", s.Detected), of("remedied", s.Remedied), of("escalated", s.Escalated), drilled}, "   ")
}

func promiseCalled(p holdfast.Promise) string {
	if p.Target == 0 {
		return "what users come for"
	}
	return strings.TrimSpace(string(p.Name) + " " + p.Target.String())
}

// cutsOf are the words of a promise's line: what breaks it alone, then how many
// larger sets do, with the first of the smallest of these.
func cutsOf(standing check.Standing) []string {
	if !standing.Decided {
		return []string{"not decided: what breaks it is more than check searches; check a part of the system in a file of its own"}
	}
	const examples = 3
	larger := largestFirst(standing)
	words := alone(standing)
	for order, n := range standing.ByOrder {
		if order == 0 || n == 0 {
			continue
		}
		if words = append(words, fmt.Sprintf("· %d of %s", n, numeral(order+1))); larger == order+1 {
			words[len(words)-1] += ":"
			words = append(words, firstOf(standing, larger, examples)...)
			if n > examples {
				words = append(words, "…")
			}
		}
	}
	return words
}

// largestFirst is the size of the smallest sets of more than one, of which
// examples are shown; 0 where there are none.
func largestFirst(standing check.Standing) int {
	for order, n := range standing.ByOrder {
		if order > 0 && n > 0 {
			return order + 1
		}
	}
	return 0
}

// alone are the sets of one: this host, then those of the system's own design,
// then those that every system has, releases as one.
func alone(standing check.Standing) []string {
	const most = 8
	var host, own, others []string
	var releases []topology.Risk
	for set := range standing.Cuts.Each {
		if len(set) > 1 {
			break
		}
		switch risk := set[0]; {
		case risk.Kind == topology.ReleaseRisk:
			releases = append(releases, risk)
		case risk.Implied() && risk.Kind == topology.HostRisk:
			host = append(host, topology.Text(set))
		case risk.Implied():
			others = append(others, topology.Text(set))
		default:
			own = append(own, topology.Text(set))
		}
	}
	if more := len(own) - most; more > 0 {
		own = append(own[:most], fmt.Sprintf("(and %d more)", more))
	}
	switch len(releases) {
	case 0:
	case 1:
		others = append(others, topology.Text(releases))
	default:
		others = append(others, fmt.Sprintf("{a release of any of %d services}", len(releases)))
	}
	return append(append(host, own...), others...)
}

// firstOf are the first sets of a size.
func firstOf(standing check.Standing, size, most int) []string {
	var sets []string
	for set := range standing.Cuts.Each {
		if len(set) == size && len(sets) < most {
			sets = append(sets, topology.Text(set))
		}
		if len(sets) == most || len(set) > size {
			break
		}
	}
	return sets
}

// inferred is all that a file need not say: what holds of the system, and what the
// analysis makes of it.
func inferred(system *holdfast.System) []spec.Inference {
	all := spec.Explain(system)
	for _, i := range topology.Explain(system) {
		all = append(all, spec.Inference(i))
	}
	for _, i := range promise.Explain(system) {
		all = append(all, spec.Inference(i))
	}
	return all
}

func numeral(n int) string {
	words := []string{"none", "one", "two", "three", "four", "five", "six", "seven", "eight"}
	if n < len(words) {
		return words[n]
	}
	return fmt.Sprint(n)
}

// beyond says what was not looked for, and how it would be.
func beyond(s check.Summary, asked int) []string {
	truncated, decided := false, false
	for _, standing := range s.Promises {
		truncated, decided = truncated || standing.Truncated, decided || standing.Decided
	}
	switch {
	case !decided:
		return nil
	case s.Order < asked:
		return []string{fmt.Sprintf("sets of more than %s were too many to look for: nothing is known of them", numeral(s.Order))}
	case truncated && s.Order < maxOrder:
		return []string{fmt.Sprintf("there may be larger ones: --order %d", s.Order+1)}
	default:
		return nil
	}
}

// inLines puts words behind a title, and below each other where there are more
// than a line holds. A word that is longer than what is left beside the title is
// broken where it has spaces.
func inLines(title string, words []string) []string {
	margin := strings.Repeat(" ", utf8.RuneCountInString(title))
	var lines []string
	line := title
	for _, word := range broken(words, summaryWidth-len(margin)) {
		if line != title && line != margin && utf8.RuneCountInString(line+word) > summaryWidth {
			lines, line = append(lines, strings.TrimRight(line, " ")), margin
		}
		line += word + " "
	}
	return append(lines, strings.TrimRight(line, " "))
}

func broken(words []string, most int) []string {
	var all []string
	for _, word := range words {
		if utf8.RuneCountInString(word) > most {
			all = append(all, strings.Fields(word)...)
		} else {
			all = append(all, word)
		}
	}
	return all
}
