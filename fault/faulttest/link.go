package faulttest

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"holdfast"
	"holdfast/internal/tcp"
)

// How long a victim is asked that should answer at once, and one that may be
// late.
const (
	soon = 400 * time.Millisecond
	long = 5 * time.Second
)

// well tells a victim that answers as if nothing was broken.
func well(v holdfast.Victim) bool {
	status, took, err := ask(v, "/", long)
	return err == nil && status == http.StatusOK && took < 900*time.Millisecond
}

// spared tells whether the health check is answered well.
func spared(v holdfast.Victim) bool {
	status, _, err := ask(v, HealthPath, long)
	return err == nil && status == http.StatusOK
}

// timesOut tells a victim that neither answers nor refuses.
func timesOut(v holdfast.Victim) bool {
	_, _, err := ask(v, "/", soon)
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// late tells whether a victim answers well, and no sooner than that.
func late(least time.Duration, path string) func(holdfast.Victim) bool {
	return func(v holdfast.Victim) bool {
		status, took, err := ask(v, path, long)
		return err == nil && status == http.StatusOK && took >= least
	}
}

func inPath(bitten func(holdfast.Victim) bool) Effect {
	return Effect{Bitten: bitten, Healed: well, Struck: InPath}
}

func byKernel(bitten func(holdfast.Victim) bool) Effect {
	return Effect{Bitten: bitten, Healed: well, Struck: InPath, ByKernel: true}
}

// untilNot is an effect of which one look may see nothing: it is over when it
// cannot be seen any more.
func untilNot(of Effect) Effect {
	of.Healed = func(v holdfast.Victim) bool { return well(v) && !of.Bitten(v) }
	return of
}

// linkEffects are those of faults that make a path long, narrow, unsteady or
// leaky.
func linkEffects() map[holdfast.FaultName]Effect {
	// A kilobyte comes at once through a narrow link; what is beyond it takes its time.
	large := "/?" + strings.Repeat("x", 2<<10)
	return map[holdfast.FaultName]Effect{
		"lag":       inPath(late(2*400*time.Millisecond, "/")),
		"throttle":  untilNot(inPath(late(500*time.Millisecond, large))),
		"flap":      untilNot(inPath(func(v holdfast.Victim) bool { return flaps(v) && spared(v) })),
		"blackhole": byKernel(func(v holdfast.Victim) bool { return timesOut(v) && !halfOpen(v) }),
		"one-way":   byKernel(func(v holdfast.Victim) bool { return timesOut(v) && halfOpen(v) }),
		"lossy":     untilNot(byKernel(losesPackets)),
	}
}

// halfOpen tells whether a wish to connect has arrived that was not confirmed.
func halfOpen(v holdfast.Victim) bool {
	address, err := front(v)
	return err == nil && tcp.HalfOpen(address)
}

// flaps asks a victim for as long as a flap takes to come round, and tells
// whether it failed at any time.
func flaps(victim holdfast.Victim) bool {
	const round = 3 * time.Second
	for deadline := time.Now().Add(round); time.Now().Before(deadline); {
		if status, _, err := ask(victim, "/", round); err == nil && status == http.StatusInternalServerError {
			return true
		}
	}
	return false
}

// losesPackets asks a victim twelve times at once and tells whether the kernel
// had to send anything again. Where one packet in three is lost, four of
// five connections lose something: that none of twelve does does not happen.
func losesPackets(victim holdfast.Victim) bool {
	address, err := front(victim)
	if err != nil {
		return false
	}
	const times = 12
	lost := make(chan bool, times)
	for range times {
		go func() { lost <- losesOne(address) }()
	}
	any := false
	for range times {
		any = <-lost || any
	}
	return any
}

func losesOne(address string) bool {
	conn, err := net.DialTimeout("tcp", address, 3*time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(3 * time.Second))
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: victim\r\n\r\n")
	conn.Read(make([]byte, 1))
	return tcp.Resent(conn.(*net.TCPConn)) > 0
}
