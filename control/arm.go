package control

import (
	"slices"
	"time"

	"holdfast"
	"holdfast/event"
)

// ProofLasts is how long a verdict arms a remedy. A month is what the budget of
// a promise is counted over, and nobody's system stays the same for longer.
const ProofLasts = 30 * 24 * time.Hour

// A proof is the newest verdict of a failure mode's drill.
type proof struct {
	On      holdfast.Digest  `json:"on"`
	Verdict holdfast.Verdict `json:"verdict"`
	At      time.Time        `json:"at"`
	Showed  event.Showed     `json:"showed,omitzero"` // for people, and so that it is not told again
}

// armed says why a mode's remedies may not end a living process; empty: they may.
func (m *Mind) armed(mode holdfast.FailureMode) (why string) {
	proof, drilled := m.Proofs[mode.Name]
	basis, inspected := m.Bases[mode.Name]
	switch {
	case mode.Armed:
		return ""
	case !drilled:
		return "its drill has not been run on this file"
	case proof.Verdict != holdfast.Pass:
		return "its newest drill ended " + string(proof.Verdict)
	case !inspected:
		return "what its proof rests on cannot be inspected"
	case basis != proof.On:
		return "its slice of the file, the executable or the inputs have changed since its drill"
	case m.now.Wall.Sub(proof.At) > ProofLasts:
		return "its proof is older than 30 days"
	default:
		return ""
	}
}

// Proved are the newest verdicts that the mind has been told of.
func (m *Mind) Proved() map[holdfast.ModeName]event.Proved {
	told := make(map[holdfast.ModeName]event.Proved, len(m.Proofs))
	for name, proof := range m.Proofs {
		told[name] = event.Proved{Basis: event.Basis{Mode: name, On: proof.On}, Verdict: proof.Verdict, At: proof.At, Showed: proof.Showed}
	}
	return told
}

func (m *Mind) takeInspected(in event.Inspected) {
	said := m.say(event.ID{}, in)
	m.Bases = make(map[holdfast.ModeName]holdfast.Digest, len(in.Bases))
	for _, basis := range in.Bases {
		m.Bases[basis.Mode] = basis.On
	}
	m.rearm(said)
}

func (m *Mind) takeProved(in event.Proved) {
	said := m.say(event.ID{}, in)
	m.Proofs[in.Mode] = proof{On: in.On, Verdict: in.Verdict, At: in.At, Showed: in.Showed}
	m.rearm(said)
}

// rearm says which modes with a remedy that ends living processes have become
// armed or are no longer, and looks again at what that may allow.
func (m *Mind) rearm(cause event.ID) {
	changed := false
	for _, mode := range m.System.Modes {
		if !slices.Contains(mode.Remedies, holdfast.RemedyRestart) {
			continue
		}
		why := m.armed(mode)
		before, known := m.Arms[mode.Name]
		if known && before == why {
			continue
		}
		m.Arms[mode.Name] = why
		changed = true
		switch {
		case why != "":
			m.say(cause, event.Disarmed{Mode: mode.Name, Why: why})
		case mode.Armed:
			m.say(cause, event.Armed{Mode: mode.Name, Why: "the file says so"})
		default:
			m.say(cause, event.Armed{Mode: mode.Name, Why: "it passed its drill at " + m.Proofs[mode.Name].At.UTC().Format(time.RFC3339)})
		}
	}
	if changed {
		m.reconsider(cause)
	}
}

// disown forgets what was said of modes the file no longer has.
func (m *Mind) disown() {
	for name := range m.Arms {
		if _, stays := m.mode(name); !stays {
			delete(m.Arms, name)
		}
	}
	for name := range m.Losses {
		if _, stays := m.mode(name); !stays {
			delete(m.Losses, name)
		}
	}
	for name := range m.Overloads {
		if _, stays := m.mode(name); !stays {
			delete(m.Overloads, name)
		}
	}
}
