package fault_test

import (
	"runtime"
	"syscall"
	"testing"

	"holdfast"
	"holdfast/fault"
)

// Whether silence can be made is asked of the kernel, by who is to make it: some let
// nobody but root filter a socket, be it his own.
func TestSilenceIsPossibleWhereASocketCanBeFiltered(t *testing.T) {
	type answer struct {
		who, why, next string
		fault          holdfast.FaultName
		filtered       error
	}
	answers := make(chan answer)
	go func() {
		defer close(answers)
		runtime.LockOSThread() // and never unlocked: what it gave up ends with it
		for _, who := range []string{"as we are", "as nobody"} {
			if who == "as nobody" {
				const nobody = 65534
				if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
					return // we are nobody already
				}
			}
			for _, name := range []holdfast.FaultName{"silence", "sever"} {
				why, next := fault.Possible(name)
				answers <- answer{who: who, fault: name, why: why, next: next, filtered: filterASocket()}
			}
		}
	}()
	for a := range answers {
		if (a.why == "") != (a.filtered == nil) || (a.why == "") != (a.next == "") {
			t.Errorf("%s %s: %q, next %q, and the kernel says %v", a.fault, a.who, a.why, a.next, a.filtered)
		}
	}
}

// filterASocket lets no byte of a packet pass to a socket.
func filterASocket() error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	return syscall.AttachLsf(fd, []syscall.SockFilter{{Code: syscall.BPF_RET | syscall.BPF_K, K: 0}})
}
