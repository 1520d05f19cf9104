package main

import (
	"context"
	"syscall"

	"holdfast/internal/unixsock"
)

// peer is the process that listens on a unix socket, by the kernel's word.
func peer(ctx context.Context, socket string) (pid int, err error) {
	conn, err := unixsock.Dial(ctx, socket)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var credentials *syscall.Ucred
	var asked error
	if err := raw.Control(func(fd uintptr) {
		credentials, asked = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil {
		return 0, err
	}
	if asked != nil {
		return 0, asked
	}
	return int(credentials.Pid), nil
}
