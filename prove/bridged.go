package prove

import (
	"cmp"
	"slices"

	"holdfast/load"
	"holdfast/report"
)

// bridged are the requests that were hurt by nothing but waiting for a replica of the
// struck service; nil where none waited, or nothing is known. The gateway counts how
// many they were and not which: those that took longest are taken for them.
func (f facts) bridged() *report.Waited {
	if len(f.traffic) != 3 || f.traffic[1].parked == nil || f.traffic[2].parked == nil {
		return nil
	}
	n := f.traffic[2].parked[f.service.Name] - f.traffic[1].parked[f.service.Name]
	answered := slices.DeleteFunc(slices.Clone(f.judged()), func(r load.Result) bool { return r.Failed })
	if n <= 0 || len(answered) == 0 {
		return nil
	}
	slices.SortFunc(answered, func(a, b load.Result) int { return cmp.Compare(b.Took(), a.Took()) })
	answered = answered[:min(n, len(answered))]
	return &report.Waited{Requests: n, P99: millis(answered[len(answered)/100].Took()), Longest: millis(answered[0].Took())}
}
