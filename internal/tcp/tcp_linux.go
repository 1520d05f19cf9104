package tcp

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"unsafe"
)

// Resent is how many packets the kernel sent again on a connection so far, those
// that made it included. On a link that loses none it is 0, however busy the
// machine: on loopback a packet is acknowledged before the one who sent it goes
// on.
func Resent(conn syscall.Conn) int {
	const totalRetrans = 100 // in struct tcp_info
	var info [totalRetrans + 4]byte
	size := uint32(len(info))
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0
	}
	var errno syscall.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.IPPROTO_TCP, syscall.TCP_INFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	})
	if err != nil || errno != 0 || size < uint32(len(info)) {
		return 0
	}
	return int(binary.NativeEndian.Uint32(info[totalRetrans:]))
}

// HalfOpen tells whether somebody's wish to connect has arrived at an address
// (IPv4, host:port) and is not a connection: whoever wished has not confirmed the
// answer, or has not heard it.
func HalfOpen(address string) bool {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().Is4() {
		return false
	}
	file, err := os.Open("/proc/net/tcp")
	if err != nil {
		return false
	}
	defer file.Close()
	ip := at.Addr().As4()
	want := fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(ip[:]), at.Port())
	const synRecv = "03"
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text()) // number, local address, remote address, state
		if len(fields) > 3 && fields[1] == want && fields[3] == synRecv {
			return true
		}
	}
	return false
}
