package keeper

import (
	"syscall"
	"unsafe"
)

// Numbers of the kernel's interface that package syscall does not carry.
const (
	anyChild = 0 // P_ALL
	// siginfo_t is 128 bytes; its union begins on a word's boundary after
	// three ints.
	sizeofSiginfo = 128
	padding       = unsafe.Sizeof(uintptr(0))/4 - 1
)

type childInfo struct {
	signo, errno, code int32
	_                  [padding]int32
	pid                int32
	_                  [sizeofSiginfo - 4*(4+padding)]byte
}

// reapOne takes one child that has ended, if there is one, and calls before
// while its pid still cannot be anybody else's.
func reapOne(before func(pid int)) (int, syscall.WaitStatus, bool) {
	var child childInfo
	_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, anyChild, 0, uintptr(unsafe.Pointer(&child)),
		syscall.WEXITED|syscall.WNOHANG|syscall.WNOWAIT, 0, 0)
	pid := int(child.pid)
	if errno != 0 || pid == 0 {
		return 0, 0, false
	}
	before(pid)
	var status syscall.WaitStatus
	got, err := syscall.Wait4(pid, &status, syscall.WNOHANG, nil)
	return pid, status, err == nil && got == pid
}
