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
			got = got.Miss(sign, sign == missed, now, now)
		}
		if got.Bad(2) != c.bad || got.Agreed(2) != c.agreed || got.Sign() != c.sign {
			t.Errorf("%s: bad %v, agreed %v, %s", name, got.Bad(2), got.Agreed(2), got.Sign())
		}
		if got = got.Pass(time.Hour, time.Hour); got.Misses != 0 || got.Bad(1) || got.Mute(1) {
			t.Errorf("%s: a pass leaves %+v", name, got)
		}
	}
}

func TestALateAnswerIsForgotten(t *testing.T) {
	c := Checks{}.Late(time.Second).Miss(holdfast.SignMissed, true, time.Second, time.Second+Linger)
	if c.Sign() != holdfast.SignMissed {
		t.Errorf("%s", c.Sign())
	}
}

func TestMuteIsEveryOne(t *testing.T) {
	c := Checks{}.Miss(holdfast.SignMissed, true, 1, 1).Miss(holdfast.SignMissed, false, 2, 2).Miss(holdfast.SignMissed, true, 3, 3)
	if c.Mute(2) || !c.Miss(holdfast.SignMissed, true, 4, 4).Mute(2) {
		t.Error("a byte between two mute misses does not count")
	}
}

func TestPassesOfOneMomentAreOne(t *testing.T) {
	c := Checks{}.Pass(0, time.Second).Pass(0, time.Second+50*time.Millisecond)
	if c.Passes != 1 {
		t.Errorf("%d passes", c.Passes)
	}
	if c = c.Pass(0, time.Second+100*time.Millisecond); c.Passes != 2 {
		t.Errorf("%d passes", c.Passes)
	}
	if c.Miss(holdfast.SignMissed, true, 0, 2*time.Second).Passes != 0 {
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

// A replica that missed its checks beside another and passes again has only
// recovered first, until the other misses one that began after that.
func TestWhoOutdoesAnother(t *testing.T) {
	pass := func(began time.Duration) func(Checks) Checks {
		return func(c Checks) Checks { return c.Pass(began, began+1) }
	}
	miss := func(began time.Duration) func(Checks) Checks {
		return func(c Checks) Checks { return c.Miss(holdfast.SignMissed, true, began, began+300) }
	}
	for _, c := range []struct {
		name      string
		one, than []func(Checks) Checks
		want      bool
	}{
		{"nothing is known of it", nil, []func(Checks) Checks{miss(10)}, false},
		{"it passed before the other missed", []func(Checks) Checks{pass(9)}, []func(Checks) Checks{miss(10)}, false},
		{"it passed meanwhile", []func(Checks) Checks{pass(10)}, []func(Checks) Checks{miss(10)}, true},
		{"it had missed long before", []func(Checks) Checks{miss(5), pass(10)}, []func(Checks) Checks{miss(10)}, true},
		{"it missed, too", []func(Checks) Checks{pass(9), miss(11)}, []func(Checks) Checks{miss(10)}, false},
		{"it recovered first", []func(Checks) Checks{miss(11), pass(20)}, []func(Checks) Checks{miss(10), miss(20)}, false},
		{"the other did not recover", []func(Checks) Checks{miss(11), pass(20)}, []func(Checks) Checks{miss(10), miss(21)}, true},
		{"the other misses again after a pass", []func(Checks) Checks{pass(15)}, []func(Checks) Checks{miss(10), pass(16), miss(17)}, false},
		{"it was admitted in between", []func(Checks) Checks{miss(11), pass(20), Checks.Begin}, []func(Checks) Checks{miss(10), miss(20)}, false},
	} {
		var one, than Checks
		for _, do := range c.one {
			one = do(one)
		}
		for _, do := range c.than {
			than = do(than)
		}
		if got := one.Outdo(than); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestMissesBeginAnewAfterAPass(t *testing.T) {
	c := Checks{}.Miss(holdfast.SignMissed, true, 10, 40).Miss(holdfast.SignMissed, true, 20, 50)
	if got := c.MissingFor(60); got != 50 {
		t.Errorf("missing for %d, want 50", got)
	}
	c = c.Pass(30, 31).Miss(holdfast.SignMissed, true, 40, 50)
	if got := c.MissingFor(60); got != 20 || !c.PassedSince(30) || c.PassedSince(31) {
		t.Errorf("missing for %d, want 20; passed since 30: %v, since 31: %v", got, c.PassedSince(30), c.PassedSince(31))
	}
}
