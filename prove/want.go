package prove

import (
	"fmt"
	"time"

	"holdfast/load"
)

// sawKillForMemory is the witness of a kill by the kernel: the end of the process,
// and that it was counted in its control group as one for want of memory.
func (d *drilling) sawKillForMemory() string {
	ended := d.sawExit()
	if ended == "" || rise(d.generator.Wants(), d.victim.Pid, d.injected, func(w load.Want) int64 { return w.Killed }) == 0 {
		return ""
	}
	return ended + ", and the kernel's count of kills for want of memory in its control group"
}

// sawThrottling is the witness of a process that gets less of a processor than it
// could use.
func (d *drilling) sawThrottling() string {
	n := rise(d.generator.Wants(), d.victim.Pid, d.injected, func(w load.Want) int64 { return w.Throttled })
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("pid %d seen throttled by load", d.victim.Pid)
}

// rise is how much a counter of a process rose since an instant.
func rise(wants []load.Want, pid int, since time.Duration, of func(load.Want) int64) int64 {
	var before, now int64
	for _, w := range wants {
		switch {
		case w.Pid != pid:
		case w.Seen < int64(since):
			before = of(w)
		default:
			now = of(w)
		}
	}
	return max(0, now-before)
}
