package warden

import (
	"fmt"
	"slices"

	"holdfast/internal/proc"
)

// A Snapshot is what is to be seen of a run on this host at one moment: the
// processes that carry its copy's mark, the faults not undone, and what any of its
// faults left under a name of its own.
type Snapshot struct {
	Processes []Seen   `json:"processes"` // by pid
	Open      []Entry  `json:"open,omitempty"`
	Left      []string `json:"left,omitempty"`
}

// A Seen is one process of a snapshot.
type Seen struct {
	Identity
	Name  string `json:"name"`  // the mark without its keep: "catalog-1#2", "gateway"
	State string `json:"state"` // the kernel's letter; T is stopped, t held by a tracer
	Known bool   `json:"known"` // something of that name should run
}

// TakeSnapshot looks at the run of a ledger. It changes nothing. known says
// whether a name ("catalog-1#2") is of something that should run now, by the
// keeper's table; ask the keeper after the restart that is to be judged. left names
// what is still there of an entry, undone or not; it may be nil.
func TakeSnapshot(ledger string, known func(name string) bool, left func(Entry) []string) (Snapshot, error) {
	account, err := readAccount(ledger)
	if err != nil {
		return Snapshot{}, fmt.Errorf("snapshot: %w", err)
	}
	shot := Snapshot{Open: account.open()}
	for _, entry := range account.entries {
		if left != nil {
			shot.Left = append(shot.Left, left(entry.Entry)...)
		}
	}
	for process, name := range (remains{keep: account.place.Keep, keeper: account.keeper}).living() {
		if state, err := proc.State(process.Pid); err == nil {
			shot.Processes = append(shot.Processes, Seen{
				Identity: process,
				Name:     name,
				State:    state,
				Known:    name == keeperName || known(name),
			})
		}
	}
	slices.SortFunc(shot.Processes, func(a, b Seen) int { return a.Pid - b.Pid })
	return shot, nil
}

// Residue is what a drill left behind: what is not as it should be after it and
// was not so before. One line per finding, none when the host is clean.
func Residue(before, after Snapshot) []string {
	var left []string
	for _, seen := range after.Processes {
		was := before.find(seen.Identity)
		if !seen.Known && (was == Seen{} || was.Known) {
			left = append(left, fmt.Sprintf("%s still lives and no table knows it", describe(seen.Identity, seen.Name)))
		}
		if seen.stopped() && !was.stopped() {
			left = append(left, fmt.Sprintf("%s is stopped", describe(seen.Identity, seen.Name)))
		}
	}
	for _, entry := range after.Open {
		if !slices.ContainsFunc(before.Open, func(e Entry) bool { return e.ID == entry.ID }) {
			left = append(left, fmt.Sprintf("%s is not undone", entry))
		}
	}
	for _, what := range after.Left {
		if !slices.Contains(before.Left, what) {
			left = append(left, what+" is still there")
		}
	}
	return left
}

// stopped tells whether it stood still: by a signal, or held by whoever traces it.
func (s Seen) stopped() bool { return s.State == "T" || s.State == "t" }

// find is a process as it was seen, or nothing.
func (s Snapshot) find(process Identity) Seen {
	for _, seen := range s.Processes {
		if seen.Identity == process {
			return seen
		}
	}
	return Seen{}
}
