package proc

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
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
	for socket, at := range listening() {
		if at == port {
			sockets[socket] = true
		}
	}
	if len(sockets) == 0 {
		return 0, "", false
	}
	pids, err := All()
	if err != nil {
		return 0, "", false
	}
	for _, pid := range pids {
		if slices.ContainsFunc(held(pid), func(link string) bool { return sockets[link] }) {
			return pid, nameOf(pid), true
		}
	}
	return 0, "", false
}

// Listens finds the TCP ports on which a process listens, or others that carry
// its mark: what a program was started through need not be what listens.
func Listens(pid int) []uint16 {
	pids := map[int]string{pid: ""}
	if keep, name, marked := MarkOf(pid); marked {
		if found, err := Marked(keep, name); err == nil {
			pids = found
		}
	}
	ports := map[uint16]bool{}
	sockets := listening()
	for pid := range pids {
		for _, link := range held(pid) {
			if port, ok := sockets[link]; ok {
				ports[port] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(ports))
}

// listening are the ports of the sockets that listen, by their name as the links
// in /proc/PID/fd have it: those of the network that our thread is in, since what
// is tried in a network of its own may have left our first thread in one.
func listening() map[string]uint16 {
	ports := map[string]uint16{}
	for _, table := range []string{"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"} {
		text, _ := os.ReadFile(table)
		for line := range strings.Lines(string(text)) {
			const local, state, inode = 1, 3, 9
			fields := strings.Fields(line)
			if len(fields) <= inode || fields[state] != stateListen {
				continue
			}
			_, hex, _ := strings.Cut(fields[local], ":")
			if port, err := strconv.ParseUint(hex, 16, 16); err == nil {
				ports["socket:["+fields[inode]+"]"] = uint16(port)
			}
		}
	}
	return ports
}

// held are the links in /proc/PID/fd, of which a socket's is its name.
func held(pid int) []string {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	links := make([]string, 0, len(entries))
	for _, entry := range entries {
		if link, err := os.Readlink(filepath.Join(dir, entry.Name())); err == nil {
			links = append(links, link)
		}
	}
	return links
}

// nameOf is a process's name as the kernel keeps it, 15 characters of it.
func nameOf(pid int) string {
	name, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	return strings.TrimSpace(string(name))
}
