package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// stateListen is how the kernel's tables of connections write LISTEN.
const stateListen = "0A"

// Holder finds the process that listens on a TCP port of this machine, and the
// name of its program. Processes of other users cannot be looked into unless we
// are root.
func Holder(port uint16) (pid int, program string, ok bool) {
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		listening(table, port, sockets)
	}
	if len(sockets) == 0 {
		return 0, "", false
	}
	pids, err := All()
	if err != nil {
		return 0, "", false
	}
	for _, pid := range pids {
		if holds(pid, sockets) {
			return pid, nameOf(pid), true
		}
	}
	return 0, "", false
}

// listening adds the sockets of a table that listen on a port, as links in
// /proc/PID/fd name them.
func listening(table string, port uint16, into map[string]bool) {
	text, err := os.ReadFile(table)
	if err != nil {
		return
	}
	suffix := fmt.Sprintf(":%04X", port)
	for line := range strings.Lines(string(text)) {
		const local, state, inode = 1, 3, 9
		fields := strings.Fields(line)
		if len(fields) > inode && fields[state] == stateListen && strings.HasSuffix(fields[local], suffix) {
			into["socket:["+fields[inode]+"]"] = true
		}
	}
}

func holds(pid int, sockets map[string]bool) bool {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, entry := range entries {
		if link, err := os.Readlink(filepath.Join(dir, entry.Name())); err == nil && sockets[link] {
			return true
		}
	}
	return false
}

// nameOf is a process's name as the kernel keeps it, 15 characters of it.
func nameOf(pid int) string {
	name, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	return strings.TrimSpace(string(name))
}
