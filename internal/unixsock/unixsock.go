// Package unixsock listens, serves and dials on unix sockets in state directories,
// whose paths may be longer than the kernel's limit for a socket address (108
// bytes on Linux, 104 elsewhere).
package unixsock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// A refusal is why a path is not listened on.
type refusal string

func (r refusal) Error() string { return string(r) }

// ErrServed refuses a socket that has an owner.
const ErrServed = refusal("somebody serves it already")

// limit is the longest address every system takes, its final zero included.
const limit = 104

// Listen listens on path with mode 0600. A socket that nobody serves any more
// is replaced; one that is served is an error that says so.
func Listen(path string) (*net.UnixListener, error) {
	if conn, err := Dial(context.Background(), path); err == nil {
		conn.Close()
		return nil, fmt.Errorf("listen on %s: %w", path, ErrServed)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("replace a stale socket: %w", err)
	}
	short, done, err := shorten(path)
	if err != nil {
		return nil, err
	}
	defer done()
	// The mask keeps the moment between bind and chmod closed to others. It is
	// the process's, not the thread's; our processes create nothing that needs
	// a wider one.
	old := syscall.Umask(0o177)
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
	syscall.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	listener.SetUnlinkOnClose(false) // by its short name it would miss; the next Listen replaces it
	return listener, nil
}

// Dial connects to the socket at path.
func Dial(ctx context.Context, path string) (*net.UnixConn, error) {
	short, done, err := shorten(path)
	if err != nil {
		return nil, err
	}
	defer done()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", short)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", path, err)
	}
	return conn.(*net.UnixConn), nil
}

// shorten gives a name of the same socket that fits into an address: through
// a descriptor of its directory, which lives until done is called.
func shorten(path string) (short string, done func(), err error) {
	if len(path) < limit {
		return path, func() {}, nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	short = fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))
	if _, err := os.Stat(filepath.Dir(short)); err != nil {
		dir.Close()
		return "", nil, fmt.Errorf("%s is too long for a socket here: use a shorter --state directory", path)
	}
	return short, func() { dir.Close() }, nil
}
