package host

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestEveryFactSaysSomethingAndWhatIsMissingHasANextStep(t *testing.T) {
	named := map[string]bool{}
	for _, f := range append(Facts(), Disk(filepath.Join(t.TempDir(), "not", "there"))...) {
		if f.Name == "" || f.Says == "" || named[f.Name] {
			t.Errorf("a fact that says nothing, or is there twice: %+v", f)
		}
		named[f.Name] = true
		t.Logf("%-14s %-5v %s (%s)", f.Name, f.Good, f.Says, f.Next)
	}
	for _, name := range []string{"kernel", "root", "cgroup memory", "pidfd", "ptrace", "nftables", "netem", "open files", "disk space", "disk fsync", "clock source"} {
		if !named[name] {
			t.Errorf("%s was not looked at", name)
		}
	}
	if runtime.GOOS == "linux" && os.Geteuid() == 0 {
		// What a kernel has not is answered by it, and not by our own mistake.
		for _, f := range []Fact{netem(), nftables()} {
			if !f.Good && f.Says == "invalid argument" {
				t.Errorf("the kernel does not understand the question: %+v", f)
			}
		}
	}
}

func TestLookingAtTheDiskLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	Disk(dir)
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
