package detect

// A Fleet is how the replicas of a service stand.
type Fleet struct {
	Living   int // not known to have ended
	Admitted int // of those, used
	Passive  int // of those, out by what their traffic showed, their checks being good
	Minimum  int // below which the service does not serve
}

// MayEject says whether one more may be put out by what traffic shows. Such
// evidence is relative and can be wrong about many at once, so it may take half
// of the replicas at most, rounded down (of 1 to 5: 0, 1, 1, 2, 2), never the
// last, never one of the declared minimum, and never leaves fewer than half. A
// percentage would round to nothing, or to everything, where there are few.
func (f Fleet) MayEject() bool {
	left := f.Admitted - 1
	return f.Passive < f.Living/2 && left >= max(1, f.Minimum) && 2*left >= f.Living
}

// FailsOpen says whether so few are left that what is out by traffic's evidence
// is better used than not.
func (f Fleet) FailsOpen() bool { return f.Passive > 0 && 2*f.Admitted < f.Living }

// MayHold says whether a replica that has recovered may be kept waiting.
func (f Fleet) MayHold() bool { return f.Admitted > 0 && 2*f.Admitted >= f.Living }
