//go:build !linux

package keeper

import "syscall"

// reapOne takes one child that has ended, if there is one. Without waitid in
// package syscall the pid is free a moment before its group is ended.
func reapOne(after func(pid int)) (int, syscall.WaitStatus, bool) {
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
	if err != nil || pid <= 0 {
		return 0, 0, false
	}
	after(pid)
	return pid, status, true
}
