package promise

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"holdfast"
)

// An Inference is something that holds of a system though a file need not say it:
// where it would be written, what it is, and from what it follows.
type Inference struct {
	Path    string `json:"path"`
	Value   string `json:"value"`
	Because string `json:"because"`
}

// Explain says of each promise when somebody is told that it burns.
func Explain(system *holdfast.System) []Inference {
	var all []Inference
	for _, p := range system.Owed() {
		path := "promises." + string(p.Name)
		if p.Name == "" {
			path = "promise"
		}
		all = append(all, Inference{Path: path + ".alerts", Value: pagedText(p), Because: rulesText(p)})
	}
	return all
}

// pagedText is after how long somebody is paged when all, a tenth and a hundredth
// of the requests are bad.
func pagedText(p holdfast.Promise) string {
	var words []string
	for _, bad := range []float64{1, 0.1, 0.01} {
		after, ever := After(p, bad)
		when := "nobody is paged"
		if ever {
			when = "paged after " + after.Round(time.Second).String()
		}
		words = append(words, fmt.Sprintf("%s at %g%% bad", when, bad*100))
	}
	return strings.Join(words, ", ")
}

// rulesText names the alerts of a promise, with how many times faster than evenly
// its budget burns then, and those that can never come.
func rulesText(p holdfast.Promise) string {
	var words []string
	for _, r := range Rules() {
		word := fmt.Sprintf("%s by %s, at %s times the even pace", r.Urgency, r.Name, strconv.FormatFloat(r.Factor(p), 'g', 4, 64))
		if !r.Reachable(p) {
			word += ", which can never be"
		}
		words = append(words, word)
	}
	return strings.Join(words, "; ")
}
