package prove

import (
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/keeper"
	"holdfast/load"
	"holdfast/mode"
	"holdfast/report"
)

// renewal is the drill of a process of Holdfast itself that went as it should: the
// next one ran after 5 ms and did its work after 100, and nobody noticed.
func renewal(of mode.Mode) ownFacts {
	f := ownFacts{
		facts: facts{
			mode: mode.OfHoldfast(&holdfast.System{Services: []holdfast.Service{{Manage: holdfast.Full}}})[0], by: holdfast.Drill{Fault: of.Fault},
			service: holdfast.Service{Name: "holdfast"}, victim: holdfast.Victim{ID: id("gateway-1#1"), Pid: 7},
			injected: began, ended: began + 4*time.Second, witness: "exit of pid 7 seen by load", reached: 800,
		},
		renewed: began + 5*time.Millisecond, answered: began + 100*time.Millisecond, previous: 41,
		lives: map[holdfast.ReplicaName]life{"cart-1": {started: holdfast.Started{ID: id("cart-1#1"), Pid: 8}, admitted: true}},
	}
	f.mode.Kind, f.mode.Bounds, f.mode.Strikes.Role = of.Kind, of.Bounds, of.Role
	f.after = map[holdfast.ReplicaName]life{"cart-1": f.lives["cart-1"]}
	for due := began; due < f.ended; due += 5 * time.Millisecond {
		f.results = append(f.results, load.Result{Target: "cart:80", Intended: int64(due), Sent: int64(due), Ended: int64(due + time.Millisecond), Status: 200})
	}
	return f.says(42, holdfast.Admitted{ID: id("cart-1#1")})
}

func (f ownFacts) says(seq uint64, body event.Body) ownFacts {
	f.entries = append(slices.Clip(f.entries), event.Entry{ID: event.ID{Seq: seq}, At: event.At{Boot: began + 50*time.Millisecond}, Body: body})
	return f
}

// fails makes the first requests fail.
func (f ownFacts) fails(n int, how string) ownFacts {
	f.results = slices.Clone(f.results)
	for i := range n {
		f.results[i].Failed, f.results[i].Status, f.results[i].Error = true, 0, how
	}
	return f
}

func TestWhatIsAskedOfHoldfastItself(t *testing.T) {
	with := func(of mode.Mode, change func(*ownFacts)) ownFacts {
		f := renewal(of)
		change(&f)
		return f
	}
	for what, c := range map[string]struct {
		facts   ownFacts
		verdict holdfast.Verdict
		reason  string
	}{
		"the next agent goes on":            {renewal(mode.AgentCrash()), holdfast.Pass, ""},
		"the next gateway goes on":          {renewal(mode.GatewayCrash()), holdfast.Pass, ""},
		"a request is lost with the agent":  {renewal(mode.AgentCrash()).fails(1, "answer: EOF"), holdfast.Fail, "1 of 800 requests were hurt; the first: GET cart:80 answer: EOF"},
		"what was under way in the gateway": {renewal(mode.GatewayCrash()).fails(16, "answer: EOF"), holdfast.Pass, ""},
		"more than was under way":           {renewal(mode.GatewayCrash()).fails(17, "answer: EOF"), holdfast.Fail, "17 of 800 requests were hurt"},
		"one is turned away":                {renewal(mode.GatewayCrash()).fails(1, "connect: connection refused"), holdfast.Fail, "1 connections were refused"},
		"a replica is another process": {with(mode.AgentCrash(), func(f *ownFacts) {
			f.after = map[holdfast.ReplicaName]life{"cart-1": {started: holdfast.Started{ID: id("cart-1#2"), Pid: 9}}}
		}), holdfast.Fail, "cart-1#1 (pid 8) became cart-1#2 (pid 9)"},
		"a replica ended":                          {renewal(mode.GatewayCrash()).says(43, holdfast.Exited{ID: id("cart-1#1"), Status: holdfast.ExitStatus{Signal: "SIGKILL"}}), holdfast.Fail, "cart-1#1 ended: SIGKILL"},
		"the journal lacks an entry":               {renewal(mode.AgentCrash()).says(44, event.Woken{Pid: 9}), holdfast.Fail, "the journal goes on at 44 after 42"},
		"the gateway ended with the agent":         {with(mode.AgentCrash(), func(f *ownFacts) { f.roles, f.rolesAfter = pids(3, 4), pids(5, 6) }), holdfast.Fail, "the gateway (pid 4) became pid 6"},
		"the agent ends with the keeper":           {with(mode.KeeperCrash(), func(f *ownFacts) { f.roles, f.rolesAfter = pids(3, 4), pids(5, 4) }), holdfast.Pass, ""},
		"the gateway ended with the keeper":        {with(mode.KeeperCrash(), func(f *ownFacts) { f.roles, f.rolesAfter = pids(3, 4), pids(5, 6) }), holdfast.Fail, "the gateway (pid 4) became pid 6"},
		"nobody took its place":                    {with(mode.AgentCrash(), func(f *ownFacts) { f.renewed, f.answered = 0, 0 }), holdfast.Fail, "the next agent was never started"},
		"its place is taken and nothing done":      {with(mode.AgentCrash(), func(f *ownFacts) { f.answered = 0 }), holdfast.Fail, "the next agent did not do its work 4s after the fault"},
		"it came back late":                        {with(mode.GatewayCrash(), func(f *ownFacts) { f.answered = began + 3*time.Second }), holdfast.Fail, "it was whole again only after 3s"},
		"it was noticed late":                      {with(mode.GatewayHang(), func(f *ownFacts) { f.renewed, f.answered = began+5*time.Second, began+5*time.Second }), holdfast.Fail, "noticing it took 5s"},
		"nobody saw it":                            {with(mode.GatewayCrash(), func(f *ownFacts) { f.witness = "" }), holdfast.Invalid, "no witness of the end of pid 7"},
		"too few asked":                            {with(mode.GatewayCrash(), func(f *ownFacts) { f.reached = 7 }), holdfast.Invalid, "only 7 requests were meant for holdfast"},
		"something is left":                        {with(mode.AgentCrash(), func(f *ownFacts) { f.residue = []string{"agent (pid 9) is stopped"} }), holdfast.Fail, "left something behind"},
		"the machine stood still, and it was late": {with(mode.GatewayCrash(), func(f *ownFacts) { f.stalled, f.answered = 200*time.Millisecond, began+3*time.Second }), holdfast.Invalid, starved},
		"the machine stood still, and one is out":  {with(mode.GatewayCrash(), func(f *ownFacts) { f.stalled = 200 * time.Millisecond }).fails(1, "connect: connection refused"), holdfast.Fail, "refused"},
	} {
		d := c.facts.judge()
		if d.Verdict != c.verdict || !strings.Contains(d.Reason, c.reason) || c.reason == "" && d.Reason != "" {
			t.Errorf("%s: %s %q, want %s %q", what, d.Verdict, d.Reason, c.verdict, c.reason)
		}
	}
	d := renewal(mode.GatewayCrash()).judge()
	if len(d.Steps) != 2 || d.Steps[0].Name != report.StepNotice || d.Steps[0].Took+d.Steps[1].Took != *d.Restore || len(d.Buckets) == 0 || len(d.Timeline) == 0 {
		t.Errorf("told as %+v", d.Account)
	}
	if d.Detect == nil || *d.Detect != 5 || d.Restore == nil || *d.Restore != 100 || d.Strikes != "gateway-1" || len(d.Remedies) != 1 || d.Fault != "kill" {
		t.Errorf("measured %+v", d)
	}
}

func pids(agent, gateway int) map[keeper.RoleName]int {
	return map[keeper.RoleName]int{keeper.Agent: agent, "gateway": gateway}
}

// A gateway does its work when all that were in use are in use again by it.
func TestWhenAGatewayHasEverythingInUse(t *testing.T) {
	lives := map[holdfast.ReplicaName]life{
		"cart-1": {started: holdfast.Started{ID: id("cart-1#1")}, admitted: true}, "cart-2": {started: holdfast.Started{ID: id("cart-2#1")}, admitted: true},
		"cart-3": {started: holdfast.Started{ID: id("cart-3#1")}}, // was out before
	}
	admitted := func(at time.Duration, who string) event.Entry {
		return event.Entry{At: event.At{Boot: at}, Body: holdfast.Admitted{ID: id(who)}}
	}
	for what, c := range map[string]struct {
		entries []event.Entry
		want    time.Duration
	}{
		"all":                              {[]event.Entry{admitted(12, "cart-1#1"), admitted(15, "cart-2#1"), admitted(19, "cart-2#1")}, 15},
		"one is missing":                   {[]event.Entry{admitted(12, "cart-1#1")}, 0},
		"one was said by the one before":   {[]event.Entry{admitted(9, "cart-1#1"), admitted(15, "cart-2#1")}, 0},
		"another life is in its place":     {[]event.Entry{admitted(12, "cart-1#1"), admitted(15, "cart-2#2")}, 0},
		"one is used that was not, before": {[]event.Entry{admitted(12, "cart-1#1"), admitted(15, "cart-2#1"), admitted(20, "cart-3#1")}, 15},
	} {
		if got := usedAgain(c.entries, lives, 10); got != c.want {
			t.Errorf("%s: after %d, want %d", what, got, c.want)
		}
	}
}
