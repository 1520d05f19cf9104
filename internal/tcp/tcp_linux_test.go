package tcp

import (
	"io"
	"net"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// A listener that drops what comes before TCP sees it is a link that loses: what
// was sent is sent again. One that never confirms is half open.
func TestWhatTheKernelSays(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	address := listener.Addr().String()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	theirs, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	io.WriteString(conn, "heard")
	io.ReadFull(theirs, make([]byte, 5))
	if resent := Resent(conn.(*net.TCPConn)); resent != 0 {
		t.Errorf("%d packets were sent again, and none was lost", resent)
	}
	if HalfOpen(address) {
		t.Error("half open, and nobody wishes to connect")
	}
	deafen(t, theirs.(*net.TCPConn))
	io.WriteString(conn, "not heard")
	wait(t, "it is sent again", func() bool { return Resent(conn.(*net.TCPConn)) > 0 })
	if HalfOpen("127.0.0.1") || HalfOpen("[::1]:80") {
		t.Error("half open at what is no address of IPv4")
	}
}

func TestAWishToConnectThatIsNotConfirmed(t *testing.T) {
	// An open that is not confirmed: the one who asks drops every answer.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialer := net.Dialer{Timeout: 300 * time.Millisecond, Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { attach(t, fd) })
	}}
	if conn, err := dialer.Dial("tcp", listener.Addr().String()); err == nil {
		conn.Close()
		t.Skip("this kernel connects deaf sockets")
	}
	if !HalfOpen(listener.Addr().String()) {
		t.Error("nobody says that a wish to connect arrived")
	}
}

func TestWhoIsConnected(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	address := listener.Addr().String()
	if Connected(address) {
		t.Error("somebody is connected before anybody was")
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if !Connected(address) {
		t.Error("nobody is connected, it says")
	}
	conn.Close()
	wait(t, "nobody is connected", func() bool { return !Connected(address) })
}

func deafen(t *testing.T, conn *net.TCPConn) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { attach(t, fd) })
}

// attach gives a socket a filter that lets nothing pass.
func attach(t *testing.T, fd uintptr) {
	t.Helper()
	nothing := sockFilter{code: 0x06}
	program := sockProgram{length: 1, filter: &nothing}
	const attachFilter = 26
	if _, _, errno := syscall.Syscall6(syscall.SYS_SETSOCKOPT, fd, syscall.SOL_SOCKET, attachFilter,
		uintptr(unsafe.Pointer(&program)), unsafe.Sizeof(program), 0); errno != 0 {
		t.Fatal(errno)
	}
}

type sockFilter struct {
	code uint16
	_, _ uint8  // where a jump leads to
	_    uint32 // its operand
}

type sockProgram struct {
	length uint16
	filter *sockFilter
}

func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("it does not become so that %s", what)
		case <-poll.C:
		}
	}
}
