package process

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A writer does not know that its log is emptied under it. Whatever it writes
// arrives once, in order and whole, but for what falls between the last read of
// a rotation and its truncation.
func TestRotationUnderAWriter(t *testing.T) {
	const limit, lines = 64 << 10, 120_000
	path := filepath.Join(t.TempDir(), "catalog-1.log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	writer := exec.Command("sh", "-c", fmt.Sprintf("i=0; while [ $i -lt %d ]; do i=$((i+1)); echo line $i; done", lines))
	writer.Stdout = log
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	log.Close()
	done := make(chan error, 1)
	go func() { done <- writer.Wait() }()
	var all []int
	rotations, broken := 0, 0
	for ended := false; !ended; {
		select {
		case err := <-done:
			if ended = true; err != nil {
				t.Fatal(err)
			}
		default:
		}
		if info, _ := os.Stat(path); info.Size() > limit {
			rotate(path, 1<<20)
			rotations++
			all, broken = collect(t, older(path, 1), all, broken)
		}
	}
	all, broken = collect(t, path, all, broken)
	if !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Error("lines came twice or out of order")
	}
	if rotations < 5 || all[len(all)-1] != lines {
		t.Fatalf("%d rotations, last line %d: nothing was tested", rotations, all[len(all)-1])
	}
	lost := lines - len(all)
	t.Logf("%d lines through %d rotations: %d lost or cut", lines, rotations, lost)
	// A rotation that waits for its processor between read and truncation loses
	// what is written meanwhile: a scheduler's slice, not the file.
	if lost > lines/4 || broken > 2*rotations {
		t.Errorf("%d lines lost, %d cut in %d rotations", lost, broken, rotations)
	}
}

func collect(t *testing.T, path string, all []int, broken int) ([]int, int) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		n, err := strconv.Atoi(strings.TrimPrefix(scanner.Text(), "line "))
		if err != nil || len(all) > 0 && n <= all[len(all)-1] {
			broken++
			continue
		}
		all = append(all, n)
	}
	return all, broken
}

func TestLogsStayBounded(t *testing.T) {
	const limit = 1000
	dir := t.TempDir()
	path := filepath.Join(dir, "catalog-1.log")
	for round := range 10 {
		flood := strings.Repeat(fmt.Sprintf("round %d\n", round), 1000)
		file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		file.WriteString(flood)
		file.Close()
		rotateAll(dir, limit)
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 1+keptLog {
		t.Fatalf("%d files are kept: %v", len(entries), entries)
	}
	for _, entry := range entries {
		if info, _ := entry.Info(); info.Size() > 2*limit+200 {
			t.Errorf("%s has %d bytes, although %d were allowed", entry.Name(), info.Size(), limit)
		}
	}
	text, _ := os.ReadFile(older(path, 1))
	if !strings.HasPrefix(string(text), "holdfast: 7000 bytes were dropped here\n") || !strings.HasSuffix(string(text), "round 9\n") {
		t.Errorf("the youngest old log is %.80q…", text)
	}
}

// Full disk, or here: no room for the copy. The log shrinks all the same, and
// says so.
func TestALogThatCannotBeCopiedIsDropped(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "catalog-1.log")
	os.WriteFile(path, []byte(strings.Repeat("x", 2000)), 0o600)
	for n := 1; n <= keptLog; n++ { // directories with something in them can be neither replaced nor opened
		os.MkdirAll(filepath.Join(older(path, n), "in the way"), 0o700)
	}
	rotateAll(dir, 1000)
	text, err := os.ReadFile(path)
	if err != nil || len(text) > 1000 || !strings.Contains(string(text), "holdfast: what stood here was dropped") {
		t.Errorf("%d bytes, %.100q, %v", len(text), text, err)
	}
}

func TestTail(t *testing.T) {
	d := newDriver(t, newKeeper(t), t.TempDir())
	path := d.LogPath("catalog-1")
	tail := func(n int, want ...string) {
		t.Helper()
		if got, err := d.Tail("catalog-1", n); err != nil || !slices.Equal(got, want) {
			t.Errorf("the last %d lines are %.200q, %v; want %.200q", n, got, err, want)
		}
	}
	tail(5)
	os.WriteFile(path, []byte("a\nb\n\nc"), 0o600)
	tail(2, "", "c")
	tail(9, "a", "b", "", "c")
	tail(0)
	tail(-1)
	os.WriteFile(older(path, 1), []byte("x\ny\n"), 0o600)
	tail(5, "y", "a", "b", "", "c")
	tail(4, "a", "b", "", "c")
	os.WriteFile(path, nil, 0o600)
	tail(1, "y")
	os.WriteFile(path, []byte(strings.Repeat("z", 3<<20)+"\nend\n"), 0o600)
	tail(1, "end")
	if got, err := d.Tail("catalog-1", 100); err != nil || len(got) != 1 {
		t.Errorf("%d lines of a file with one in reach, %v", len(got), err)
	}
}

func TestTheRunBoundsLogs(t *testing.T) {
	s := play(t)
	r := running("catalog", 1, 1, `sh -c 'head -c 11000000 /dev/zero | tr "\0" "\n"; echo end; sleep 600'`)
	s.desire(r)
	path := s.driver.LogPath("catalog-1")
	s.until("the log is emptied", func() bool {
		info, err := os.Stat(path)
		old, oldErr := os.Stat(older(path, 1))
		return err == nil && oldErr == nil && info.Size() < 1<<20 && old.Size() >= maxLog
	})
	if lines, err := s.driver.Tail("catalog-1", 1); err != nil || !slices.Equal(lines, []string{"end"}) {
		t.Errorf("%q, %v", lines, err)
	}
}
