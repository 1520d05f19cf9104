package cgroup

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// machine lays out files as the kernel shows them; content of the files ours are
// to write into is made when a group is asked for.
func machine(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const unified = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"

func TestVersionTwoIsBoundedInTheGroupWeAreIn(t *testing.T) {
	const family = "sys/fs/cgroup/system.slice/holdfast.service/holdfast-1/"
	root := machine(t, map[string]string{
		"proc/self/mountinfo":              unified,
		"proc/self/cgroup":                 "0::/system.slice/holdfast.service\n",
		"sys/fs/cgroup/cgroup.controllers": "cpu memory pids\n",
		"sys/fs/cgroup/system.slice/holdfast.service/cgroup.subtree_control": "",
		family + "cgroup.subtree_control":                                    "",
		family + "web-1/cpu.max":                                             "",
		family + "web-1/memory.max":                                          "",
		family + "web-1/memory.swap.max":                                     "",
		family + "web-1/pids.max":                                            "",
	})
	tree := Find(root)
	dirs, lacks := tree.Make("holdfast-1", "web-1", Limits{Memory: 256 << 20, CPU: 0.5, Processes: 20})
	if want := []string{filepath.Join(root, family, "web-1")}; !slices.Equal(dirs, want) || len(lacks) > 0 {
		t.Fatalf("made %q, lacks %q; want %q", dirs, lacks, want)
	}
	for file, want := range map[string]string{"cpu.max": "50000 100000", "memory.max": "268435456", "memory.swap.max": "0", "pids.max": "20"} {
		if got, _ := os.ReadFile(filepath.Join(dirs[0], file)); string(got) != want {
			t.Errorf("%s holds %q, want %q", file, got, want)
		}
	}
	if version, why := tree.Can(CPU); version != 2 || why != "" {
		t.Errorf("version %d, %q", version, why)
	}
}

// A hierarchy of version 2 beside one of version 1 has no controllers to give.
func TestBothVersionsSideBySide(t *testing.T) {
	root := machine(t, map[string]string{
		"proc/self/mountinfo": "1 1 0:1 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n" +
			"2 1 0:2 /box /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n3 1 0:3 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n",
		"proc/self/cgroup":                                        "5:memory:/box/inner\n4:cpu,cpuacct:/\n0::/\n",
		"sys/fs/cgroup/unified/cgroup.controllers":                "\n",
		"sys/fs/cgroup/memory/inner/f/r/memory.limit_in_bytes":    "",
		"sys/fs/cgroup/cpu,cpuacct/f/r/cpu.cfs_quota_us":          "",
		"sys/fs/cgroup/cpu,cpuacct/f/r/cpu.cfs_period_us":         "",
		"sys/fs/cgroup/memory/inner/f/r/memory.memsw.limit_dummy": "",
	})
	tree := Find(root)
	dirs, lacks := tree.Make("f", "r", Limits{Memory: 1 << 20, CPU: 1.5, Processes: 20})
	if len(dirs) != 2 || len(lacks) != 1 || !strings.HasPrefix(lacks[0], "pids: no control groups are mounted") {
		t.Fatalf("made %q, lacks %q", dirs, lacks)
	}
	for path, want := range map[string]string{
		"memory/inner/f/r/memory.limit_in_bytes": "1048576", "cpu,cpuacct/f/r/cpu.cfs_quota_us": "150000", "cpu,cpuacct/f/r/cpu.cfs_period_us": "100000",
	} {
		if got, _ := os.ReadFile(filepath.Join(root, "sys/fs/cgroup", path)); string(got) != want {
			t.Errorf("%s holds %q, want %q", path, got, want)
		}
	}
}

func TestWithoutControlGroupsItIsSaid(t *testing.T) {
	dirs, lacks := Find(t.TempDir()).Make("f", "r", Limits{Memory: 1})
	if len(dirs) != 0 || len(lacks) != 1 || !strings.HasPrefix(lacks[0], "memory: no control groups are mounted") {
		t.Errorf("made %q, lacks %q", dirs, lacks)
	}
}

func TestOnlyAGroupOfAFamilyIsOurs(t *testing.T) {
	for dir, want := range map[string]bool{
		"/sys/fs/cgroup/holdfast-1/web-1": true, "/sys/fs/cgroup/memory": false, "/": false, "": false, "holdfast-1/web-1": false,
		"/sys/fs/cgroup/holdfast-1/../init": false, "/sys/fs/cgroup/holdfast-1": false,
	} {
		if got := IsOurs(dir); got != want {
			t.Errorf("%q: %v", dir, got)
		}
	}
}

func TestOutOfMemoryIsReadOfBothVersions(t *testing.T) {
	for file, want := range map[string]bool{
		"memory.events\nlow 0\noom 3\noom_kill 2\noom_group_kill 0\n": true,
		"memory.events\noom 3\noom_kill 0\noom_group_kill 7\n":        false,
		"memory.oom_control\nunder_oom 1\noom_kill 1\n":               true,
		"memory.oom_control\noom_kill_disable 1\nunder_oom 1\n":       false,
		"pids.events\noom_kill 1\n":                                   false,
	} {
		dir := t.TempDir()
		name, text, _ := strings.Cut(file, "\n")
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := OutOfMemory([]string{t.TempDir(), dir}); got != want {
			t.Errorf("%q: %v", file, got)
		}
	}
}
