package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"holdfast"
	"holdfast/api"
	"holdfast/event"
	"holdfast/internal/files"
	"holdfast/internal/proc"
	"holdfast/journal"
	"holdfast/journal/view"
)

// leftBy is the state directory of a system that was asked and did not answer,
// where it is over: what it left is on disk and can be shown all the same, which
// is when it is wanted most.
func leftBy(flag string, err error) (stateDir, bool) {
	var problem *api.Problem
	if err == nil || errors.As(err, &problem) {
		return "", false
	}
	state, err := stateOf(flag, ".")
	if err != nil {
		return "", false
	}
	if _, err := os.Stat(state.path(proc.KeepFile)); err != nil {
		return "", false
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	client, err := state.dialKeeper(ctx)
	if err == nil {
		client.Close() // the agent is on its way back, and knows more
		return "", false
	}
	return state, true
}

// notice says, beside the data, that nobody was asked.
func (s stateDir) notice(out io.Writer) {
	fmt.Fprintf(out, "holdfast: nothing answers in %s; this is what it left there\n", s)
}

// leftEvents are the entries that the journal holds.
func (s stateDir) leftEvents(after uint64, emit func(event.Entry) error) error {
	for line, err := range journal.Read(s.journal()) {
		if err != nil {
			return exit(exitCouldNot, err)
		}
		if line.Frame == nil {
			continue
		}
		for _, entry := range line.Frame.Entries {
			if entry.ID.Seq <= after {
				continue
			}
			if err := emit(entry); err != nil {
				return exit(exitCouldNot, err)
			}
		}
	}
	return nil
}

// leftIncidents are the incidents that the journal tells of.
func (s stateDir) leftIncidents() (*view.Incidents, error) {
	found := &view.Incidents{}
	for line, err := range journal.Read(s.journal()) {
		if err != nil {
			return nil, exit(exitCouldNot, err)
		}
		if line.Frame == nil {
			kept, err := readMemory(line.Snapshot)
			if err != nil {
				return nil, exit(exitCouldNot, err)
			}
			if line.Snapshot != nil {
				found = &kept.Incidents
			}
			continue
		}
		for _, entry := range line.Frame.Entries {
			found.Add(entry)
		}
	}
	return found, nil
}

// leftLog writes the last lines that a replica printed.
func (s stateDir) leftLog(replica holdfast.ReplicaName, lines int, out io.Writer) error {
	name := filepath.Base(string(replica)) // no file elsewhere, whatever is asked for
	_, err := os.Stat(s.log(name))
	last, _, tailErr := files.Tail(s.log(name), lines)
	if err = cmp.Or(err, tailErr); err != nil {
		return exit(exitUsage, fmt.Errorf("no log of %q is kept: %w\n  next: ls %s", replica, err, filepath.Dir(s.log(name))))
	}
	for _, line := range last {
		fmt.Fprintln(out, line)
	}
	return nil
}
