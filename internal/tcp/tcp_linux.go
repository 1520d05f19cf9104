package tcp

import (
	"encoding/binary"
	"net/netip"
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

// What the kernel is asked for sockets with, in numbers that package syscall does
// not carry.
const (
	sockDiag         = 4  // NETLINK_SOCK_DIAG
	sockDiagByFamily = 20 // SOCK_DIAG_BY_FAMILY
	established      = 1  // TCP_ESTABLISHED
	synRecv          = 3  // TCP_SYN_RECV
	requestSize      = 56 // struct inet_diag_req_v2
	answerSize       = 72 // struct inet_diag_msg
)

// HalfOpen tells whether somebody's wish to connect has arrived at an address
// (IPv4, host:port) and is not a connection: whoever wished has not confirmed the
// answer, or has not heard it.
func HalfOpen(address string) bool { return found(address, synRecv) }

// Connected tells whether somebody is connected to an address (IPv4, host:port).
func Connected(address string) bool { return found(address, established) }

// found tells whether there is a socket of a state at an address. The kernel is asked
// for these alone: where there are tens of thousands of other sockets,
// /proc/net/tcp takes a quarter of a second and leaves some out.
func found(address string, state byte) bool {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().Is4() {
		return false
	}
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, sockDiag)
	if err != nil {
		return false
	}
	defer syscall.Close(fd)
	patience := syscall.Timeval{Sec: 1}
	err = syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &patience)
	if err == nil {
		err = syscall.Sendto(fd, question(at, state), 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK})
	}
	for buffer := make([]byte, 32<<10); err == nil; {
		var n int
		if n, _, err = syscall.Recvfrom(fd, buffer, 0); err != nil {
			return false
		}
		messages, err := syscall.ParseNetlinkMessage(buffer[:n])
		if err != nil || len(messages) == 0 {
			return false
		}
		for _, m := range messages {
			switch {
			case m.Header.Type != sockDiagByFamily:
				return false // it has said all, or an error
			case isAt(m.Data, at, state):
				return true
			}
		}
	}
	return false
}

func question(at netip.AddrPort, state byte) []byte {
	order := binary.NativeEndian
	text := make([]byte, syscall.NLMSG_HDRLEN+requestSize)
	order.PutUint32(text, uint32(len(text)))
	order.PutUint16(text[4:], sockDiagByFamily)
	order.PutUint16(text[6:], syscall.NLM_F_REQUEST|syscall.NLM_F_DUMP)
	body := text[syscall.NLMSG_HDRLEN:]
	body[0], body[1] = syscall.AF_INET, syscall.IPPROTO_TCP
	order.PutUint32(body[4:], 1<<state)
	binary.BigEndian.PutUint16(body[8:], at.Port())
	return text
}

// isAt tells whether an answer is of a socket of a state at an address: the kernel
// chooses by the port alone.
func isAt(answer []byte, at netip.AddrPort, state byte) bool {
	const stateAt, port, ip = 1, 4, 8
	if len(answer) < answerSize || answer[stateAt] != state || binary.BigEndian.Uint16(answer[port:]) != at.Port() {
		return false
	}
	return netip.AddrFrom4([4]byte(answer[ip:])) == at.Addr()
}
