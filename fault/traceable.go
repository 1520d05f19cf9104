package fault

import (
	"context"
	"errors"
	"runtime"
	"time"

	"holdfast/fault/tracer"
	"holdfast/internal/cgroup"
)

// tryTime bounds how long a host is asked what it lets us do.
const tryTime = 2 * time.Second

// needsPtrace tries it, on a process of ours: rules of the kernel, of a container
// and of whoever set them up decide, and no file tells all of them.
func needsPtrace() (why, next string) {
	if why, next := needsProcfs(); why != "" {
		return why, next
	}
	ctx, cancel := context.WithTimeout(context.Background(), tryTime)
	defer cancel()
	if err := tracer.Try(ctx); errors.Is(err, tracer.ErrForbidden) {
		return "no process may hold another by ptrace here", "run holdfast as root, or set kernel.yama.ptrace_scope to 0; a container needs --cap-add SYS_PTRACE"
	} else if err != nil {
		return "holding a process by ptrace was tried and failed: " + err.Error(), "run holdfast as root, outside of a container"
	}
	return "", ""
}

// needsRegisters is for what writes into them.
func needsRegisters() (why, next string) {
	if runtime.GOARCH != "amd64" {
		return "it changes the registers of a process, which is known for amd64 only", "drill it on such a machine"
	}
	return needsPtrace()
}

// needsGroups tries whether a control group can be made.
func needsGroups(c cgroup.Controller) probe {
	return func() (why, next string) {
		if _, why := cgroup.Find("/").Can(c); why != "" {
			return "it needs a control group with the controller " + string(c) + ": " + why, "run holdfast as root, or let systemd delegate control groups to it"
		}
		return "", ""
	}
}
