package detect

import (
	"testing"
	"time"
)

func TestFlapping(t *testing.T) {
	var f Flapping
	for i := range 3 {
		f = f.Down(time.Duration(i) * 10 * time.Second)
		if _, suppressed := f.Suppressed(time.Duration(i) * 10 * time.Second); suppressed {
			t.Errorf("suppressed at fall %d", i+1)
		}
	}
	now := 30 * time.Second
	f = f.Down(now)
	until, suppressed := f.Suppressed(now)
	if !suppressed || until < now+2*time.Minute || until > now+3*time.Minute {
		t.Errorf("four falls within half a minute: suppressed %v until %v", suppressed, until)
	}
	if _, still := f.Suppressed(until - time.Second); !still {
		t.Error("let go before its time")
	}
	if _, still := f.Suppressed(until + time.Millisecond); still {
		t.Error("not let go in time")
	}
	if f.Calm(until + time.Minute) {
		t.Error("forgotten at once")
	}
	if !f.Calm(until + 11*time.Minute) {
		t.Error("never forgotten")
	}
}

// However the four lie within the half minute.
func TestFourFallsWithinHalfAMinute(t *testing.T) {
	const last = 30
	for second := range last + 1 {
		for third := second; third <= last; third++ {
			var f Flapping
			for _, at := range []int{0, second, third, last} {
				f = f.Down(time.Duration(at) * time.Second)
			}
			now := last * time.Second
			if until, suppressed := f.Suppressed(now); !suppressed || until < now+2*time.Minute || until > now+3*time.Minute {
				t.Errorf("falls at 0, %d, %d and %d s: suppressed %v until %v", second, third, last, suppressed, until)
			}
		}
	}
}

func TestNobodyIsSuppressedForLongerThanAQuarterOfAnHour(t *testing.T) {
	var f Flapping
	for i := range 10_000 {
		now := time.Duration(i) * 100 * time.Millisecond
		f = f.Down(now)
		if until, suppressed := f.Suppressed(now); suppressed && until > f.since+15*time.Minute {
			t.Fatalf("fall %d: until %v, since %v", i, until, f.since)
		}
	}
}

func TestHoldDown(t *testing.T) {
	for _, c := range []struct {
		name  string
		mercy bool
		want  []time.Duration // one fall after the other, each 1 s after the return
	}{
		{"what checks can show passes once", true, []time.Duration{0, 2, 4, 8, 16, 32, 60, 60}},
		{"what they cannot does not", false, []time.Duration{2, 4, 8, 16, 32, 60, 60}},
	} {
		var h HoldDown
		var hold time.Duration
		now := time.Hour
		for i, want := range c.want {
			h, hold = h.Eject(now, c.mercy)
			if hold != want*time.Second {
				t.Errorf("%s: fall %d: %v", c.name, i+1, hold)
			}
			now += hold
			h = h.Admit(now)
			now += time.Second
		}
		steps := h.steps
		if h, _ = h.Eject(now+2*time.Minute, c.mercy); h.steps != steps-1 {
			t.Errorf("%s: two calm minutes leave %d of %d steps", c.name, h.steps-1, steps)
		}
		if h = h.Admit(now); h.Calm(now+time.Minute) || !h.Calm(now+time.Hour) {
			t.Errorf("%s: calm is wrong", c.name)
		}
	}
}

func TestHealth(t *testing.T) {
	var h Health
	now := time.Hour
	on := func(n int, every time.Duration) {
		for range n {
			now += every
			h = h.Tick(now)
		}
	}
	on(20, Pulse)
	if h.Factor() != 1 || !h.Trustworthy(now-time.Second, now) {
		t.Errorf("on time: %d", h.Factor())
	}
	on(1, Pulse+49*time.Millisecond)
	if h.Factor() != 1 {
		t.Errorf("hardly late: %d", h.Factor())
	}
	on(1, time.Second) // it stood still
	if h.Factor() != 2 || h.Trustworthy(now-500*time.Millisecond, now+10*time.Millisecond) {
		t.Errorf("late: %d", h.Factor())
	}
	if !h.Trustworthy(now+Pulse, now+Pulse+10*time.Millisecond) {
		t.Error("what began after it is not in doubt")
	}
	if h.Trustworthy(now+Pulse, now+time.Second) {
		t.Error("it is late right now, and does not know how late")
	}
	on(50, 200*time.Millisecond)
	if h.Factor() != 8 || !h.Trustworthy(0, now) {
		t.Errorf("late for ever: %d; whoever never trusts himself sees nothing", h.Factor())
	}
	on(35, Pulse)
	if h.Factor() != 5 {
		t.Errorf("three clean seconds: %d", h.Factor())
	}
	on(100, Pulse)
	if h.Factor() != 1 {
		t.Errorf("well again: %d", h.Factor())
	}
}
