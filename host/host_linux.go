package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

func kernel() Fact {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	text := strings.TrimSpace(string(release))
	f := Fact{Name: "kernel", Says: "Linux " + text + " on " + runtime.GOARCH}
	major, rest, _ := strings.Cut(text, ".")
	minor, _, _ := strings.Cut(rest, ".")
	if f.Good = atLeast(major, minor, 5, 3); !f.Good {
		f.Next = "Linux 5.3 or later is needed for pidfds"
	}
	return f
}

func atLeast(major, minor string, wantMajor, wantMinor int) bool {
	a, errA := strconv.Atoi(major)
	b, errB := strconv.Atoi(minor)
	return errA == nil && errB == nil && (a > wantMajor || a == wantMajor && b >= wantMinor)
}

// ptrace says whom a process may look into, as Yama restricts it.
func ptrace() Fact {
	f := Fact{Name: "ptrace", Good: true, Says: "processes of the same user can be looked into"}
	scope, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	if err != nil || os.Geteuid() == 0 && strings.TrimSpace(string(scope)) != "3" {
		return f
	}
	switch strings.TrimSpace(string(scope)) {
	case "0":
	case "1":
		f.Says = "only what was started by the one who looks (ptrace_scope 1); replicas are the keeper's children"
	default:
		f.Good, f.Says = false, "forbidden (ptrace_scope "+strings.TrimSpace(string(scope))+")"
		f.Next = "evidence of a hung replica then lacks its kernel stack; sysctl kernel.yama.ptrace_scope=1 allows it"
	}
	return f
}

// clock says what the kernel reads the time from. The slow ones take a
// microsecond and more, which a gateway pays several times per request.
func clock() Fact {
	text, err := os.ReadFile("/sys/devices/system/clocksource/clocksource0/current_clocksource")
	source := strings.TrimSpace(string(text))
	f := Fact{Name: "clock source", Says: source}
	if err != nil {
		f.Says = "it cannot be told"
	}
	slow := []string{"hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit"}
	if f.Good = err == nil && !slices.Contains(slow, source); !f.Good && err == nil {
		f.Next = "a slow one: the host's tsc or kvm-clock is about fifty times faster (see dmesg for why it was given up)"
	}
	return f
}

// What the kernel is asked over netlink, in numbers that package syscall does
// not carry.
const (
	netlinkNetfilter = 12
	nftGetGeneration = 10<<8 | 16 // NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN
	newQdisc         = 36         // RTM_NEWQDISC
	tcRoot           = 0xFFFFFFFF
	attrKind         = 1 // TCA_KIND
	attrOptions      = 2 // TCA_OPTIONS
	errorMessage     = syscall.NLMSG_ERROR
)

func nftables() Fact {
	f := Fact{Name: "nftables", Says: "the kernel answers"}
	err := netlink(netlinkNetfilter, nftGetGeneration, syscall.NLM_F_REQUEST|syscall.NLM_F_ACK, []byte{0, 0, 0, 0})
	return concluded(f, err, "the module nf_tables", "drills by blackhole, one-way and lossy are SKIP without it, all others run")
}

// netem asks for a delay of nothing on the loopback of a network of its own,
// which ends with the thread that was in it.
func netem() Fact {
	answer := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends here
		answer <- askForNetem()
	}()
	return concluded(Fact{Name: "netem", Says: "delays and losses can be made in the kernel"}, <-answer, "the module sch_netem", "no drill of this version needs it")
}

func askForNetem() error {
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		return err
	}
	order := binary.NativeEndian
	body := make([]byte, 20) // tcmsg
	order.PutUint32(body[4:], 1)
	order.PutUint32(body[8:], 1<<16)
	order.PutUint32(body[12:], tcRoot)
	body = append(body, attribute(attrKind, []byte("netem\x00"))...)
	options := make([]byte, 24) // tc_netem_qopt
	order.PutUint32(options[4:], 1000)
	body = append(body, attribute(attrOptions, options)...)
	return netlink(syscall.NETLINK_ROUTE, newQdisc, syscall.NLM_F_REQUEST|syscall.NLM_F_ACK|syscall.NLM_F_CREATE|syscall.NLM_F_EXCL, body)
}

func attribute(kind uint16, value []byte) []byte {
	const header, align = 4, 4
	text := make([]byte, (header+len(value)+align-1)/align*align)
	binary.NativeEndian.PutUint16(text, uint16(header+len(value)))
	binary.NativeEndian.PutUint16(text[2:], kind)
	copy(text[header:], value)
	return text
}

// concluded is a fact of the kernel's answer; loss is what cannot be done without.
func concluded(f Fact, err error, what, loss string) Fact {
	if f.Good = err == nil; f.Good {
		return f
	}
	f.Says, f.Next = err.Error(), loss+"; load "+what+" if you want it"
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EPROTONOSUPPORT) {
		f.Says = "the kernel has it not, or not loaded"
	}
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		f.Says, f.Next = "only root can find out", loss
	}
	return f
}

// netlink sends one message and returns the error the kernel answers with.
func netlink(family int, kind uint16, flags uint16, body []byte) error {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, family)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	patience := syscall.Timeval{Sec: 1}
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &patience); err != nil {
		return err
	}
	message := make([]byte, syscall.NLMSG_HDRLEN, syscall.NLMSG_HDRLEN+len(body))
	binary.NativeEndian.PutUint32(message, uint32(cap(message)))
	binary.NativeEndian.PutUint16(message[4:], kind)
	binary.NativeEndian.PutUint16(message[6:], flags)
	binary.NativeEndian.PutUint32(message[8:], 1)
	if err := syscall.Sendto(fd, append(message, body...), 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 8192)
	n, _, err := syscall.Recvfrom(fd, answer, 0)
	if err != nil {
		return err
	}
	messages, err := syscall.ParseNetlinkMessage(answer[:n])
	if err != nil || len(messages) == 0 {
		return fmt.Errorf("an answer that cannot be read: %w", err)
	}
	if first := messages[0]; first.Header.Type == errorMessage && len(first.Data) >= 4 {
		if errno := -int32(binary.NativeEndian.Uint32(first.Data)); errno != 0 {
			return syscall.Errno(errno)
		}
	}
	return nil
}
