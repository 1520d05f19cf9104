package fault

import (
	"holdfast"
	"holdfast/fault/tracer"
)

// Hold has every thread of the victim's process group stand still, as Stop does,
// by ptrace instead of a signal: the kernel lets them go when the tracer ends, so
// that nobody has to be alive to undo it.
//
// What was held and is let go finds the system calls that it waited in gone on
// with; a few of them, epoll_wait among them, return EINTR, as after SIGCONT.
func Hold() holdfast.Leased { return traced{kind: tracer.Hold} }
