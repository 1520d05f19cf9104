package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// A sky is what else the machine had to do.
type sky struct {
	Load  float64 `json:"load"`  // average of a minute, before it
	Steal float64 `json:"steal"` // share of the time that the host gave to others
}

// A reading is of the machine's clocks.
type reading struct{ load, steal, all float64 }

func weather() (r reading) {
	text, _ := os.ReadFile("/proc/loadavg")
	fmt.Sscan(string(text), &r.load)
	text, _ = os.ReadFile("/proc/stat")
	first, _, _ := strings.Cut(string(text), "\n")
	for n, field := range strings.Fields(first) {
		ticks, _ := strconv.ParseFloat(field, 64)
		const steal, guest = 8, 9 // guests' time is in user's already
		if n < guest {
			r.all += ticks
		}
		if n == steal {
			r.steal = ticks
		}
	}
	return r
}

// since is the sky from a reading until now.
func (r reading) since() sky {
	later := weather()
	return sky{Load: r.load, Steal: (later.steal - r.steal) / max(later.all-r.all, 1)}
}

// A use is how long processes have run.
type use struct {
	all time.Duration // all of a peer's
	own time.Duration // the one that carries the traffic
}

// used is the time that a peer's processes have taken so far, of user and
// kernel.
func (r *running) used() (total use) {
	for pid := range r.family() {
		took := consumed(pid)
		if total.all += took; r.carries == "" || r.role(pid) == r.carries {
			total.own += took
		}
	}
	return total
}

// role is the word of a command line that says what a process of several is.
func (r *running) role(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	for word := range bytes.SplitSeq(text, []byte{0}) {
		if string(word) == r.carries {
			return r.carries
		}
	}
	return ""
}

// each is what one of several requests took.
func (u use) each(before use, requests int64) (all, own time.Duration) {
	n := time.Duration(max(requests, 1))
	return (u.all - before.all) / n, (u.own - before.own) / n
}

// tick is the unit of the times in /proc/PID/stat: USER_HZ, which is 100 on
// every architecture of Linux that Go knows.
const tick = 10 * time.Millisecond

// consumed is utime and stime of one process.
func consumed(pid int) time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // one that ended counts for nothing
	_, after, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(after)
	const utime, stime = 11, 12 // counted from the state, which follows the name
	if len(fields) <= stime {
		return 0
	}
	user, _ := strconv.ParseInt(fields[utime], 10, 64)
	kernel, _ := strconv.ParseInt(fields[stime], 10, 64)
	return time.Duration(user+kernel) * tick
}

// bytes is the memory of a peer's processes, what they share counted once.
func (r *running) bytes() (total int64) {
	for pid := range r.family() {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
				kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				total += kib << 10
			}
		}
	}
	return total
}
