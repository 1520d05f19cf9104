//go:build !linux

package proof

import (
	"syscall"
	"time"
)

// changed is when the kernel last noted a change of a file or of what is known
// about it.
func changed(stat *syscall.Stat_t) time.Duration { return time.Duration(stat.Ctimespec.Nano()) }
