//go:build linux && !amd64

package tracer

import (
	"syscall"

	"holdfast"
)

// errArchitecture says what cannot be made here: whose registers mean what is known
// for one architecture.
const errArchitecture = holdfast.Refusal("it is made by the registers of amd64, and this machine has another processor")

const native = 0

func writes(bool) (map[uint64]int, error) { return nil, errArchitecture }

func failCall(int, syscall.Errno) error { return errArchitecture }

func (t *tracing) exit() error { return errArchitecture }
