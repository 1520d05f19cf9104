package main

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/proof"
)

const (
	// inspectEvery is how soon a drill that passed, or a program that was
	// replaced, is noticed.
	inspectEvery = 5 * time.Second
	// inspectFirst bounds the look that a file waits for when it is put in force,
	// so that what is armed is known before anything of it runs.
	inspectFirst = time.Second
	// tellAgain is how soon the mind is told what has not changed: a proof grows
	// too old without anything being changed.
	tellAgain = 24 * time.Hour
)

// proofs tell the mind what arms remedies: what verdicts were kept, and what one
// would rest on now. Only what changed is told, and once a day what one would
// rest on.
type proofs struct {
	state stateDir
	tell  func(context.Context, event.Body) error

	mu     sync.Mutex
	bases  *proof.Bases
	system *holdfast.System
	based  map[holdfast.ModeName]holdfast.Digest
	toldAt time.Time // of based
	proved map[holdfast.ModeName]event.Proved
}

// newProofs is for a mind that remembers some verdicts.
func newProofs(state stateDir, environ []string, told map[holdfast.ModeName]event.Proved, tell func(context.Context, event.Body) error) *proofs {
	return &proofs{state: state, tell: tell, bases: proof.NewBases(string(state), environ), proved: told}
}

// of looks at a system from now on, and for the first time before it returns.
func (p *proofs) of(ctx context.Context, system holdfast.System) error {
	p.mu.Lock()
	p.system = &system
	p.mu.Unlock()
	first, cancel := context.WithTimeout(ctx, inspectFirst)
	defer cancel()
	if err := p.look(ctx, first); err != nil {
		return err
	}
	return ctx.Err()
}

// keep looks until ctx ends, and returns its error.
func (p *proofs) keep(ctx context.Context) error {
	ticker := time.NewTicker(inspectEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		if err := p.look(ctx, ctx); err != nil {
			return err
		}
	}
}

// look inspects within the time of one context, and tells within another's.
func (p *proofs) look(ctx, within context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.system == nil {
		return nil
	}
	if err := p.inspect(ctx, within); err != nil {
		return err
	}
	kept, _, err := proof.Read(string(p.state))
	if err != nil {
		return nil // nothing is armed by what cannot be read; it is read again
	}
	newest := proof.Newest(kept, p.system.Modes)
	for _, name := range slices.Sorted(maps.Keys(newest)) {
		k := newest[name]
		proved := event.Proved{Basis: event.Basis{Mode: name, On: k.Basis}, Verdict: k.Verdict, At: k.At, Showed: showed(k)}
		if p.proved[name] == proved {
			continue
		}
		if err := p.tell(ctx, proved); err != nil {
			return err
		}
		p.proved[name] = proved
	}
	return nil
}

// showed is what was measured in a kept drill.
func showed(k proof.Kept) event.Showed {
	reached := func(d *time.Duration) time.Duration {
		if d == nil {
			return -1
		}
		return *d
	}
	return event.Showed{
		Fault: k.Fault, Detect: reached(k.Detect), Mitigate: reached(k.Mitigate), Restore: reached(k.Restore), Sent: k.Sent, Hurt: k.Hurt, Reason: k.Reason,
	}
}

func (p *proofs) inspect(ctx, within context.Context) error {
	found := p.bases.Of(within, p.system)
	based := map[holdfast.ModeName]holdfast.Digest{}
	inspected := event.Inspected{Bases: []event.Basis{}}
	for _, mode := range p.system.Modes {
		if basis := found[mode.Name]; basis.Digest != "" {
			based[mode.Name] = basis.Digest
			inspected.Bases = append(inspected.Bases, event.Basis{Mode: mode.Name, On: basis.Digest})
		}
	}
	if p.based != nil && maps.Equal(p.based, based) && time.Since(p.toldAt) < tellAgain {
		return nil
	}
	if err := p.tell(ctx, inspected); err != nil {
		return err
	}
	p.based, p.toldAt = based, time.Now()
	return nil
}
