package tracer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"holdfast"
	"holdfast/internal/proc"
)

// native is how the kernel names the system calls of this architecture, and not
// those of 32 bits that it knows too.
const native = 0xc000003e

// Numbers that package syscall does not carry.
const (
	callPwritev2      = 328
	callCopyFileRange = 326
)

// writes are the calls that need room on a disk, or wait for it, and which of
// their arguments is the descriptor.
func writes(syncs bool) (map[uint64]int, error) {
	calls := map[uint64]int{
		syscall.SYS_WRITE: 0, syscall.SYS_PWRITE64: 0, syscall.SYS_WRITEV: 0, syscall.SYS_PWRITEV: 0, callPwritev2: 0,
		syscall.SYS_FALLOCATE: 0, syscall.SYS_SENDFILE: 0, syscall.SYS_SPLICE: 2, callCopyFileRange: 2,
	}
	if syncs {
		for _, call := range []uint64{syscall.SYS_FSYNC, syscall.SYS_FDATASYNC, syscall.SYS_SYNC_FILE_RANGE} {
			calls[call] = 0
		}
	}
	return calls, nil
}

// failCall makes the call at whose entry a thread stands fail without being made.
// Number and result are written at once, so that there is no instant in which our
// end would leave one without the other.
func failCall(thread int, why syscall.Errno) error {
	var r syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(thread, &r); err != nil {
		return err
	}
	r.Orig_rax = ^uint64(0)
	r.Rax = uint64(-int64(why))
	return syscall.PtraceSetRegs(thread, &r)
}

const (
	errNoCall   = holdfast.Refusal("no place was found in it from which it could be made to exit: it has no vdso, or is a program of 32 bits")
	errNotEnded = holdfast.Refusal("it was made to exit and ended otherwise")
	codeOf64    = 0x33 // the code segment of 64-bit programs
)

// exit has the process call exit_group with the job's code. The thread that does
// so gets its registers at once: before, nothing has changed, and afterwards it
// exits whether we live or not.
func (t *tracing) exit() error {
	one, err := t.takeOne()
	if err != nil {
		return err
	}
	var status syscall.WaitStatus
	if _, status, err = wait(); err != nil {
		return err
	}
	if !status.Stopped() {
		return proc.ErrGone
	}
	var r syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(one, &r); err != nil {
		return err
	}
	at, err := syscallInstruction(t.job.Pid)
	if err != nil || r.Cs != codeOf64 {
		return errNoCall
	}
	r.Rip, r.Rax, r.Rdi, r.Orig_rax = at, syscall.SYS_EXIT_GROUP, uint64(t.job.Code), ^uint64(0)
	if err := syscall.PtraceSetRegs(one, &r); err != nil {
		return err
	}
	for ask(syscall.PTRACE_CONT, one, 0, 0) == nil {
		if _, status, err = wait(); err != nil {
			return err
		}
		if !status.Stopped() {
			break
		}
	}
	if !status.Exited() || status.ExitStatus() != t.job.Code {
		return errNotEnded
	}
	return nil
}

// takeOne takes hold of one thread of the main process.
func (t *tracing) takeOne() (int, error) {
	all, err := tasksOf(t.job.Pid)
	if err != nil {
		return 0, err
	}
	for _, one := range all {
		if taken, err := take(one); err != nil || taken {
			return one, err
		}
	}
	return 0, proc.ErrGone
}

// Where a process's memory says that its vdso is: the code with which the kernel
// itself makes system calls for it.
const (
	auxSysinfoEhdr = 33
	vdsoSize       = 16 << 10 // of which a part may not be there
)

// syscallInstruction finds an instruction that makes a system call.
func syscallInstruction(pid int) (uint64, error) {
	aux, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/auxv")
	if err != nil {
		return 0, err
	}
	for ; len(aux) >= 16; aux = aux[16:] {
		if binary.LittleEndian.Uint64(aux) == auxSysinfoEhdr {
			return instructionIn(pid, binary.LittleEndian.Uint64(aux[8:]))
		}
	}
	return 0, fmt.Errorf("process %d has no vdso", pid)
}

func instructionIn(pid int, vdso uint64) (uint64, error) {
	memory, err := os.Open("/proc/" + strconv.Itoa(pid) + "/mem")
	if err != nil {
		return 0, err
	}
	defer memory.Close()
	code := make([]byte, vdsoSize)
	n, err := memory.ReadAt(code, int64(vdso))
	at := bytes.Index(code[:n], []byte{0x0f, 0x05})
	if at < 0 {
		return 0, fmt.Errorf("its vdso makes no system call: %v", err)
	}
	return vdso + uint64(at), nil
}
