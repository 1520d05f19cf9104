// Package mode is the catalogue of the ways in which things fail: one file per
// kind of failure, each saying how it is noticed, what mends it, which fault
// makes it true on purpose, and within which bounds all of this has to happen.
//
// Adding a kind of failure means one file here, and beside it its evidence in
// detect, its remedy in decide, its fault in fault, its play in
// control/testdata and its page in docs/modes. A test walks the catalogue and
// fails when one of them is missing.
package mode

import "holdfast"

// A Mode is a kind of failure before it is bound to a target. It strikes one
// replica of the services it Fits, or whole edges, those it FitsEdge, or a Role of
// Holdfast itself: exactly one of the three is set. What strikes edges may strike
// what users come for, too, where it FitsPublished.
type Mode struct {
	Kind     holdfast.Kind
	Title    string              // "a replica's process ends", for pages and explanations
	Evidence []holdfast.Evidence // none: nothing that runs can notice it, and its drill alone shows it
	Remedies []holdfast.Remedy
	Fault    holdfast.FaultName   // what makes it true in a drill unless the file says otherwise
	Variants []holdfast.FaultName // what makes it true as well: drilled where the file or prove --every-fault asks for it
	Bounds   holdfast.Bounds
	EndedBy  Ending
	// Fits says whether a service can fail in this way and be drilled for it.
	Fits func(holdfast.Service) bool
	// BySession says that its drill follows a user: it fits only what a step of a
	// session asks.
	BySession bool
	// Named says that a service has it only where the file names it.
	Named bool
	// FitsEdge says the same of a dependency and the service it leads to.
	FitsEdge func(holdfast.Dependency, holdfast.Service) bool
	// FitsPublished says the same of a service that the gateway's routes lead to.
	FitsPublished func(holdfast.Publishing, holdfast.Service) bool
	Role          holdfast.Role
}

// An Ending says what ends the fault of a mode's drill, and so from when its
// restoration counts: from the injection where a remedy can end the fault, from
// the undo where only we can.
type Ending int

// The two endings.
const (
	ByRemedy Ending = iota
	ByUndo
)

// Catalogue lists every kind of failure of services and dependencies, in the order
// in which they are shown. Holdfast's own are beside it: see Own.
func Catalogue() []Mode {
	return []Mode{Crash(), Hang(), Slow(), Errors(), Partition(), Overload(), StateLoss(), Loss()}
}

// Find looks a kind up among those of services and dependencies.
func Find(kind holdfast.Kind) (Mode, bool) { return find(kind, Catalogue()) }

// FindOwn looks one up among Holdfast's own.
func FindOwn(kind holdfast.Kind) (Mode, bool) { return find(kind, Own()) }

func find(kind holdfast.Kind, all []Mode) (Mode, bool) {
	for _, m := range all {
		if m.Kind == kind {
			return m, true
		}
	}
	return Mode{}, false
}

// Faults are all that make a mode true, the default first.
func (m Mode) Faults() []holdfast.FaultName {
	return append([]holdfast.FaultName{m.Fault}, m.Variants...)
}

// Strikes says whether a service can fail in this way, one replica at a time.
// What runs once, to its end, has no replica that goes on.
func (m Mode) Strikes(service holdfast.Service) bool {
	return m.Fits != nil && !service.Once && m.Fits(service)
}

// StrikesEdge says whether a dependency on a service can be lost in this way.
func (m Mode) StrikesEdge(dependency holdfast.Dependency, on holdfast.Service) bool {
	return m.FitsEdge != nil && !on.Once && m.FitsEdge(dependency, on)
}

// StrikesPublished says whether all of a published service can be lost in this way.
func (m Mode) StrikesPublished(by holdfast.Publishing, service holdfast.Service) bool {
	return m.FitsPublished != nil && !service.Once && m.FitsPublished(by, service)
}

// Of is the failure mode of one service by the catalogue's defaults, before the
// file overrides anything.
func (m Mode) Of(service holdfast.Service) holdfast.FailureMode {
	f := m.at(holdfast.Target{Service: service.Name}, service.Owner)
	f.Remedies = remediesFor(service, m.Remedies)
	return f
}

// OfEdge is the failure mode of one dependency of a service. Its caller answers
// for it: whether an edge is covered is decided there.
func (m Mode) OfEdge(caller holdfast.Service, dependency holdfast.Dependency) holdfast.FailureMode {
	f := m.at(holdfast.Target{Service: dependency.On, Caller: caller.Name}, caller.Owner)
	if dependency.Fallback != nil {
		f.Remedies = []holdfast.Remedy{holdfast.RemedyFallback}
	}
	return f
}

// begunShare is what may be hurt of those who come for a service that is lost: an
// answer of which a part is out already cannot be taken back, and is cut off with its
// replica. That was one of 800 in one drill of fifteen; four are allowed.
const begunShare = 0.005

// OfPublished is the failure mode of a service as its users have it.
func (m Mode) OfPublished(service holdfast.Service) holdfast.FailureMode {
	f := m.at(holdfast.Target{Service: service.Name, Whole: true}, service.Owner)
	f.Remedies = []holdfast.Remedy{holdfast.RemedyFallback}
	f.Bounds.Impact = max(f.Bounds.Impact, begunShare)
	return f
}

func (m Mode) at(target holdfast.Target, owner holdfast.OwnerName) holdfast.FailureMode {
	return holdfast.FailureMode{
		Name:       holdfast.NameOf(target, m.Kind),
		Strikes:    target,
		Kind:       m.Kind,
		Owner:      owner,
		DetectedBy: m.Evidence,
		Remedies:   m.Remedies,
		Drills:     []holdfast.Drill{{Fault: m.Fault}},
		Bounds:     m.Bounds,
	}
}

// remediesFor leaves out what cannot be done: the life of what we did not start
// is not ours to end, and nobody ejects what is not routed by us.
func remediesFor(service holdfast.Service, all []holdfast.Remedy) []holdfast.Remedy {
	possible := []holdfast.Remedy{}
	for _, remedy := range all {
		switch {
		case remedy == holdfast.RemedyRestart && service.Manage != holdfast.Full:
		case remedy == holdfast.RemedyEject && service.Manage == holdfast.Observe:
		default:
			possible = append(possible, remedy)
		}
	}
	return possible
}

// answers fits every mode that shows in answers: those of a service that we run,
// whose requests the gateway sees, and that can be asked.
func answers(s holdfast.Service) bool {
	return s.Manage == holdfast.Full && s.Protocol.Requests() && !s.Healthcheck.Disabled
}
