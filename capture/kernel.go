package capture

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"holdfast/internal/proc"
)

// maxThreads bounds the threads that are looked at: a thread pool's are alike.
const maxThreads = 64

// kernel writes what the kernel says of a process and its threads, and sums it
// up: "state T (stopped), 12 threads".
func kernel(page *strings.Builder, pid int) string {
	if pid == 0 {
		page.WriteString("no process of ours: there is nothing to ask the kernel\n")
		return "no process to look at"
	}
	status := read(pid, "status")
	if status == "" {
		page.WriteString("the kernel does not show it: it ended, or this is not Linux\n")
		return "its process cannot be looked at"
	}
	for line := range strings.Lines(status) {
		key, _, _ := strings.Cut(line, ":")
		switch key {
		case "Name", "State", "PPid", "Threads", "VmRSS", "VmSwap", "SigPnd", "ShdPnd", "SigBlk", "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches":
			page.WriteString(line)
		}
	}
	files, _ := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/fd")
	fmt.Fprintf(page, "open files:\t%d\nlimits on them:\t%s\n", len(files), field(read(pid, "limits"), "Max open files"))
	threads, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/[0-9]*")
	fmt.Fprintf(page, "\n== its threads (state, what it waits for in the kernel, its system call)\n")
	for i, dir := range threads {
		if i == maxThreads {
			fmt.Fprintf(page, "and %d more\n", len(threads)-i)
			break
		}
		thread(page, dir)
	}
	state, _ := proc.State(pid)
	return fmt.Sprintf("state %s%s, %d threads", state, named(state), len(threads))
}

func thread(page *strings.Builder, dir string) {
	of := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(text))
	}
	fmt.Fprintf(page, "%s %s: %s, wchan %s, syscall %s\n", filepath.Base(dir), of("comm"), field(of("status"), "State:"), cmp.Or(of("wchan"), "?"), cmp.Or(of("syscall"), "?"))
	stack := of("stack")
	for line := range strings.Lines(stack) {
		page.WriteString("    " + line)
	}
	if stack != "" {
		page.WriteString("\n")
	}
}

// named is what a state's letter means.
func named(state string) string {
	switch state {
	case "T", "t":
		return " (stopped)"
	case "D":
		return " (waits in the kernel, for a disk as a rule)"
	case "R":
		return " (running: it computes)"
	case "S":
		return " (sleeping)"
	default:
		return ""
	}
}

func read(pid int, name string) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/" + name)
	if err != nil {
		return ""
	}
	return string(text)
}

// field is the rest of the line that begins with a name.
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strings.Join(strings.Fields(rest), " ")
		}
	}
	return "?"
}
