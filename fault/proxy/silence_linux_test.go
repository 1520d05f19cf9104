package proxy

import (
	"io"
	"net"
	"syscall"
	"testing"
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
