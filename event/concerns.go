package event

import "holdfast"

// Concerns is the replica that a body is about, where it is about one.
func Concerns(body Body) (holdfast.ReplicaID, bool) {
	switch b := body.(type) {
	case holdfast.Started:
		return b.ID, true
	case holdfast.NotStarted:
		return b.ID, true
	case holdfast.Exited:
		return b.ID, true
	case holdfast.Ejected:
		return b.ID, true
	case holdfast.Admitted:
		return b.ID, true
	case holdfast.Drained:
		return b.ID, true
	case FaultInjected:
		return b.ID, true
	case FaultRemoved:
		return b.ID, true
	default:
		return concerned(body)
	}
}

// concerned is the replica that something the mind said is about.
func concerned(body Body) (holdfast.ReplicaID, bool) {
	switch b := body.(type) {
	case Captured:
		return b.ID, true
	case Suspected:
		return b.ID, true
	case Cleared:
		return b.ID, true
	case Detected:
		return b.ID, true
	case Decided:
		return b.ID, true
	case Waited:
		return b.ID, true
	case Withheld:
		return b.ID, true
	case Mitigated:
		return b.ID, true
	case Restored:
		return b.ID, true
	case Exceeded:
		return b.ID, true
	case Opened:
		return b.ID, b.ID != holdfast.ReplicaID{}
	case Joined:
		return b.ID, b.ID != holdfast.ReplicaID{}
	case Escalated:
		return b.ID, true
	default:
		return holdfast.ReplicaID{}, false
	}
}
