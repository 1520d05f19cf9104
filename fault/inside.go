package fault

import "holdfast"

// tracerEnds is how what a tracer made is undone.
const tracerEnds = "SIGKILL to the tracer, which ends by itself 3 s after it was last renewed: the kernel lets everything go that it held"

// inside describes the faults that strike a process from inside its own bounds, for
// which signals and paths are not enough.
func inside() map[holdfast.FaultName]Description {
	return map[holdfast.FaultName]Description{
		"exit": {
			Does: "the process is made to exit with code 3, by ptrace", Witness: "the load process, told by the kernel",
			Undo: "nothing is left to put back", Layer: KernelLifetime, Ends: true, Needs: "ptrace, amd64",
		},
		"oom": {
			Does: "the kernel kills the process for want of memory, in a control group that was made full", Witness: "the load process, told of the end by the kernel, which counts the kill in that group",
			Undo: "what lives is moved back and the group removed", Layer: ByWarden, Ends: true, Needs: "control groups with the controller memory",
		},
		"hold": {
			Does: "every thread of the process group is held by ptrace", Witness: "the load process, which sees it stand still in /proc",
			Undo: tracerEnds, Layer: KernelLifetime, Needs: "ptrace",
		},
		"disk-full": {
			Does: "what is written below the data directory fails with ENOSPC", Witness: seenOnTheWay + " got status 500 or more",
			Undo: tracerEnds, Layer: KernelLifetime, Needs: "ptrace, amd64, a service that keeps files in `$DATA_DIR`",
		},
		"disk-slow": {
			Does: "what is written below the data directory, or waits to be on disk, takes a second longer", Witness: seenOnTheWay + " took at least 0.8 s",
			Undo: tracerEnds, Layer: KernelLifetime, Needs: "ptrace, amd64, a service that keeps files in `$DATA_DIR`",
		},
		"starve": {
			Does: "the process group gets little more processor time than it used, and shares it with a process that uses it up: most of every second it stands still", Witness: "the load process, which sees the kernel count in its control group how often it was throttled",
			Undo: "the processes are moved back and the group removed; who shares it does so by itself 3 s after it was last renewed", Layer: KernelLease, Needs: "control groups with the controller cpu",
		},
	}
}
