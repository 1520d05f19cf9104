// Package fault is how things are broken on purpose: one fault, one file, each
// with its exact undo.
//
// A fault changes one victim and nothing else. One in the path to a replica is a
// rule of the fault proxy there, which withdraws it by itself when nobody renews
// it. One that strikes a process names it by pid and start time together, so
// that a stranger who was given the pid since is never touched. What cannot be
// put back by a process other than the one that broke it does not belong here:
// the injector may be killed at any moment, and then the warden undoes by name
// and victim alone.
//
// fault/faulttest holds every fault to this.
package fault

import "holdfast"

// ErrVictimGone refuses an injection: the victim ended, or its pid is somebody
// else's now. Nothing was changed.
const ErrVictimGone = holdfast.Refusal("the victim is no longer the process it was")

// All lists every fault there is, in the order of the catalogue of modes.
func All() []holdfast.Fault {
	return []holdfast.Fault{Kill{}, Exit{}, OOM{}, Storm{}, Stop{}, Hold(), DiskFull(), DiskSlow(), Starve{}, Delay(), Fail(), Silence(), Sever(), Refuse(), Reset(), Halve(),
		Lag(), Throttle(), Flap(), Blackhole(), OneWay(), Lossy(), Flood{}, Hook{}}
}

// Find looks a fault up.
func Find(name holdfast.FaultName) (holdfast.Fault, bool) {
	for _, f := range All() {
		if f.Name() == name {
			return f, true
		}
	}
	return nil, false
}

// particular is a fault that means nothing to some victims.
type particular interface {
	Unfit(victim holdfast.Victim) string
}

// Unfit says why a fault would mean nothing to a victim; empty: it means something.
func Unfit(f holdfast.Fault, victim holdfast.Victim) string {
	if p, ok := f.(particular); ok {
		return p.Unfit(victim)
	}
	return ""
}

// lasting is a fault that changes something of the host under a name of its own,
// which would stay when nobody put it back.
type lasting interface {
	Left(victim holdfast.Victim) []string
}

// Left names what is still there of one fault of one victim, for people. It is not
// asked about faults that are undone with whoever carries them out.
func Left(name holdfast.FaultName, victim holdfast.Victim) []string {
	found, _ := Find(name)
	if lasts, ok := found.(lasting); ok {
		return lasts.Left(victim)
	}
	return nil
}
