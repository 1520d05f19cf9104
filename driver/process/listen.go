package process

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"
	"time"

	"holdfast"
	"holdfast/internal/proc"
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

// takenBy says why a port that the file fixes cannot be had, and what to do.
func takenBy(err error, port uint16) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return errors.New("only root may listen below 1024: run holdfast as root, or choose a higher port")
	case !errors.Is(err, errTaken):
		return err
	}
	if pid, program, ok := proc.Holder(port); ok {
		return fmt.Errorf("the port is taken by %s, pid %d: end it, or choose another port", program, pid)
	}
	return errors.New("the port is taken: end who listens there (ss -ltnp says who), or choose another port")
}
