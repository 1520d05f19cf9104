//go:build linux

package main

import (
	"maps"
	"syscall"
	"testing"
	"time"

	"holdfast"
)

// TestTheAgentMayDie kills the agent again and again under load: it is nobody's
// traffic and nobody's parent.
func TestTheAgentMayDie(t *testing.T) {
	t.Parallel()
	s := newSystem(t, fifteenLines)
	s.detached()
	replicas := s.whole()
	guests := s.visitors(100, false)
	for range deaths(t) {
		agent := s.roleAt("agent")
		s.strike(agent, syscall.SIGKILL)
		await(t, "there is another agent", func() bool { return s.roleAt("agent") != agent })
		guests.more(10)
	}
	guests.unhurt()
	s.untouched(replicas)
	s.down()
}

// TestTheGatewayMayDie kills the gateway again and again under load: who comes
// waits for the next one, and only who was inside is hurt.
func TestTheGatewayMayDie(t *testing.T) {
	t.Parallel()
	s := newSystem(t, fifteenLines)
	s.detached()
	replicas := s.whole()
	guests := s.visitors(40, true) // after a second's wait they all come at once
	var killed []instant
	for range deaths(t) {
		gateway := s.roleAt("gateway")
		before := time.Now()
		s.strike(gateway, syscall.SIGKILL)
		killed = append(killed, instant{from: before, to: time.Now().Add(50 * time.Millisecond)})
		await(t, "there is another gateway", func() bool { now := s.roleAt("gateway"); return now != 0 && now != gateway })
		guests.more(5)
		guests.queueEnds()
	}
	guests.onlyInFlight(killed)
	s.untouched(replicas)
	s.down()
}

// deaths is how often a role is killed.
func deaths(t *testing.T) int {
	if testing.Short() {
		return 3
	}
	return 20
}

// An instant is when something happened, as exactly as could be seen.
type instant struct{ from, to time.Time }

// onlyInFlight ends the visits and holds that nobody was refused and that who
// was hurt was inside when the gateway was killed.
func (v *visitors) onlyInFlight(killed []instant) {
	v.Helper()
	v.leave()
	for _, h := range v.hurt {
		inside := false
		for _, kill := range killed {
			inside = inside || h.began.Before(kill.to) && h.ended.After(kill.from)
		}
		if h.refused || !inside {
			v.Errorf("hurt and not in flight at a kill: %s long: %s", h.ended.Sub(h.began), h.why)
		}
	}
	v.Logf("%d asked, %d hurt in %d kills, the slowest waited %s", v.asked, len(v.hurt), len(killed), v.worst.Round(time.Millisecond))
}

// untouched sees that the same processes are admitted as before.
func (s *system) untouched(before map[holdfast.ReplicaName]int) {
	s.Helper()
	if after := s.whole(); !maps.Equal(before, after) {
		s.Errorf("replicas were restarted: %v, before %v", after, before)
	}
}

// TestWhatIsStoppedIsReplaced stops the gateway and the agent, which keeps them
// alive and makes them useless.
func TestWhatIsStoppedIsReplaced(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"gateway", "agent"} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, pair)
			s.detached()
			replicas := s.whole()
			guests := s.visitors(20, true)
			guests.more(5)
			stopped, began := s.roleAt(role), time.Now()
			s.strike(stopped, syscall.SIGSTOP)
			await(t, "it is gone", func() bool { _, there := s.alive()[stopped]; return !there })
			took := time.Since(began)
			t.Logf("the %s was replaced after %s", role, took.Round(time.Millisecond))
			if took > 8*time.Second {
				t.Errorf("it took %s, want a few seconds", took)
			}
			guests.more(5)
			guests.onlyInFlight([]instant{{from: began, to: began.Add(took)}})
			s.untouched(replicas)
			s.down()
		})
	}
}
