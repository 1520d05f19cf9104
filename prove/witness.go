package prove

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/fault"
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

// A witness is how one fault is seen. Exactly one of saw and shows is set. What
// shows saw before the fault, too, is the victim's own way and shows nothing.
type witness struct {
	// saw looks at what the load was told of the victim; empty: nothing yet.
	saw func(*drilling) string
	// shows looks at what became of questions to one struck replica since the
	// fault, in order, on a way that no gateway is on.
	shows  func([]load.Probed) string
	within time.Duration // how soon it is due; 0: witnessSoon
	every  time.Duration // how often a victim is asked; 0: probeEvery
	watch  time.Duration // how long the fault is watched at least; 0: watchAtLeast
	lacks  string        // "the end of" a process, where saw is set
}

// witnesses has one for every fault of package fault but hooks, whose witness is
// a load of its own.
func witnesses() map[holdfast.FaultName]witness {
	return map[holdfast.FaultName]witness{
		"kill":  {saw: (*drilling).sawExit, lacks: "the end of"},
		"storm": {saw: (*drilling).sawStorm, lacks: "each end of"},
		"exit":  {saw: (*drilling).sawExit, lacks: "the end of"},
		"oom":   {saw: (*drilling).sawKillForMemory, lacks: "the kernel's killing for want of memory of"},
		"stop":  {saw: (*drilling).sawStop, lacks: "a stop of"},
		"hold":  {saw: (*drilling).sawStop, lacks: "a stop of"},
		// It is measured first what the victim uses, and the kernel counts by seconds.
		"starve":    {saw: (*drilling).sawThrottling, lacks: "the kernel's throttling of", within: 2 * witnessSoon},
		"delay":     {shows: showsLate(mostOf(delay))},
		"disk-slow": {shows: showsLateness},
		"disk-full": {shows: showsStatus},
		"fail":      {shows: showsStatus},
		"halve":     {shows: anyFailed(load.CutShort, "half an answer")},
		"reset":     {shows: anyFailed(load.Broken, "a reset")},
		"refuse":    {shows: anyFailed(load.Refused, "a refusal")},
		"silence":   {shows: showsSilence},
		"lag":       {shows: showsLate(mostOf(2 * fault.LagEachWay))},
		"throttle":  {shows: showsThrottle},
		// It is seen when it comes round, and watched until a replica that was kept out
		// for 2 s and then for 4 s was let in again, and struck again.
		"flap":      {shows: showsFlap, within: fault.FlapPeriod + witnessSoon, watch: 3*fault.FlapPeriod + time.Second},
		"blackhole": {shows: showsBlackhole},
		"one-way":   {shows: showsOneWay},
		"flood":     {saw: (*drilling).sawFlood, within: floodWithin, watch: floodLasts, lacks: "a flood of"},
		"lossy":     {shows: showsLoss, within: 3 * time.Second, every: probeEvery / 2},
		// Losing an edge is seen in two steps, the second of which begins late.
		"sever": {shows: showsSevering, within: severRefuses + probePatience + witnessSoon},
	}
}

// witnessWithin is how soon a fault must have been seen.
func witnessWithin(name holdfast.FaultName) time.Duration {
	return cmp.Or(witnesses()[name].within, witnessSoon)
}

// unseen says which witness of a fault is missing.
func unseen(f facts) string {
	if f.victim.Flood != nil {
		return borne(f)
	}
	if lacks := witnesses()[f.by.Fault].lacks; lacks != "" {
		return fmt.Sprintf("no witness of %s pid %d", lacks, f.victim.Pid)
	}
	return fmt.Sprintf("no witness of %s on the way to %s", f.by.Fault, f.victim.ID)
}

// witness is what the load, which had no part in it, saw of the fault.
func (d *drilling) witness() string {
	of := witnesses()[d.fault.Name()]
	switch {
	case d.unseen:
		return ""
	case of.saw != nil:
		return of.saw(d)
	case of.shows != nil:
		probed := d.probed()
		if beforehand(of.shows, d.injected, d.detour.paths, probed) != "" {
			return ""
		}
		return sawOnTheWay(of.shows, d.injected, d.detour.paths, probed)
	default:
		return ""
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
// went to each victim by no gateway.
func sawOnTheWay(shows func([]load.Probed) string, since time.Duration, paths []path, probed []load.Probed) string {
	var seen []string
	for _, p := range paths[:min(len(paths), mostProbed)] {
		what := shows(probesOf(p, since, probed))
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

// beforehand is what would show a fault and was there before it: a page that fails,
// or is slow, by itself. Nobody could tell then whether the fault is there at all.
func beforehand(shows func([]load.Probed) string, since time.Duration, paths []path, probed []load.Probed) string {
	if shows == nil {
		return ""
	}
	for _, p := range paths[:min(len(paths), mostProbed)] {
		var of []load.Probed
		for _, one := range probed {
			if one.Probe == p.id.String() && one.At < int64(since) && one.At+int64(one.Took) < int64(since) {
				of = append(of, one)
			}
		}
		if what := shows(of); what != "" {
			return what + " on the way to " + string(p.id.Name())
		}
	}
	return ""
}

func whom(paths []path) string {
	if len(paths) == 1 {
		return string(paths[0].id.Name())
	}
	return fmt.Sprintf("all %d replicas of %s", len(paths), paths[0].id.Service)
}

// probesOf are the questions to one replica since the fault.
func probesOf(p path, since time.Duration, probed []load.Probed) []load.Probed {
	var of []load.Probed
	for _, one := range probed {
		if one.Probe == p.id.String() && one.At >= int64(since) {
			of = append(of, one)
		}
	}
	return of
}

func mostOf(late time.Duration) time.Duration { return time.Duration(mostOfIt * float64(late)) }

// showsLate shows a fault by one answer that took so long.
func showsLate(least time.Duration) func([]load.Probed) string {
	return func(probed []load.Probed) string {
		for _, one := range probed {
			if one.Status != 0 && one.Took >= least {
				return "an answer after " + event.Short(one.Took)
			}
		}
		return ""
	}
}

// narrowShows is how late an answer is that came through a link as narrow as a
// throttled one: on loopback it is a hundredth of that.
const narrowShows = 500 * time.Millisecond

// showsThrottle knows a narrow link by answers that came late, or, where many wait
// for it, not at all on a connection that was made.
func showsThrottle(probed []load.Probed) string {
	if late := showsLate(narrowShows)(probed); late != "" {
		return late
	}
	return anyFailed(load.NoAnswer, "no answer in time on a connection that was made")(probed)
}

// showsLateness is lateness of what may take several delays: calls that wait for
// each other are not answered within the patience of who asks.
func showsLateness(probed []load.Probed) string {
	if seen := showsLate(mostOf(delay))(probed); seen != "" {
		return seen
	}
	if slices.ContainsFunc(probed, func(p load.Probed) bool { return p.Failed == load.NoAnswer }) {
		return "no answer within " + event.Short(probePatience)
	}
	return ""
}

func showsStatus(probed []load.Probed) string {
	for _, one := range probed {
		if wrong := one.Wrong(); wrong != "" {
			return wrong
		}
	}
	return ""
}

// showsFlap knows a fault that comes and goes by its coming a second time.
func showsFlap(probed []load.Probed) string {
	turns := 0 // 1: it failed; 2: it was well after that; 3: it failed again
	for _, one := range probed {
		if failed := one.Wrong() != ""; one.Status != 0 && failed == (turns%2 == 0) {
			turns++
		}
	}
	if turns < 3 {
		return ""
	}
	return "failure, then none, then failure again"
}

// A connect that got no answer: the kernel at the other end says whether it heard
// of it.
func showsBlackhole(probed []load.Probed) string {
	if slices.ContainsFunc(probed, func(p load.Probed) bool { return p.Failed == load.Unreachable && !p.Arrived }) {
		return "a connect that did not arrive"
	}
	return ""
}

func showsOneWay(probed []load.Probed) string {
	if slices.ContainsFunc(probed, func(p load.Probed) bool { return p.Failed == load.Unreachable && p.Arrived }) {
		return "a connect that arrived and got no answer"
	}
	return ""
}

// lostEnough is how many requests must have lost a packet. Of those on a
// connection of their own more than half do, where one packet in three is lost:
// that fewer than three of the thirty that are over in time do happens once in
// two million times. Without loss the kernel sends nothing again on loopback.
const lostEnough = 3

func showsLoss(probed []load.Probed) string {
	lost, answered := 0, 0
	for _, one := range probed {
		if one.Resent > 0 {
			lost++
		}
		if one.Status != 0 {
			answered++
		}
	}
	if lost < lostEnough || answered == 0 {
		return ""
	}
	return fmt.Sprintf("packets of %d of %d requests sent again", lost, len(probed))
}

func showsSilence(probed []load.Probed) string {
	if slices.ContainsFunc(probed, gotNothing) {
		return "silence"
	}
	return ""
}

func showsSevering(probed []load.Probed) string {
	refused := slices.IndexFunc(probed, func(p load.Probed) bool { return p.Failed == load.Refused })
	if refused >= 0 && slices.ContainsFunc(probed[refused:], gotNothing) {
		return "refusal, then silence"
	}
	return ""
}

// anyFailed shows a fault by one question that ended in one way.
func anyFailed(how load.Failure, what string) func([]load.Probed) string {
	return func(probed []load.Probed) string {
		if slices.ContainsFunc(probed, func(p load.Probed) bool { return p.Failed == how }) {
			return what
		}
		return ""
	}
}

// gotNothing tells a request that was neither accepted nor refused, or that was
// accepted and not answered.
func gotNothing(p load.Probed) bool {
	return p.Failed == load.Unreachable || p.Failed == load.NoAnswer
}
