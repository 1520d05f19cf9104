package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
)

// writes is a log with what was written to it.
func writes(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "catalog-1.log")
	appends(t, path, text)
	return path
}

func appends(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestTheLastLines(t *testing.T) {
	for _, c := range []struct {
		text  string
		lines int
		want  string
	}{
		{"", 5, ""}, {"a\n", 0, ""}, {"a\n\n\n", 0, ""}, {"a\nb\nc\n", 2, "b\nc\n"}, {"a\nb\nc\n", 3, "a\nb\nc\n"},
		{"a\nb\nc\n", 9, "a\nb\nc\n"}, {"a\nhalf", 1, "half"}, {"a\nb\n\n\n", 1, "b\n\n\n"}, {"\n\n", 1, "\n\n"},
	} {
		if got := string(lastLines([]byte(c.text), c.lines)); got != c.want {
			t.Errorf("the last %d lines of %q: %q, want %q", c.lines, c.text, got, c.want)
		}
	}
}

func TestOfALongLogTheEndIsRead(t *testing.T) {
	var long strings.Builder
	for n := range 100_000 {
		fmt.Fprintf(&long, "line %d\n", n)
	}
	end, offset, err := tail(writes(t, long.String()), 10_000_000)
	if err != nil || offset != int64(long.Len()) || len(end) > tailBytes || !strings.HasSuffix(long.String(), string(end)) {
		t.Fatalf("%d bytes up to %d, error %v", len(end), offset, err)
	}
	if !bytes.HasPrefix(end, []byte("line ")) {
		t.Errorf("it begins in the middle of a line: %q", end[:20])
	}
	giant := strings.Repeat("x", 2*tailBytes) + "\n"
	if end, _, err := tail(writes(t, giant), 1); err != nil || len(end) != tailBytes {
		t.Errorf("of one giant line: %d bytes, error %v", len(end), err)
	}
}

func TestALogThatIsNotThereHasNoLinesAndOneThatCannotBeReadIsARefusal(t *testing.T) {
	dir := t.TempDir()
	if end, offset, err := tail(filepath.Join(dir, "missing.log"), 5); len(end) > 0 || offset != 0 || err != nil {
		t.Errorf("%q up to %d, error %v", end, offset, err)
	}
	h := serve(t, &stub{logs: map[holdfast.ReplicaName]string{"catalog-1": filepath.Join(dir, "missing.log"), "catalog-2": dir}})
	var out bytes.Buffer
	if err := h.Logs(t.Context(), "catalog-1", 5, false, &out); err != nil || out.Len() > 0 {
		t.Errorf("%q, error %v", out.String(), err)
	}
	if got := refused(t, h.Logs(t.Context(), "catalog-2", 5, false, &out)); !strings.Contains(got.Message, dir) {
		t.Errorf("a directory in its place: %v", got)
	}
}

// A reading is a log that somebody follows.
type reading struct {
	t     *testing.T
	lines chan string
	ended chan error
	stop  context.CancelFunc
}

func followLog(t *testing.T, path string, lines int) *reading {
	t.Helper()
	h := serve(t, &stub{logs: map[holdfast.ReplicaName]string{"catalog-1": path}})
	ctx, cancel := context.WithCancel(t.Context())
	r := &reading{t: t, lines: make(chan string, 1000), ended: make(chan error, 1), stop: cancel}
	out, in := io.Pipe()
	go func() {
		err := h.Logs(ctx, "catalog-1", lines, true, in)
		in.Close()
		r.ended <- err
	}()
	go func() {
		for text := bufio.NewScanner(out); text.Scan(); {
			r.lines <- text.Text()
		}
	}()
	t.Cleanup(cancel)
	return r
}

func (r *reading) reads(want ...string) {
	r.t.Helper()
	for _, line := range want {
		if got := next(r.t, r.lines); got != line {
			r.t.Fatalf("read %q, want %q", got, line)
		}
	}
}

func TestAFollowedLogGoesOn(t *testing.T) {
	path := writes(t, "one\ntwo\n")
	r := followLog(t, path, 1)
	r.reads("two")
	appends(t, path, "three\nfo")
	r.reads("three")
	appends(t, path, "ur\n")
	r.reads("four")
	r.stop()
	if err := next(t, r.ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Logs returned %v", err)
	}
}

// The log is copied and cut in place when it has grown too long.
func TestAFollowedLogThatWasCutIsReadFromItsBeginning(t *testing.T) {
	path := writes(t, "old line, and a long one\n")
	r := followLog(t, path, 1)
	r.reads("old line, and a long one")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	appends(t, path, "new\n")
	r.reads("new")
	appends(t, path, "newer\n")
	r.reads("newer")
}

func TestALogThatAppearsLateIsFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog-1.log")
	r := followLog(t, path, 5)
	appends(t, path, "first\n")
	r.reads("first")
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	appends(t, path, "2nd\n") // shorter than what was read: another file
	r.reads("2nd")
}

// The answer begins at once, so that who follows a silent log knows it is
// followed.
func TestFollowingASilentLogIsAnswered(t *testing.T) {
	h := serve(t, &stub{logs: map[holdfast.ReplicaName]string{"catalog-1": "/nowhere/catalog-1.log"}})
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	body, err := h.open(ctx, "/v0/logs/catalog-1?follow=1")
	if err != nil {
		t.Fatal(err)
	}
	body.Close()
}

// A replica that prints much is followed as fast as it prints, and not one
// buffer per look, which a cut would overtake.
func TestAChattyLogIsKeptUpWith(t *testing.T) {
	path := writes(t, "")
	synctest.Test(t, func(t *testing.T) {
		const printed = 8 << 20
		line := newPipes()
		serving(t, line, &stub{logs: map[holdfast.ReplicaName]string{"catalog-1": path}})
		client := line.client()
		defer client.Close()
		ctx, cancel := context.WithCancel(t.Context())
		var out bytes.Buffer
		ended := make(chan error, 1)
		go func() { ended <- client.Logs(ctx, "catalog-1", 1, true, &out) }()
		synctest.Wait()
		appends(t, path, strings.Repeat("x", printed))
		time.Sleep(2 * look)
		synctest.Wait()
		cancel()
		<-ended
		if out.Len() != printed {
			t.Errorf("after two looks %d bytes were read of %d", out.Len(), printed)
		}
	})
}
