package fault

import (
	"errors"
	"io/fs"
	"runtime"

	"holdfast"
	"holdfast/fault/proxy"
	"holdfast/internal/cgroup"
)

// Possible says why a fault cannot be made on this host, and what to do about
// it; nothing where it can. It changes nothing and asks nobody else.
func Possible(name holdfast.FaultName) (why, next string) {
	if _, exists := Find(name); !exists {
		return "this version cannot make the fault " + string(name), "write `break:` and `mend:` commands for it"
	}
	if probe := probes()[name]; probe != nil {
		return probe()
	}
	return "", ""
}

// A probe asks the host for what one fault needs.
type probe func() (why, next string)

// probes are those of the faults that not every host can make.
func probes() map[holdfast.FaultName]probe {
	return map[holdfast.FaultName]probe{
		"stop": needsProcfs, "hold": needsPtrace, "exit": needsRegisters, "disk-full": needsRegisters, "disk-slow": needsRegisters,
		"oom": needsGroups(cgroup.Memory), "starve": needsGroups(cgroup.CPU),
		"blackhole": needsPacketFilter,
		"one-way":   needsPacketFilter,
		"lossy":     needsPacketFilter,
		"silence":   needsDeafness,
		"sever":     needsDeafness,
	}
}

// needsProcfs is for what is seen in /proc alone.
func needsProcfs() (why, next string) {
	if runtime.GOOS != "linux" {
		return "whether a process stands still is seen in /proc, which needs Linux", "drill it on a Linux host or in a Linux virtual machine"
	}
	return "", ""
}

// needsDeafness is for what is silent: the kernel drops what comes for a socket of
// the fault proxy.
func needsDeafness() (why, next string) {
	switch err := proxy.TrySilence(); {
	case err == nil:
		return "", ""
	case errors.Is(err, fs.ErrPermission):
		return "only root may make a socket deaf under this kernel", "run prove as root, in a container with CAP_NET_ADMIN"
	default:
		return "the fault proxy cannot be made silent here: " + err.Error(), "drill it on a Linux host or in a Linux virtual machine"
	}
}
