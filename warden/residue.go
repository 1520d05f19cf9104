package warden

import (
	"fmt"
	"slices"

	"holdfast/internal/proc"
)

// A Snapshot is what is to be seen of a run on this host at one moment: the
// processes that carry its copy's mark, and the faults not undone.
type Snapshot struct {
	Processes []Seen   `json:"processes"` // by pid
	Open      []Entry  `json:"open,omitempty"`
	Traces    []string `json:"traces,omitempty"` // of faults, elsewhere: tables of rules, groups
}

// A Seen is one process of a snapshot.
type Seen struct {
	Identity
	Name  string `json:"name"`  // the mark without its keep: "catalog-1#2", "gateway"
	State string `json:"state"` // the kernel's letter; T is stopped
	Known bool   `json:"known"` // something of that name should run
}

// TakeSnapshot looks at the run of a ledger. It changes nothing. known says
// whether a name ("catalog-1#2") is of something that should run now, by the
// keeper's table; ask the keeper after the restart that is to be judged. Each of
// looks says what is to be seen of the run's faults in a place that faults know
// and a warden does not.
func TakeSnapshot(ledger string, known func(name string) bool, looks ...func() ([]string, error)) (Snapshot, error) {
	account, err := readAccount(ledger)
	if err != nil {
		return Snapshot{}, fmt.Errorf("snapshot: %w", err)
	}
	shot := Snapshot{Open: account.open()}
	for _, look := range looks {
		traces, err := look()
		if err != nil {
			return Snapshot{}, fmt.Errorf("snapshot: %w", err)
		}
		shot.Traces = append(shot.Traces, traces...)
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
		if seen.State == "T" && was.State != "T" {
			left = append(left, fmt.Sprintf("%s is stopped", describe(seen.Identity, seen.Name)))
		}
	}
	for _, entry := range after.Open {
		if !slices.ContainsFunc(before.Open, func(e Entry) bool { return e.ID == entry.ID }) {
			left = append(left, fmt.Sprintf("%s is not undone", entry))
		}
	}
	for _, trace := range after.Traces {
		if !slices.Contains(before.Traces, trace) {
			left = append(left, trace+" is still there")
		}
	}
	return left
}

// find is a process as it was seen, or nothing.
func (s Snapshot) find(process Identity) Seen {
	for _, seen := range s.Processes {
		if seen.Identity == process {
			return seen
		}
	}
	return Seen{}
}
