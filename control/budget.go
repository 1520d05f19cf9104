package control

import (
	"maps"
	"slices"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/promise"
)

// A Budget is what users saw of a promise, and what is left of what may be bad.
type Budget struct {
	Promise holdfast.Promise
	promise.Budget
	Age     time.Duration     // since when there are counts at all
	Burning []string          // the rules that hold
	By      map[string]uint64 // the bad requests of its window, by what they are put down to
}

// Budgets are those of all promises, in the order of the file.
func (m *Mind) Budgets(at event.At) []Budget {
	now := m.Calendar.at(at).At
	var all []Budget
	for _, p := range m.System.Owed() {
		l := m.Ledgers[p.Name]
		if l == nil {
			l = &ledger{} // nothing was counted since it is made
		}
		all = append(all, Budget{
			Promise: p, Budget: l.Book.Budget(p, now), Age: min(l.Book.Age(now), p.Window),
			Burning: slices.Sorted(maps.Keys(l.Burning)), By: l.causes(),
		})
	}
	return all
}
