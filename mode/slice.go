package mode

import (
	"encoding/json"
	"slices"

	"holdfast"
)

// A slice is the part of a system that a drill of one failure mode is about.
type slice struct {
	Mode       holdfast.FailureMode      `json:"mode"`
	Services   []holdfast.Service        `json:"services"`         // struck, and, of an edge, who calls
	Callers    []need                    `json:"callers"`          // the edges that lead to the struck service
	Routes     []holdfast.PublishedRoute `json:"routes,omitempty"` // that lead to what is lost whole
	Guardrails holdfast.Guardrails       `json:"guardrails"`
	Sessions   []holdfast.Session        `json:"sessions,omitempty"` // that its drill sends
	Load       *holdfast.Load            `json:"load,omitempty"`     // where the file says something of it
}

// A need is one edge with how it is needed.
type need struct {
	From holdfast.ServiceName `json:"from"`
	holdfast.Dependency
}

// Slice is the part of a system that a failure mode's drill rests on, as text:
// what is not in it may change without the drill having to be made again. Left
// out are whether the mode is armed, which follows from the drill, and what shows in
// no drill: who is told about it, and what check alone goes by.
func Slice(system *holdfast.System, of holdfast.FailureMode) []byte {
	of.Armed, of.Owner, of.Escalation, of.Urgency, of.Runbook = false, "", "", "", ""
	cut := slice{Mode: of, Guardrails: system.Guardrails}
	for _, name := range Involved(system, of) {
		if service, ok := system.Service(name); ok {
			capacity := service.Capacity
			service.Owner, service.Design = "", holdfast.Design{}
			if of.Kind == Overload().Kind {
				service.Capacity = capacity // it says how much is too much
			}
			service.DependsOn = unscoped(service.DependsOn)
			cut.Services = append(cut.Services, service)
		}
	}
	for _, caller := range system.Services {
		for _, dependency := range unscoped(caller.DependsOn) {
			if dependency.On == of.Strikes.Service {
				cut.Callers = append(cut.Callers, need{From: caller.Name, Dependency: dependency})
			}
		}
	}
	if of.Strikes.Whole {
		cut.Routes = system.Gateway.RoutesTo(of.Strikes.Service)
	}
	cut.Sessions = Sessions(system, of)
	if load := system.Load; load != (holdfast.Load{}) {
		cut.Load = &load
	}
	text, err := json.Marshal(cut)
	if err != nil {
		panic("holdfast: a system that cannot be written: " + err.Error())
	}
	return text
}

// unscoped are dependencies without what of their caller needs them.
func unscoped(all []holdfast.Dependency) []holdfast.Dependency {
	all = slices.Clone(all)
	for i := range all {
		all[i].For = nil
	}
	return all
}

// Sessions are those that a mode's drill sends, in the order of the file: those
// that may need what is struck. Of the others nothing would be seen. A drill of
// Holdfast itself sends all.
func Sessions(system *holdfast.System, of holdfast.FailureMode) []holdfast.Session {
	needing := map[holdfast.ServiceName]bool{of.Strikes.Service: true}
	for before := 0; before < len(needing); {
		before = len(needing)
		for _, edge := range system.Edges() {
			if needing[edge.To] {
				needing[edge.From] = true
			}
		}
	}
	var all []holdfast.Session
	for _, session := range system.Sessions {
		if of.Strikes.Role != "" || slices.ContainsFunc(session.Asks(), func(asked holdfast.ServiceName) bool { return needing[asked] }) {
			all = append(all, session)
		}
	}
	return all
}

// Involved are the services whose programs a mode's drill exercises: the struck
// one, of an edge its caller, and who is asked in the place of what is lost. Those
// of Holdfast itself exercise none of them.
func Involved(system *holdfast.System, of holdfast.FailureMode) []holdfast.ServiceName {
	if of.Strikes.Role != "" {
		return nil
	}
	all := []holdfast.ServiceName{of.Strikes.Service}
	if of.Strikes.IsEdge() {
		all = append(all, of.Strikes.Caller)
	}
	for _, f := range InPlace(system, of.Strikes) {
		if f.Service != "" && !slices.Contains(all, f.Service) {
			all = append(all, f.Service)
		}
	}
	return all
}

// InPlace is what is answered in the place of what is lost whole, by each way to it
// of which something is declared.
func InPlace(system *holdfast.System, lost holdfast.Target) []holdfast.Fallback {
	var all []holdfast.Fallback
	if lost.Whole {
		for _, r := range system.Gateway.CoveredTo(lost.Service) {
			all = append(all, *r.Fallback)
		}
	}
	caller, _ := system.Service(lost.Caller)
	for _, d := range caller.DependsOn {
		if d.On == lost.Service && d.Fallback != nil {
			all = append(all, *d.Fallback)
		}
	}
	return all
}
