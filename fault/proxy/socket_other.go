//go:build !linux

package proxy

import (
	"os"
	"syscall"

	"holdfast"
)

// errNoFilter says that silence cannot be made here.
const errNoFilter = holdfast.Refusal("silence needs Linux, where a socket can be made to drop what comes")

func deafen(_ syscall.Conn, deaf bool) error {
	if deaf {
		return errNoFilter
	}
	return nil
}

// anchor finds a port that is free. Elsewhere two sockets of one port cannot
// take turns in listening, so while a front refuses its port may be lost to a
// stranger, which shows as the path's trouble.
func anchor(port int) (*os.File, int, error) {
	socket, port, err := bind(port)
	if err != nil {
		return nil, 0, err
	}
	return nil, port, socket.Close()
}
