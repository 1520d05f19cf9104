//go:build !linux

package host

import "runtime"

func kernel() Fact {
	return Fact{Name: "kernel", Says: runtime.GOOS + " on " + runtime.GOARCH, Next: "holdfast runs here, without what needs the Linux kernel: adoption by start time, control groups, drills of a process"}
}

func missing(name string) Fact {
	return Fact{Name: name, Says: "this needs Linux", Next: "no step: it is not there on " + runtime.GOOS}
}

func ptrace() Fact   { return missing("ptrace") }
func nftables() Fact { return missing("nftables") }
func netem() Fact    { return missing("netem") }

func clock() Fact { return Fact{Name: "clock source", Good: true, Says: "the system's own"} }
