package prove

import (
	"context"
	"fmt"

	"holdfast"
	"holdfast/fault"
)

// fault finds what a drill breaks by.
func (p *proving) fault(mode holdfast.FailureMode, by holdfast.Drill) (holdfast.Fault, error) {
	found, ok := fault.Find(by.Fault)
	switch {
	case !ok:
		return nil, fmt.Errorf("%s is drilled by %s, which does not exist", mode.Name, by.Fault)
	case p.o.Neuter:
		return neuter(found), nil
	default:
		return found, nil
	}
}

// neuter makes a fault do nothing, and say that it did: the drill of the drill.
// Everything else is as ever: its entry, its renewal, its witness, its undo. What
// is then not INVALID would have passed by accident.
func neuter(f holdfast.Fault) holdfast.Fault {
	if leased, ok := f.(holdfast.Leased); ok {
		return inertLease{Leased: leased}
	}
	return inert{Fault: f}
}

type inert struct{ holdfast.Fault }

func (inert) Inject(context.Context, holdfast.Victim) error { return nil }

type inertLease struct{ holdfast.Leased }

func (inertLease) Inject(context.Context, holdfast.Victim) error { return nil }

func (inertLease) Renew(context.Context, holdfast.Victim) error { return nil }
