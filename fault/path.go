package fault

import (
	"context"
	"errors"
	"fmt"

	"holdfast"
	"holdfast/fault/proxy"
	"holdfast/internal/proc"
)

// errNoDetour refuses an injection into a path where no fault proxy stands.
const errNoDetour = holdfast.Refusal("no fault proxy stands in the victim's path")

// An inPath is a fault that the proxy in the victim's path carries out as a
// rule of its own, for as long as it is renewed.
type inPath struct {
	name holdfast.FaultName
	rule proxy.Rule // but for its scope and what it spares
	// spares says that the path named by the victim's Spare is left alone.
	spares bool
}

// Name implements holdfast.Fault.
func (f inPath) Name() holdfast.FaultName { return f.name }

// Inject returns when the rule is true of every path to the victim.
func (f inPath) Inject(ctx context.Context, victim holdfast.Victim) error {
	if err := f.inject(ctx, victim); err != nil {
		return fmt.Errorf("%s in the path to %s: %w", f.name, victim.ID, err)
	}
	return nil
}

func (f inPath) inject(ctx context.Context, victim holdfast.Victim) error {
	switch {
	case victim.Proxy == "":
		return errNoDetour
	case victim.Pid != 0 && !proc.Alive(victim.Pid, victim.Ticks):
		return ErrVictimGone
	}
	rule := f.rule
	rule.Scope = scope(victim)
	if f.spares {
		rule.Spare = victim.Spare
	}
	client := proxy.Dial(victim.Proxy)
	err := client.Set(ctx, rule)
	switch {
	case errors.Is(err, proxy.ErrNoPath):
		return ErrVictimGone
	case err != nil && !errors.Is(err, proxy.ErrNoProxy):
		// It may have been heard all the same: nothing is to be left of it.
		return errors.Join(err, client.Clear(context.WithoutCancel(ctx), rule.Scope, rule.Kind))
	}
	return err
}

// Undo clears the rule. A proxy that is gone took its rules with it.
func (f inPath) Undo(ctx context.Context, victim holdfast.Victim) error {
	if victim.Proxy == "" {
		return nil // it could not be injected
	}
	err := proxy.Dial(victim.Proxy).Clear(ctx, scope(victim), f.rule.Kind)
	if err != nil && !errors.Is(err, proxy.ErrNoProxy) {
		return fmt.Errorf("undo %s in the path to %s: %w", f.name, victim.ID, err)
	}
	return nil
}

// Renew implements holdfast.Leased.
func (f inPath) Renew(ctx context.Context, victim holdfast.Victim) error {
	if victim.Proxy == "" {
		return fmt.Errorf("renew %s in the path to %s: %w", f.name, victim.ID, errNoDetour)
	}
	if err := proxy.Dial(victim.Proxy).Renew(ctx, scope(victim), f.rule.Kind); err != nil {
		return fmt.Errorf("renew %s in the path to %s: %w", f.name, victim.ID, err)
	}
	return nil
}

// scope is what a rule against a victim is for.
func scope(victim holdfast.Victim) proxy.Scope {
	if victim.ID.Ordinal == 0 {
		return proxy.Scope{Service: victim.ID.Service}
	}
	return victim.ID
}
