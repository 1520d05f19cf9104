package fault

import (
	"maps"

	"holdfast"
)

// A Description is what a person wants to know of a fault before it is made.
// docs/faults.md is made of these.
type Description struct {
	Does    string // "SIGKILL to the process"
	Witness string // who sees it, that is neither its injector nor the gateway
	Undo    string // what putting it back is
	Layer   Layer  // what puts it back first when nobody alive does
	Needs   string // of the host; empty: nothing beyond what a private copy needs
	Ends    bool   // its victim does not survive it: no undo brings it back, a new process does
}

// A Layer is one of those that put a fault back. Each stands behind the one
// before it: what a layer does not reach, the next one does.
type Layer string

// The layers, the surest first.
const (
	KernelLease    Layer = "lease"    // L0: whoever carries it out, the kernel or the proxy in the path, withdraws it unless it is renewed
	KernelLifetime Layer = "lifetime" // L1: the kernel ends it with the process that holds it
	ByWarden       Layer = "warden"   // L2: a process of its own, that has the ledger, sees prove die or get stuck
	BySweep        Layer = "sweep"    // L3: the next start, or heal, reads the ledgers of the dead
	ByResidue      Layer = "residue"  // L4: what all of these left is found before the verdict, and fails it
)

// A Standing is a layer with what it does, and how soon after a loss it has.
type Standing struct {
	Name   Layer
	Does   string
	Within string
}

// Layers are all layers, in the order in which they stand behind each other.
func Layers() []Standing {
	return []Standing{
		{Name: KernelLease, Does: "Whoever carries the fault out, the kernel or the proxy in the path, withdraws it when it was not renewed: an injector that is alive and stuck loses too.", Within: "3 s of the last renewal"},
		{Name: KernelLifetime, Does: "It is held by a process and ends with it, or its victim does not outlive it.", Within: "the instant of its end"},
		{Name: ByWarden, Does: "A process of its own has the ledger, and undoes when prove, or the keeper of the copy, is dead or silent. If it is the one that dies, prove does its work.", Within: "5 s; of hooks, as long as their mends take besides"},
		{Name: BySweep, Does: "Every start of prove, and `holdfast heal`, read the ledgers of runs whose prove and warden are dead, and need no agent.", Within: "the next start"},
		{Name: ByResidue, Does: "Before a verdict, processes, stopped processes and open faults are compared with those before the drill: anything left fails it, and is named.", Within: "the drill"},
	}
}

// Describe says what a fault is; a zero Description where it is none of ours.
func Describe(name holdfast.FaultName) Description {
	if d, ok := descriptions()[name]; ok {
		return d
	}
	return inside()[name]
}

// What several faults have in common.
const (
	seenOnTheWay  = "the load's own requests to the replica, past every gateway,"
	rulesWithdrew = "the rule is taken out of the proxy, which forgets it by itself 3 s after it was last renewed"
	tableRemoved  = "the table of rules is removed; the kernel ends its effect by itself 3 s after it was last renewed"
	packetFilter  = "root, and a kernel with nftables"
	deafSockets   = "Linux, and root where the kernel lets nobody else filter his own sockets"
)

// descriptions has a line for each fault of All that is not one of inside.
func descriptions() map[holdfast.FaultName]Description {
	all := map[holdfast.FaultName]Description{
		"kill": {
			Does: "SIGKILL to the process", Witness: "the load process, told by the kernel",
			Undo: "nothing is left to put back", Layer: KernelLifetime, Ends: true,
		},
		"storm": {
			Does: "SIGKILL to the process, and again each time its successor is ready, three times in all", Witness: "the load process, told of each by the kernel",
			Undo: "nothing is left to put back", Layer: KernelLifetime, Ends: true,
		},
		"stop": {
			Does: "SIGSTOP to the process group", Witness: "the load process, which sees it stopped in /proc",
			Undo: "SIGCONT to the group", Layer: ByWarden,
		},
		"delay": {
			Does: "one second on every answer", Witness: seenOnTheWay + " took at least 0.8 s",
			Undo: rulesWithdrew, Layer: KernelLease,
		},
		"fail": {
			Does: "status 500 for every answer but the health path's", Witness: seenOnTheWay + " got it",
			Undo: rulesWithdrew, Layer: KernelLease,
		},
		"halve": {
			Does: "every answer but the health path's is cut in the middle", Witness: seenOnTheWay + " got half of one",
			Undo: rulesWithdrew, Layer: KernelLease,
		},
		"reset": {
			Does: "connections are reset, the established at once, others when their answer begins", Witness: seenOnTheWay + " were reset",
			Undo: rulesWithdrew, Layer: KernelLease,
		},
		"refuse": {
			Does: "new connections are refused, established ones reset", Witness: seenOnTheWay + " were refused",
			Undo: rulesWithdrew, Layer: KernelLease,
		},
		"silence": {
			Does: "nothing is answered, neither connects nor what is connected", Witness: seenOnTheWay + " got neither answer nor refusal",
			Undo: rulesWithdrew, Layer: KernelLease, Needs: deafSockets,
		},
		"sever": {
			Does: "every replica of the service refuses, and after 1.5 s is silent", Witness: "the load's own requests to every replica were refused, then silent",
			Undo: rulesWithdrew, Layer: KernelLease, Needs: deafSockets,
		},
		holdfast.FaultHook: {
			Does: "what the file's `break` command does", Witness: "the load's own requests to the struck replicas, or the end of their process",
			Undo: "the file's `mend` command, which must be right any number of times", Layer: ByWarden,
		},
	}
	maps.Copy(all, linkDescriptions())
	all["flood"] = Description{
		Does: "a process of its own asks for three times what the service bears, with the lowest priority, through the gateway", Witness: "requests of the same priority by the load process, which were answered before, are refused",
		Undo: "SIGKILL to that process, which ends by itself 3 s after it was last renewed, and after a minute in any case", Layer: KernelLease,
	}
	return all
}

// linkDescriptions are those of faults that make a path long, narrow, unsteady or
// leaky.
func linkDescriptions() map[holdfast.FaultName]Description {
	return map[holdfast.FaultName]Description{
		"lag": {
			Does: "every byte comes half a second later, give or take a tenth, both ways", Witness: seenOnTheWay + " took at least 0.8 s",
			Undo: rulesWithdrew, Layer: KernelLease,
		},
		"throttle": {
			Does: "the path lets 2 KiB a second through, each way", Witness: seenOnTheWay + " took at least half a second, or got nothing on a connection that was made",
			Undo: rulesWithdrew, Layer: KernelLease,
		},
		"flap": {
			Does: "status 500 for a second and none for 1.5 s, by turns, health path spared", Witness: seenOnTheWay + " got it, then none, then it again",
			Undo: rulesWithdrew, Layer: KernelLease,
		},
		"blackhole": {
			Does: "the kernel drops every packet to the replica", Witness: seenOnTheWay + " could not connect, and nothing of them arrived",
			Undo: tableRemoved, Layer: KernelLease, Needs: packetFilter,
		},
		"one-way": {
			Does: "the kernel drops every packet from the replica", Witness: seenOnTheWay + " could not connect although they arrived",
			Undo: tableRemoved, Layer: KernelLease, Needs: packetFilter,
		},
		"lossy": {
			Does: "the kernel drops one packet in three, both ways", Witness: "the load process, told by the kernel how many packets of its own requests had to be sent again",
			Undo: tableRemoved, Layer: KernelLease, Needs: packetFilter,
		},
	}
}
