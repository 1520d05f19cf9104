package proxy

import (
	"fmt"
	"net"
	"os"
	"syscall"
)

// backlog is how many connections may wait to be accepted; the kernel lowers it
// to its own limit.
const backlog = 4096

// listen listens on a port of loopback, deaf from the start where that is
// asked.
func listen(port int, silent bool) (*net.TCPListener, error) {
	socket, _, err := bind(port)
	if err != nil {
		return nil, fmt.Errorf("listen on port %d: %w", port, err)
	}
	defer socket.Close() // the listener has a descriptor of its own
	if silent {
		err = deafen(socket, true)
	}
	if err == nil {
		err = syscall.Listen(int(socket.Fd()), backlog)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on port %d: %w", port, err)
	}
	listener, err := net.FileListener(socket)
	if err != nil {
		return nil, fmt.Errorf("listen on port %d: %w", port, err)
	}
	return listener.(*net.TCPListener), nil
}

// bind makes a socket on a port of loopback, any for 0. Others of ours may be
// bound to it too, as long as none of them listens.
func bind(port int) (socket *os.File, at int, err error) {
	syscall.ForkLock.RLock()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, 0, err
	}
	socket = os.NewFile(uintptr(fd), "front")
	err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	}
	var bound syscall.Sockaddr
	if err == nil {
		bound, err = syscall.Getsockname(fd)
	}
	if err != nil {
		socket.Close()
		return nil, 0, err
	}
	return socket, bound.(*syscall.SockaddrInet4).Port, nil
}

// TrySilence makes a socket deaf that nobody knows, to learn whether this process,
// and a proxy that it starts, may.
func TrySilence() error {
	socket, _, err := bind(0)
	if err != nil {
		return fmt.Errorf("try silence: %w", err)
	}
	defer socket.Close()
	if err := deafen(socket, true); err != nil {
		return fmt.Errorf("try silence: %w", err)
	}
	return nil
}

// stopListening makes a listener refuse from this instant.
func stopListening(listener *net.TCPListener) {
	raw, err := listener.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) { syscall.Shutdown(int(fd), syscall.SHUT_RD) })
}
