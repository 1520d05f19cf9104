package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"holdfast/api"
	"holdfast/event"
)

// budgetsNow is what is left of each promise's budget, as of the last count.
func (a *agent) budgetsNow() []api.Budget {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []api.Budget
	for _, b := range a.budgets {
		all = append(all, api.Budget{
			Promise: b.Promise.Name, Target: b.Promise.Target, Window: b.Promise.Window, Age: b.Age,
			Requests: b.Seen.All, Bad: b.Seen.Bad, Allowed: b.Allowed, Left: b.Left, Minutes: b.Minutes, Quiet: b.Quiet,
			Burning: b.Burning, By: b.By,
		})
	}
	return all
}

func printBudgets(out io.Writer, all []api.Budget) {
	for _, b := range all {
		fmt.Fprintf(out, "budget   %s%s: %s\n", nameAnd(b), b.Target, budgetText(b))
		if why := behindText(b); why != "" {
			fmt.Fprintf(out, "         %s\n", why)
		}
	}
}

func nameAnd(b api.Budget) string {
	if b.Promise == "" {
		return ""
	}
	return string(b.Promise) + " "
}

// budgetText is what is left, in requests and in minutes, with the arithmetic: a
// share alone is not believed.
func budgetText(b api.Budget) string {
	if b.Quiet {
		return "no traffic"
	}
	counted := event.Short(max(b.Age, 10*time.Second)) // the least that counts are kept apart for
	if day := 24 * time.Hour; b.Age >= 2*day {
		counted = fmt.Sprintf("%dd", b.Age/day)
	}
	arithmetic := fmt.Sprintf("%s of %d requests in %s may be bad, which is %s, and %d were", (1 - b.Target).String(), b.Requests, counted, countText(b.Allowed), b.Bad)
	left := b.Allowed - float64(b.Bad)
	minutes := time.Duration(b.Minutes * float64(time.Minute)).Round(time.Second)
	if left < 0 {
		return fmt.Sprintf("OVERDRAWN by %s requests, or %s with nothing answered; %s", countText(-left), event.Short(-minutes), arithmetic)
	}
	return fmt.Sprintf("%.0f%% left, %s requests or %s with nothing answered; %s", 100*b.Left, countText(left), event.Short(minutes), arithmetic)
}

// countText counts requests whole, unless there is less than one of them.
func countText(n float64) string {
	if n > 0 && n < 10 {
		return fmt.Sprintf("%.2g", n)
	}
	return fmt.Sprintf("%.0f", n)
}

// mostCauses is how many reasons are told apart in a line.
const mostCauses = 4

// behindText is what bad requests are put down to, and which alerts hold.
func behindText(b api.Budget) string {
	causes := slices.SortedFunc(maps.Keys(b.By), func(x, y string) int {
		return cmp.Or(cmp.Compare(b.By[y], b.By[x]), cmp.Compare(x, y))
	})
	var words []string
	for _, cause := range causes[:min(len(causes), mostCauses)] {
		words = append(words, fmt.Sprintf("%d by %s", b.By[cause], cause))
	}
	if more := len(causes) - mostCauses; more > 0 {
		words = append(words, fmt.Sprintf("and by %d more", more))
	}
	said := strings.Join(words, ", ")
	if len(b.Burning) > 0 {
		said = strings.TrimPrefix(said+"; BURNING, by "+strings.Join(b.Burning, ", "), "; ")
	}
	return said
}
