package prove

import (
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/report"
)

// A machine that is busy with something else makes everything slow: it excuses
// times, and failed requests only where it stood still. Nothing excuses what is
// left behind or a write that is lost, and a PASS needs no excuse.
func TestABusyMachineExcusesSlownessOnly(t *testing.T) {
	slow, soon := report.Millis(5000), report.Millis(5)
	for name, c := range map[string]struct {
		stalled time.Duration
		change  func(*report.Drill)
		residue []string
		want    holdfast.Verdict
	}{
		"slow on a quiet machine":    {0, func(d *report.Drill) { d.Detect = &slow }, nil, holdfast.Fail},
		"noticed late":               {time.Second, func(d *report.Drill) { d.Detect = &slow }, nil, holdfast.Invalid},
		"answered late":              {time.Second, func(d *report.Drill) { d.Late, d.Impact = 300, 0.3 }, nil, holdfast.Invalid},
		"failed on a busy machine":   {stallRuinous, func(d *report.Drill) { d.Failed, d.Impact = 10, 0.01 }, nil, holdfast.Fail},
		"failed while it stood":      {time.Second, func(d *report.Drill) { d.Failed, d.Impact = 10, 0.01 }, nil, holdfast.Invalid},
		"failed and late":            {stallRuinous, func(d *report.Drill) { d.Failed, d.Late, d.Impact = 10, 300, 0.31 }, nil, holdfast.Fail},
		"never noticed":              {stallRuinous, func(d *report.Drill) { d.Detect = nil }, nil, holdfast.Fail},
		"never whole":                {stallRuinous, func(d *report.Drill) { d.Restore = nil }, nil, holdfast.Fail},
		"something was left":         {time.Second, func(*report.Drill) {}, []string{"sleep (pid 7)"}, holdfast.Fail},
		"all in time all the same":   {time.Second, func(*report.Drill) {}, nil, holdfast.Pass},
		"a stall that is tolerated":  {stallAllowed, func(d *report.Drill) { d.Detect = &slow }, nil, holdfast.Fail},
		"restored after its bound":   {time.Second, func(d *report.Drill) { d.Restore = &slow }, nil, holdfast.Invalid},
		"users whole after a while":  {time.Second, func(d *report.Drill) { d.Mitigate = &slow }, nil, holdfast.Invalid},
		"one failed, within a bound": {time.Second, func(d *report.Drill) { d.Failed, d.Late, d.Impact = 1, 300, 0.301 }, nil, holdfast.Invalid},
	} {
		d := report.Drill{Detect: &soon, Mitigate: &soon, Restore: &soon, Sent: 1000, Bounds: report.Bounds{Detect: 1000, Mitigate: 3000, Restore: 4000, Impact: 0.001}}
		c.change(&d)
		f := facts{witness: "exit of pid 7", reached: 1000, stalled: c.stalled, residue: c.residue, service: holdfast.Service{Name: "catalog", Replicas: 2}}
		got, why := verdict(f, story{}, d)
		if got != c.want {
			t.Errorf("%s: %s (%s), want %s", name, got, why, c.want)
		}
		if got == holdfast.Invalid && !strings.HasPrefix(why, starved) {
			t.Errorf("%s: %q is not tried again", name, why)
		}
	}
}

func TestABusyMachineLosesNoAcknowledgedWrite(t *testing.T) {
	soon := report.Millis(5)
	d := report.Drill{Detect: &soon, Mitigate: &soon, Restore: &soon, Sent: 1000, Bounds: report.Bounds{Detect: 1000, Mitigate: 3000, Restore: 4000, Impact: 0.001}}
	for _, stalled := range []time.Duration{stallAllowed + 1, stallRuinous + 1} {
		f := facts{witness: "exit of pid 7", reached: 1000, stalled: stalled, service: holdfast.Service{Name: "cart", Replicas: 2}, writes: writes{lost: true, wrong: []string{"1 of 9 acknowledged writes was lost"}}}
		if got, why := verdict(f, story{}, d); got != holdfast.Fail {
			t.Errorf("stalled for %s: %s (%s)", stalled, got, why)
		}
	}
}
