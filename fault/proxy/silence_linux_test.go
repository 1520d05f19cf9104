package proxy

import (
	"io"
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// TestSilenceIsNotAcknowledged: what is sent into it stays with its sender, as
// on a link that is gone. A proxy that only stopped reading would take it.
func TestSilenceIsNotAcknowledged(t *testing.T) {
	r := newRig(t, well)
	conn, _ := r.kept()
	until(t, "all that was sent is acknowledged", func() bool { return unacknowledged(t, conn) == 0 })
	r.set(Rule{Kind: Silence})
	io.WriteString(conn, get)
	until(t, "the kernel sends it again", func() bool { return sentAgain(t, conn) > 1 })
	if held := unacknowledged(t, conn); held != len(get) {
		t.Errorf("%d of %d bytes are not acknowledged", held, len(get))
	}
	r.clear(Silence)
	until(t, "it is acknowledged after all", func() bool { return unacknowledged(t, conn) == 0 })
}

func control(t *testing.T, conn *net.TCPConn, do func(fd uintptr) syscall.Errno) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var errno syscall.Errno
	if err := raw.Control(func(fd uintptr) { errno = do(fd) }); err != nil || errno != 0 {
		t.Fatal(err, errno)
	}
}

// unacknowledged is how many bytes a socket keeps because nobody confirmed them.
func unacknowledged(t *testing.T, conn *net.TCPConn) int {
	t.Helper()
	var bytes int32
	control(t, conn, func(fd uintptr) syscall.Errno {
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&bytes)))
		return errno
	})
	return int(bytes)
}

// sentAgain is how often in a row a socket has sent the same.
func sentAgain(t *testing.T, conn *net.TCPConn) int {
	t.Helper()
	var info [104]byte // struct tcp_info; its third byte counts
	size := uint32(len(info))
	control(t, conn, func(fd uintptr) syscall.Errno {
		_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.IPPROTO_TCP, syscall.TCP_INFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		return errno
	})
	return int(info[2])
}

// TestAFullBacklogIsNotASecondLost: a replica with a backlog of five drops what
// comes sixth. It is asked again long before the kernel would.
func TestAFullBacklogIsNotASecondLost(t *testing.T) {
	address, accept := crowded(t)
	done := make(chan error, 1)
	began := time.Now()
	go func() {
		conn, err := dial(t.Context(), address)
		if err == nil {
			conn.Close()
		}
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("the backlog is full, and the connect ended with %v", err)
	case <-time.After(2 * firstDial):
	}
	accept()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 900*time.Millisecond {
		t.Errorf("it took %s: that was the kernel's second try", took)
	}
}

// crowded listens with the smallest backlog there is, and fills it. accept makes
// room.
func crowded(t *testing.T) (address string, accept func()) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = syscall.Listen(fd, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address = net.JoinHostPort("127.0.0.1", strconv.Itoa(name.(*syscall.SockaddrInet4).Port))
	full := false
	for range 8 {
		conn, err := net.DialTimeout("tcp", address, 20*time.Millisecond)
		if full = err != nil; full {
			break
		}
		t.Cleanup(func() { conn.Close() })
	}
	if !full {
		t.Skip("this kernel takes more than its backlog")
	}
	return address, func() {
		if taken, _, err := syscall.Accept(fd); err == nil {
			syscall.Close(taken)
		}
	}
}
