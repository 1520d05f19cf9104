//go:build !linux

package main

import (
	"context"
	"errors"
)

// peer cannot be asked here.
func peer(context.Context, string) (pid int, err error) {
	return 0, errors.New("the process behind a socket can be found on Linux only")
}
