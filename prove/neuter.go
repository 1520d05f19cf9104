package prove

import (
	"context"

	"holdfast"
)

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
