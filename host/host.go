// Package host is what this machine can do: what its kernel has, what it lets us
// do, and how good its disk and its clock are. It looks, and leaves nothing
// behind. Standard library only.
package host

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"holdfast/internal/cgroup"
	"holdfast/internal/proc"
)

// A Fact is one thing that was looked at. Next is what a person can do about it
// when Good is false; nothing depends on it otherwise.
type Fact struct {
	Name string `json:"name"`
	Good bool   `json:"good"`
	Says string `json:"says"`
	Next string `json:"next,omitempty"`
}

// Facts are those of the machine as a whole.
func Facts() []Fact {
	facts := []Fact{kernel(), rights()}
	groups := cgroup.Find("/")
	for _, c := range cgroup.Controllers() {
		facts = append(facts, controlGroup(groups, c))
	}
	return append(facts, pidfd(), ptrace(), nftables(), netem(), openFiles(), clock())
}

func rights() Fact {
	f := Fact{Name: "root", Good: os.Geteuid() == 0, Says: "holdfast runs as root"}
	if !f.Good {
		f.Says = fmt.Sprintf("holdfast runs as uid %d", os.Geteuid())
		f.Next = "needed for `user:` of another user, for ports below 1024, and mostly for `limits: {memory, cpu, processes}`"
	}
	return f
}

func controlGroup(tree cgroup.Tree, c cgroup.Controller) Fact {
	version, why := tree.Can(c)
	f := Fact{Name: "cgroup " + string(c), Good: why == "", Says: fmt.Sprintf("version %d, groups can be made", version)}
	if !f.Good {
		f.Says = why
		f.Next = "services with this limit run without it; under systemd write `Delegate=yes`, in a container mount /sys/fs/cgroup writable"
	}
	return f
}

// pidfd tries to take hold of a process: ourselves.
func pidfd() Fact {
	f := Fact{Name: "pidfd", Good: true, Says: "processes can be held without mistaking one for another"}
	ticks, err := proc.Ticks(os.Getpid())
	if err == nil {
		var handle *proc.Handle
		if handle, err = proc.Open(os.Getpid(), ticks); err == nil {
			handle.Close()
		}
	}
	if err != nil {
		f.Good, f.Says, f.Next = false, err.Error(), "needs Linux 5.3; adoption after a keeper's death is less sure without it"
	}
	return f
}

// enoughFiles is what a gateway with a thousand connections on each side, and
// the replicas' logs, can need.
const enoughFiles = 4096

func openFiles() Fact {
	var limit syscall.Rlimit
	f := Fact{Name: "open files"}
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		f.Says = err.Error()
		return f
	}
	f.Says = fmt.Sprintf("at most %d per process", limit.Max)
	if f.Good = limit.Max >= enoughFiles; !f.Good {
		f.Next = fmt.Sprintf("raise it to %d (ulimit -Hn, or LimitNOFILE= under systemd): each connection of the gateway is one", enoughFiles)
	}
	return f
}

const (
	enoughSpace = 1 << 30
	// slowSync is where people notice: what is hard to undo waits for the disk
	// before it is done.
	slowSync = 50 * time.Millisecond
	syncs    = 9
)

// Disk looks at the disk of a directory, or of the nearest one above it that is
// there: how much room it has, and how long it takes to keep something.
func Disk(dir string) []Fact {
	for {
		if info, err := os.Stat(dir); err == nil && info.IsDir() || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	return []Fact{space(dir), sync(dir)}
}

func space(dir string) Fact {
	f := Fact{Name: "disk space"}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		f.Says = fmt.Sprintf("%s: %v", dir, err)
		return f
	}
	free := uint64(disk.Bavail) * uint64(disk.Bsize)
	f.Says = fmt.Sprintf("%.1f GiB free at %s", float64(free)/(1<<30), dir)
	if f.Good = free >= enoughSpace; !f.Good {
		f.Next = "make room: journal and logs need up to 70 MiB per replica; with a full disk holdfast acts unrecorded, and says so"
	}
	return f
}

// sync keeps a small file several times and takes the middle: one may be slow by
// chance.
func sync(dir string) Fact {
	f := Fact{Name: "disk fsync"}
	file, err := os.CreateTemp(dir, ".holdfast-doctor-")
	if err != nil {
		f.Says, f.Next = fmt.Sprintf("%s cannot be written to: %v", dir, err), "make it writable for this user, or name another state directory with --state"
		return f
	}
	defer os.Remove(file.Name())
	defer file.Close()
	var took []time.Duration
	for range syncs {
		began := time.Now()
		if _, err = file.WriteAt(make([]byte, 4096), 0); err == nil {
			err = file.Sync()
		}
		if err != nil {
			f.Says = err.Error()
			return f
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	middle := took[syncs/2]
	f.Says = fmt.Sprintf("%s, at worst %s of %d", middle.Round(10*time.Microsecond), took[syncs-1].Round(10*time.Microsecond), syncs)
	if f.Good = middle < slowSync; !f.Good {
		f.Next = "put the state directory on a faster disk (--state): restarts wait for it"
	}
	return f
}
