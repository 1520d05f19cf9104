package detect

import "testing"

// The integer rule, for every number of replicas from 1 to 5: how many traffic's
// evidence may put out, one after another, when it speaks against all of them.
func TestHowManyMayBePutOut(t *testing.T) {
	for n, want := range []int{0, 0, 1, 1, 2, 2} {
		f := Fleet{Living: n, Admitted: n, Minimum: 1}
		for f.MayEject() {
			f.Admitted--
			f.Passive++
		}
		if f.Passive != want {
			t.Errorf("%d replicas: %d put out, want %d", n, f.Passive, want)
		}
		if f.FailsOpen() {
			t.Errorf("%d replicas: put out and taken back at once", n)
		}
	}
}

func TestTheFleetsBounds(t *testing.T) {
	for _, c := range []struct {
		name              string
		fleet             Fleet
		eject, open, hold bool
	}{
		{"the declared minimum stays", Fleet{Living: 3, Admitted: 3, Minimum: 3}, false, false, true},
		{"one is out for another reason", Fleet{Living: 3, Admitted: 2, Minimum: 1}, false, false, true},
		{"fewer than half are left", Fleet{Living: 4, Admitted: 1, Passive: 2, Minimum: 1}, false, true, false},
		{"fewer than half, and none of them by traffic", Fleet{Living: 4, Admitted: 1, Minimum: 1}, false, false, false},
		{"half are left", Fleet{Living: 4, Admitted: 2, Passive: 2, Minimum: 1}, false, false, true},
		{"nobody is", Fleet{Living: 2, Passive: 1, Minimum: 1}, false, true, false},
	} {
		if got := c.fleet.MayEject(); got != c.eject {
			t.Errorf("%s: may eject %v", c.name, got)
		}
		if got := c.fleet.FailsOpen(); got != c.open {
			t.Errorf("%s: fails open %v", c.name, got)
		}
		if got := c.fleet.MayHold(); got != c.hold {
			t.Errorf("%s: may hold %v", c.name, got)
		}
	}
}

// Whatever has happened: what MayEject allows, FailsOpen does not take back.
func TestEjectingNeverFailsOpen(t *testing.T) {
	for living := range 8 {
		for admitted := range living + 1 {
			for passive := range living - admitted + 1 {
				for minimum := range 4 {
					f := Fleet{Living: living, Admitted: admitted, Passive: passive, Minimum: minimum}
					after := Fleet{Living: living, Admitted: admitted - 1, Passive: passive + 1, Minimum: minimum}
					if f.MayEject() && (after.FailsOpen() || after.Admitted < max(1, minimum) || 2*after.Passive > living) {
						t.Errorf("%+v may become %+v", f, after)
					}
				}
			}
		}
	}
}
