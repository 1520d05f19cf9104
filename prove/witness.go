package prove

import (
	"fmt"
	"slices"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/load"
)

// A fault is believed when somebody saw it who neither injected nor judges it:
// the load's process, from the kernel, or by asking the victim itself on a way
// that no gateway is on.
const (
	// witnessSoon is how soon it must have been seen.
	witnessSoon = 2 * time.Second
	// probeEvery is how often the load asks a victim itself: ten times a second,
	// so that a fault is seen some twenty times before its witness is due.
	probeEvery = 100 * time.Millisecond
	// probePatience is how long it waits: longer than a delayed answer takes.
	probePatience = 1500 * time.Millisecond
	// mostProbed bounds the replicas of a service that are asked at once.
	mostProbed = 10
	// mostOfIt is the part of a delay that an answer must have taken to show it.
	mostOfIt = 0.8
)

// witnessWithin is how soon a fault must have been seen. Losing an edge is seen
// in two steps, the second of which begins late.
func witnessWithin(name holdfast.FaultName) time.Duration {
	if name == severs {
		return severRefuses + probePatience + witnessSoon
	}
	return witnessSoon
}

// unseen says which witness of a fault is missing.
func unseen(f facts) string {
	switch name := f.mode.Drills[0].Fault; name {
	case kills:
		return fmt.Sprintf("no witness of the end of pid %d", f.victim.Pid)
	case stops:
		return fmt.Sprintf("no witness that pid %d stands still", f.victim.Pid)
	default:
		return fmt.Sprintf("no witness of %s on the way to %s", name, f.victim.ID)
	}
}

// The faults whose witnesses are told apart.
const (
	kills    holdfast.FaultName = "kill"
	stops    holdfast.FaultName = "stop"
	delays   holdfast.FaultName = "delay"
	fails    holdfast.FaultName = "fail"
	silences holdfast.FaultName = "silence"
	severs   holdfast.FaultName = "sever"
)

// witness is what the load, which had no part in it, saw of the fault.
func (d *drilling) witness() string {
	switch d.fault.Name() {
	case kills:
		return d.sawExit()
	case stops:
		return d.sawStop()
	default:
		return sawOnTheWay(d.fault.Name(), d.injected, d.detour.paths, d.generator.Probed())
	}
}

func (d *drilling) sawExit() string {
	exits := d.generator.Exits()
	if slices.ContainsFunc(exits, func(e load.Exit) bool { return e.Pid == d.victim.Pid && e.Seen >= int64(d.injected) }) {
		return fmt.Sprintf("exit of pid %d seen by load", d.victim.Pid)
	}
	return ""
}

func (d *drilling) sawStop() string {
	states := d.generator.States()
	if slices.ContainsFunc(states, func(s load.StateChange) bool {
		return s.Pid == d.victim.Pid && s.Stopped() && s.Seen >= int64(d.injected)
	}) {
		return fmt.Sprintf("pid %d seen to stand still by load", d.victim.Pid)
	}
	return ""
}

// sawOnTheWay is the witness of a fault in the path: what became of requests that
// went to the victim by no gateway.
func sawOnTheWay(name holdfast.FaultName, since time.Duration, paths []path, probed []load.Probed) string {
	var seen []string
	for _, p := range paths[:min(len(paths), mostProbed)] {
		what := saw(name, since, p, probed)
		if what == "" {
			return ""
		}
		seen = append(seen, what)
	}
	if len(seen) == 0 {
		return ""
	}
	return seen[0] + " seen by load on the way to " + whom(paths)
}

func whom(paths []path) string {
	if len(paths) == 1 {
		return string(paths[0].id.Name())
	}
	return fmt.Sprintf("all %d replicas of %s", len(paths), paths[0].id.Service)
}

// saw is the first of the requests to one replica that shows a fault.
func saw(name holdfast.FaultName, since time.Duration, p path, probed []load.Probed) string {
	refused := false
	for _, one := range probed {
		if one.Probe != p.id.String() || one.At < int64(since) {
			continue
		}
		switch {
		case name == delays && one.Status != 0 && one.Took >= time.Duration(mostOfIt*float64(delay)):
			return "an answer after " + event.Short(one.Took)
		case name == fails && one.Status >= 500:
			return fmt.Sprintf("status %d", one.Status)
		case name == silences && gotNothing(one):
			return "silence"
		case name == severs && one.Failed == load.Refused:
			refused = true
		case name == severs && refused && gotNothing(one):
			return "refusal, then silence"
		}
	}
	return ""
}

// gotNothing tells a request that was neither accepted nor refused, or that was
// accepted and not answered.
func gotNothing(p load.Probed) bool {
	return p.Failed == load.Unreachable || p.Failed == load.NoAnswer
}
