//go:build !linux

package tracer

import (
	"context"

	"holdfast"
)

// errNeedsLinux says that there is no such ptrace here.
const errNeedsLinux = holdfast.Refusal("holding on to a process in this way needs Linux")

func Run([]string) error { return errNeedsLinux }

func Renew(Kind, int, uint64) error { return errNeedsLinux }

func End(context.Context, Kind, int, uint64) error { return nil }

func Try(context.Context) error { return errNeedsLinux }
