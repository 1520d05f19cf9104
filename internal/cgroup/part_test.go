package cgroup

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// split splits a group off for process 7 of a machine that is laid out as files.
func split(t *testing.T, files map[string]string, c Controller) (root, dir string, version int) {
	t.Helper()
	root = machine(t, files)
	dir, version, err := On(root).Split(c, 7, "holdfast-starve-7-100")
	if err != nil {
		t.Fatal(err)
	}
	if dir, err = filepath.Rel(root, dir); err != nil {
		t.Fatal(err)
	}
	return root, dir, version
}

func TestAGroupIsSplitOff(t *testing.T) {
	const first, second = "2 1 0:2 /box /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n", "sys/fs/cgroup/system.slice/"
	top := map[string]string{"proc/self/mountinfo": unified, "sys/fs/cgroup/cgroup.controllers": "cpu memory\n"}
	in := func(group string, more ...string) map[string]string {
		files := map[string]string{"proc/7/cgroup": group}
		for name, text := range top {
			files[name] = text
		}
		for _, name := range more {
			files[name] = ""
		}
		return files
	}
	for what, c := range map[string]struct {
		files   map[string]string
		want    string
		home    string
		version int
	}{
		"below, in version 1": {
			map[string]string{"proc/self/mountinfo": first, "proc/7/cgroup": "3:cpu:/box/web\n", "sys/fs/cgroup/cpu/web/cgroup.procs": "7\n"},
			"sys/fs/cgroup/cpu/web/holdfast-starve-7-100", "sys/fs/cgroup/cpu/web", 1,
		},
		"beside one of ours": {
			map[string]string{"proc/self/mountinfo": first, "proc/7/cgroup": "3:cpu:/box/holdfast-1/web-1\n", "sys/fs/cgroup/cpu/holdfast-1/web-1/cgroup.procs": "7\n"},
			"sys/fs/cgroup/cpu/holdfast-1/holdfast-starve-7-100@web-1", "sys/fs/cgroup/cpu/holdfast-1/web-1", 1,
		},
		"beside, in version 2, where it holds processes": {
			in("0::/system.slice/web.service\n", second+"cgroup.subtree_control", second+"web.service/cgroup.procs"),
			second + "holdfast-starve-7-100@web.service", second + "web.service", 2,
		},
		"below, in version 2, where that may be": {
			in("0::/\n", "sys/fs/cgroup/cgroup.subtree_control"),
			"sys/fs/cgroup/holdfast-starve-7-100", "sys/fs/cgroup", 2,
		},
	} {
		root, dir, version := split(t, c.files, CPU)
		if dir != c.want || version != c.version {
			t.Errorf("%s: %s of version %d, want %s", what, dir, version, c.want)
		}
		if from, _ := filepath.Rel(root, home(filepath.Join(root, dir))); from != c.home {
			t.Errorf("%s: its members came from %s, want %s", what, from, c.home)
		}
		found := On(root).Named(CPU, "holdfast-starve-7-100")
		if !slices.Equal(found, []string{filepath.Join(root, c.want)}) {
			t.Errorf("%s: found %q", what, found)
		}
		for _, other := range []string{"holdfast-starve-7-10", "holdfast-starve-7-1001"} {
			if found := On(root).Named(CPU, other); len(found) > 0 {
				t.Errorf("%s: under the name %s of another %q was found", what, other, found)
			}
		}
	}
}

// Where its group cannot be told nothing is made anywhere.
func TestAGroupThatIsNotToBeSeenIsNotSplit(t *testing.T) {
	for what, files := range map[string]map[string]string{
		"none are mounted": {"proc/7/cgroup": "3:cpu:/\n"},
		"it has ended":     {"proc/self/mountinfo": unified, "sys/fs/cgroup/cgroup.controllers": "cpu\n", "sys/fs/cgroup/cgroup.subtree_control": ""},
		"of another namespace": {
			"proc/self/mountinfo": unified, "sys/fs/cgroup/cgroup.controllers": "cpu\n", "proc/7/cgroup": "0::/../../other\n",
		},
	} {
		root := machine(t, files)
		if dir, _, err := On(root).Split(CPU, 7, "holdfast-starve-7-100"); err == nil {
			t.Errorf("%s: made %s", what, dir)
		}
		if found := On(root).Named(CPU, "holdfast-starve-7-100"); len(found) > 0 {
			t.Errorf("%s: %q", what, found)
		}
	}
}

func TestANameNotesWhatIsToBePutBack(t *testing.T) {
	name := Noting("holdfast-oom-7-100", "-300")
	for _, dir := range []string{"/a/" + name, "/a/" + name + aside + "web-1"} {
		if note := NoteOf(dir); note != "-300" {
			t.Errorf("%s notes %q", dir, note)
		}
	}
	if note := NoteOf("/a/holdfast-oom-7-100@web+1"); note != "" {
		t.Errorf("what another is called was taken for a note: %q", note)
	}
}

func TestBothVersionsAreBoundAndCounted(t *testing.T) {
	for version, files := range map[int]map[string]string{
		1: {"cpu.cfs_quota_us": "40000", "cpu.cfs_period_us": "1000000"},
		2: {"cpu.max": "40000 1000000"},
	} {
		dir := t.TempDir()
		for name := range files {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := Slice(dir, version, 40_000, 1_000_000); err != nil {
			t.Error(err)
		}
		for name, want := range files {
			if got, _ := os.ReadFile(filepath.Join(dir, name)); string(got) != want {
				t.Errorf("version %d: %s holds %q, want %q", version, name, got, want)
			}
		}
	}
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "cpu.stat"), []byte("nr_periods 9\nnr_throttled 4\nthrottled_time 77\n"), 0o600)
	os.WriteFile(filepath.Join(dir, "memory.current"), []byte("4096\n"), 0o600)
	used, err := Used(dir)
	if n := Throttled(dir); n != 4 || used != 4096 || err != nil {
		t.Errorf("throttled %d, used %d, %v", n, used, err)
	}
}
