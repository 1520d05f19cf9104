package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"holdfast"
	"holdfast/check"
	"holdfast/control"
	"holdfast/proof"
)

// verdictsWithin bounds the look at what kept verdicts rest on: nobody waits
// longer for a check.
const verdictsWithin = time.Second

// proofsOf says how each failure mode of a system stands by the verdicts that its
// state directory keeps. Where there is no such directory nothing was ever run,
// and nothing is said: nil. The error says why nothing can be said.
func proofsOf(ctx context.Context, system *holdfast.System, state stateDir, now time.Time) (map[holdfast.ModeName]check.Proof, error) {
	v, err := verdictsOf(ctx, system, state)
	if v == nil {
		return nil, err
	}
	proofs := map[holdfast.ModeName]check.Proof{}
	for _, mode := range system.Modes {
		if k, drilled := v.newest[mode.Name]; drilled {
			proofs[mode.Name] = standing(k, v.bases[mode.Name], now)
		}
	}
	return proofs, nil
}

// verdicts are those that a state directory keeps, and what they would rest on now.
type verdicts struct {
	kept   []proof.Kept
	newest map[holdfast.ModeName]proof.Kept
	bases  map[holdfast.ModeName]proof.Basis // of modes whose newest verdict is a PASS
}

// verdictsOf is nil where nothing was ever run.
func verdictsOf(ctx context.Context, system *holdfast.System, state stateDir) (*verdicts, error) {
	if _, err := os.Stat(string(state)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err := state.owned(); err != nil {
		return nil, err
	}
	kept, _, err := proof.Read(string(state))
	if err != nil {
		return nil, err
	}
	v := &verdicts{kept: kept, newest: proof.Newest(kept, system.Modes)}
	if v.bases, err = basesOf(ctx, passed(system, v.newest), state); err != nil {
		return nil, err
	}
	return v, nil
}

// passed is a system with those failure modes alone whose last drill passed: what
// the others' rest on decides nothing.
func passed(system *holdfast.System, newest map[holdfast.ModeName]proof.Kept) *holdfast.System {
	some := *system
	some.Modes = nil
	for _, mode := range system.Modes {
		if newest[mode.Name].Verdict == holdfast.Pass {
			some.Modes = append(some.Modes, mode)
		}
	}
	return &some
}

func basesOf(ctx context.Context, system *holdfast.System, state stateDir) (map[holdfast.ModeName]proof.Basis, error) {
	within, cancel := context.WithTimeout(ctx, verdictsWithin)
	defer cancel()
	bases := proof.NewBases(string(state), os.Environ()).Of(within, system)
	if within.Err() != nil {
		return nil, fmt.Errorf("whether kept verdicts still hold is not known: to look at what they rest on took more than %s", verdictsWithin)
	}
	return bases, nil
}

// standing is what a verdict is worth now. One that rests on what cannot be
// looked at is as good as one that rests on something else: it arms nothing.
func standing(k proof.Kept, basis proof.Basis, now time.Time) check.Proof {
	switch {
	case k.Verdict != holdfast.Pass:
		return check.Failed
	case basis.Digest != k.Basis || now.Sub(k.At) > control.ProofLasts:
		return check.Stale
	default:
		return check.Proved
	}
}
