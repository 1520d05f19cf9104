package detect

import (
	"testing"
	"time"

	"holdfast"
)

func TestWhatChecksSay(t *testing.T) {
	const refused, missed, unreachable, unhealthy, slow = holdfast.SignRefused, holdfast.SignMissed, holdfast.SignUnreachable, holdfast.SignUnhealthy, holdfast.SignSlow
	for name, c := range map[string]struct {
		misses      []holdfast.Sign
		lateBefore  int // an answer came late before this miss, from 1
		bad, agreed bool
		sign        holdfast.Sign
	}{
		"one miss":                   {misses: []holdfast.Sign{missed}, sign: missed},
		"two":                        {misses: []holdfast.Sign{missed, missed}, bad: true, agreed: true, sign: missed},
		"one refusal":                {misses: []holdfast.Sign{refused}, bad: true, agreed: true, sign: refused},
		"two that differ":            {misses: []holdfast.Sign{missed, unreachable}, bad: true, sign: unreachable},
		"three of which two agree":   {misses: []holdfast.Sign{missed, unhealthy, unhealthy}, bad: true, agreed: true, sign: unhealthy},
		"answers that come late":     {misses: []holdfast.Sign{missed, missed, missed}, lateBefore: 2, bad: true, agreed: true, sign: slow},
		"unhealthy is not made slow": {misses: []holdfast.Sign{unhealthy, unhealthy}, lateBefore: 1, bad: true, agreed: true, sign: unhealthy},
	} {
		var got Checks
		for i, sign := range c.misses {
			now := time.Duration(i+1) * 300 * time.Millisecond
			if c.lateBefore == i+1 {
				got = got.Late(now)
			}
			got = got.Miss(sign, sign == missed, now)
		}
		if got.Bad(2) != c.bad || got.Agreed(2) != c.agreed || got.Sign() != c.sign {
			t.Errorf("%s: bad %v, agreed %v, %s", name, got.Bad(2), got.Agreed(2), got.Sign())
		}
		if got = got.Pass(time.Hour); got.Misses != 0 || got.Bad(1) || got.Mute(1) {
			t.Errorf("%s: a pass leaves %+v", name, got)
		}
	}
}

func TestALateAnswerIsForgotten(t *testing.T) {
	c := Checks{}.Late(time.Second).Miss(holdfast.SignMissed, true, time.Second+Linger)
	if c.Sign() != holdfast.SignMissed {
		t.Errorf("%s", c.Sign())
	}
}

func TestMuteIsEveryOne(t *testing.T) {
	c := Checks{}.Miss(holdfast.SignMissed, true, 1).Miss(holdfast.SignMissed, false, 2).Miss(holdfast.SignMissed, true, 3)
	if c.Mute(2) || !c.Miss(holdfast.SignMissed, true, 4).Mute(2) {
		t.Error("a byte between two mute misses does not count")
	}
}

func TestPassesOfOneMomentAreOne(t *testing.T) {
	c := Checks{}.Pass(time.Second).Pass(time.Second + 50*time.Millisecond)
	if c.Passes != 1 {
		t.Errorf("%d passes", c.Passes)
	}
	if c = c.Pass(time.Second + 100*time.Millisecond); c.Passes != 2 {
		t.Errorf("%d passes", c.Passes)
	}
	if c.Miss(holdfast.SignMissed, true, 2*time.Second).Passes != 0 {
		t.Error("a miss leaves passes")
	}
}

func TestQuiet(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name   string
		looks  [][2]time.Duration // oldest waiting since, last byte at
		at     time.Duration
		factor int
		want   bool
	}{
		{"nothing waits", [][2]time.Duration{{0, 0}}, 9000 * ms, 1, false},
		{"a request waits for more than a second", [][2]time.Duration{{100 * ms, 50 * ms}}, 1200 * ms, 1, true},
		{"not yet", [][2]time.Duration{{100 * ms, 50 * ms}}, 1199 * ms, 1, false},
		{"a byte came on another connection", [][2]time.Duration{{100 * ms, 50 * ms}, {100 * ms, 600 * ms}}, 1200 * ms, 1, false},
		{"one waits after the other", [][2]time.Duration{{100 * ms, 0}, {500 * ms, 0}, {900 * ms, 0}}, 1200 * ms, 1, true},
		{"nobody waited in between", [][2]time.Duration{{100 * ms, 0}, {0, 0}, {900 * ms, 0}}, 1200 * ms, 1, false},
		{"the observer is ill", [][2]time.Duration{{100 * ms, 0}}, 1200 * ms, 2, false},
	} {
		var q Quiet
		for _, look := range c.looks {
			q = q.Look(look[0], look[1])
		}
		if got := q.Silent(c.at, c.factor); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
