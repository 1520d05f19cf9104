// Package check reads a system before it fails: what takes it down, which
// promise arithmetic forbids, and what nobody answers for. Every kind of finding
// is a file of its own, and the list of them is in rules.go.
//
// A finding speaks in the keys of the file, not in lines: where a key stands is
// for whoever read it to say. The same system and facts always give the same
// findings, in the same order.
package check

import (
	"cmp"
	"time"

	"holdfast"
	"holdfast/cutset"
	"holdfast/diagnostic"
	"holdfast/oncall"
	"holdfast/topology"
)

// A Path is where something is written: the keys that lead to it from the top of
// the file, or to where it would be.
type Path []string

// A Finding is one thing about a system that somebody should know before it
// fails. Of is what it is about, by the name under which it can be accepted; empty
// is the system as a whole.
type Finding struct {
	Code    diagnostic.Code
	Of      string
	At      Path
	Or      []Path  // where else it may be written: of At and these, the first that is
	Also    []Point // at most three
	Message string  // what is so
	Label   string  // stands beside the place
	Note    string  // why it hurts
	Help    string  // the next step

	Severity diagnostic.Severity // empty: that of its code
}

// A Point is a further place that a finding has to do with.
type Point struct {
	At    Path
	Label string
}

// A Proof says what the drills of a failure mode have shown.
type Proof string

const (
	Unproved Proof = ""       // it was never drilled, or no verdict of it is kept
	Proved   Proof = "proved" // it passed, on what there is now
	Stale    Proof = "stale"  // it passed, on something else or too long ago
	Failed   Proof = "failed" // the last drill of it broke a bound
)

// Facts are what is known beside the file.
type Facts struct {
	Proofs  map[holdfast.ModeName]Proof // nil: nothing was looked up, and nothing is said of it
	Missing map[string]string           // files of fallbacks and certificates that could not be answered or read, by path, and why
	Limits  cutset.Limits               // of the search for what breaks a promise
	Pairs   bool                        // pairs that break a promise are findings, too
	Today   time.Time                   // from when schedules are looked into; zero: they are not
}

// Judge says what there is to say of a system that was read without errors.
func Judge(system *holdfast.System, facts Facts) ([]Finding, Summary) {
	c := &judging{
		system: system, facts: facts, services: map[holdfast.ServiceName]holdfast.Service{},
		callers: map[holdfast.ServiceName][]holdfast.ServiceName{}, taken: map[holdfast.Promise]map[holdfast.ServiceName]bool{},
	}
	for _, s := range system.Services {
		c.services[s.Name] = s
		for _, d := range s.DependsOn {
			if topology.Weighs(d) {
				c.callers[d.On] = append(c.callers[d.On], s.Name)
			}
		}
	}
	c.analyse()
	c.audiences = c.audiencesOf()
	var all []Finding
	for _, rule := range rules() {
		for _, f := range rule.find(c) {
			f.Code = rule.Code
			all = append(all, f)
		}
	}
	return all, c.summary()
}

// Judging is a system while it is judged.
type judging struct {
	system   *holdfast.System
	services map[holdfast.ServiceName]holdfast.Service       // of the system, by name: it may have thousands
	callers  map[holdfast.ServiceName][]holdfast.ServiceName // who fails with a service
	facts    Facts
	risks    *topology.Risks
	order    int // of the largest sets that were looked for
	promises []judged
	taken    map[holdfast.Promise]map[holdfast.ServiceName]bool // what keeping each of them takes, as far as it was asked for

	audiences []oncall.Audience // whom pages go to
}

// analyse looks for what breaks each promise; where that is more than the limits
// allow, for smaller sets, down to what breaks it alone. What is not decided then
// stays so, and is said.
func (c *judging) analyse() {
	limits := c.facts.Limits
	for c.order = cmp.Or(limits.Order, cutset.DefaultOrder); ; c.order-- {
		limits.Order = c.order
		c.risks, c.promises = topology.Analyse(c.system, limits), nil
		decided := true
		for _, promise := range c.risks.Promises() {
			cuts := c.risks.Cuts(promise)
			decided = decided && cuts.Decided()
			c.promises = append(c.promises, judged{Promise: promise, cuts: cuts})
		}
		if decided || c.order == 1 {
			return
		}
	}
}

// A judged promise comes with what breaks it.
type judged struct {
	holdfast.Promise
	cuts topology.Cuts
}

// at is the path of a key of a service.
func at(service holdfast.ServiceName, keys ...string) Path {
	return append(Path{"services", string(service)}, keys...)
}

// replicasAt is the path of what says how many replicas a service has.
func replicasAt(s holdfast.Service) Path {
	if len(s.URLs) > 0 {
		return at(s.Name, "urls")
	}
	return at(s.Name, "replicas")
}

// edgeAt is the path of a key of a dependency.
func edgeAt(edge holdfast.Edge, keys ...string) Path {
	return append(at(edge.From, "depends_on", string(edge.To)), keys...)
}

// modeAt is the path of a key of a failure mode.
func modeAt(mode holdfast.FailureMode, keys ...string) Path {
	path := at(mode.Strikes.Service)
	if mode.Strikes.IsEdge() {
		path = edgeAt(holdfast.Edge{From: mode.Strikes.Caller, To: mode.Strikes.Service})
	}
	return append(append(path, "failure_modes", string(mode.Kind)), keys...)
}
