package kubernetes

// A budget is a PodDisruptionBudget: how many pods may be evicted at a time.
type budget struct {
	object
	selector    selector
	selectorAt  field
	available   field // minAvailable
	unavailable field // maxUnavailable
	workloads   []*workload
	hidden      bool // it chooses pods of kinds that are not judged too, or more workloads than are listed
}

func newBudget(o *object) *budget {
	spec := o.at("spec")
	return &budget{object: *o, selector: selectorOf(spec.at("selector")), selectorAt: spec.at("selector"), available: spec.at("minAvailable"), unavailable: spec.at("maxUnavailable")}
}

// limit is what it says, whichever of the two.
func (b *budget) limit() field {
	if b.unavailable.written {
		return b.unavailable
	}
	return b.available
}

// word is the key of its limit.
func (b *budget) word() string {
	if b.unavailable.written {
		return "maxUnavailable"
	}
	return "minAvailable"
}

// allows is how many of so many pods may be evicted while all are well. The
// controller rounds both kinds of shares up.
func (b *budget) allows(pods int) int {
	if b.unavailable.written {
		return min(b.unavailable.amount().up(pods), pods)
	}
	return max(pods-b.available.amount().up(pods), 0)
}

// pods are how many it counts, at the least and at the most, and whether that is
// all of them.
func (b *budget) pods() (least, most int, all bool) {
	for _, w := range b.workloads {
		if !w.counted() {
			return 0, 0, false
		}
		least, most = least+w.least(), most+w.most()
	}
	if seen := b.at("status", "expectedPods").number(0); seen > most {
		return 0, 0, false // the cluster knows of pods that the file does not have
	}
	return least, most, !b.hidden && most > 0
}
