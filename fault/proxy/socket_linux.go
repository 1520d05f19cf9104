package proxy

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// deafen has the kernel drop every packet for a socket before TCP sees it, or
// stop doing so. A SYN gets no answer then, and what comes on an established
// connection is not acknowledged, so that its sender repeats it with growing
// pauses, as it does when a link is gone. Most kernels let anybody filter his own
// sockets, and some only who may administer the network: TrySilence asks.
// Sockets accepted from a deaf listener would be deaf too.
func deafen(socket syscall.Conn, deaf bool) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		if deaf {
			failed = attach(fd)
		} else if failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_DETACH_FILTER, 0); failed == syscall.ENOENT {
			failed = nil // it heard
		}
	})
	if errors.Is(err, os.ErrClosed) {
		return nil // closed meanwhile
	}
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("filter a socket: %w", err)
	}
	return nil
}

// attach gives a socket a filter of one instruction: let 0 bytes of a packet
// pass.
func attach(fd uintptr) error {
	nothing := syscall.SockFilter{Code: syscall.BPF_RET | syscall.BPF_K, K: 0}
	program := syscall.SockFprog{Len: 1, Filter: &nothing}
	_, _, errno := syscall.Syscall6(syscall.SYS_SETSOCKOPT, fd, syscall.SOL_SOCKET, syscall.SO_ATTACH_FILTER,
		uintptr(unsafe.Pointer(&program)), unsafe.Sizeof(program), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// anchor holds a port while nobody listens on it, any for 0.
func anchor(port int) (*os.File, int, error) { return bind(port) }
