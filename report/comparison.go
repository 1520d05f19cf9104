package report

import "holdfast"

// A Comparison is what changed since an earlier run, as a report tells it. It
// holds sentences and not runs: package compare makes it, and this package has no
// need of that one.
type Comparison struct {
	With    string   // what this run was compared with: "main.json", "20261127T013210-kqzv"
	Sum     string   // one sentence: "3 behaviours got worse, 1 of them breaks a bound; 18 are as they were"
	Changes []Change // the worst first; what did not change is not among them
	Notes   []string // what a reader has to know before believing it: another rate, another machine
}

// A Change is what became of one mode.
type Change struct {
	Mode   holdfast.ModeName
	What   string   // in a word: "worse", "better", "new", "gone", "undecided"
	Breaks bool     // a bound that was kept is broken now
	Says   string   // "restore 0.6s → 12.4s: start takes 11.8s, was 0.3s"
	Lines  []string // what else belongs to it, each a sentence
}
