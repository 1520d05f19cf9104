package process

import (
	"errors"
	"net"
	"syscall"
	"time"

	"holdfast"
)

// errTaken says that somebody listens on an address already.
const errTaken = holdfast.Refusal("somebody listens there")

// free tells by binding whether an address can be listened on.
func free(address string) error {
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return errTaken
	}
	if err != nil {
		return err
	}
	return listener.Close()
}

// answers tells whether anything takes a connection at an address. A quarter of
// a second is long for a machine's own loopback, even a starved one.
func answers(address string) bool {
	conn, err := net.DialTimeout("tcp", address, 250*time.Millisecond)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
