package proc

import (
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const (
	// lookUpTime is how long a sleep of the machine may stay unnoticed once it is over:
	// a tenth of a second, after hours.
	lookUpTime = 100 * time.Millisecond
	// sameTime is how far two readings of one distance may lie apart. Nobody sleeps so
	// short, and who was held up for longer between two clocks has read no distance.
	sameTime = time.Millisecond
)

// lookedUp is one instant by both clocks, shared by all that ask for the time; nil
// before anybody has.
var lookedUp atomic.Pointer[instant]

type instant struct {
	at   time.Time // by the runtime's clock, which does not count sleep
	boot time.Duration
}

func (i *instant) bootAt(at time.Time) time.Duration { return i.boot + at.Sub(i.at) }

// Now is CLOCK_BOOTTIME: time since the machine's boot, sleep included. It is
// the same for every process of the machine, so instants of different processes
// compare.
//
// Go reads it by a system call only, its own clock without one. How far the two lie
// apart changes only while the machine sleeps; it is looked up anew every 100 ms.
func Now() time.Duration {
	if known := lookedUp.Load(); known != nil {
		if since := time.Since(known.at); since >= 0 && since < lookUpTime {
			return known.boot + since
		}
	}
	return lookUp()
}

// lookUp reads both clocks. A distance that is the same is kept to the nanosecond:
// time that is looked up does not go backwards.
func lookUp() time.Duration {
	at, boot := time.Now(), bootTime()
	if time.Since(at) > sameTime {
		return boot
	}
	known := lookedUp.Load()
	if known != nil && (boot-known.bootAt(at)).Abs() < sameTime {
		boot = known.bootAt(at)
	}
	if !lookedUp.CompareAndSwap(known, &instant{at: at, boot: boot}) {
		return lookedUp.Load().bootAt(at) // another has just looked, and all go by one distance
	}
	return boot
}

func bootTime() time.Duration {
	var ts syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockBoottime, uintptr(unsafe.Pointer(&ts)), 0)
	return time.Duration(ts.Nano())
}
