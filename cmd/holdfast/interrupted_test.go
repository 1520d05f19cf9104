//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// What reads, thinks and prints asks nobody whether it is still wanted. Here it
// reads what has no end yet.
func TestCtrlCEndsWhatOnlyReads(t *testing.T) {
	for name, args := range map[string][]string{
		"check": {"check", "pipe"},
		"init":  {"init", "--from", "pipe"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, "")
			path := filepath.Join(h.dir, "pipe")
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
			r := h.start(args...)
			pipe, err := os.OpenFile(path, os.O_WRONLY, 0) // once the program has opened its end
			if err != nil {
				t.Fatal(err)
			}
			defer pipe.Close()
			r.signal(syscall.SIGINT)
			r.ends().exits(exitInterrupted)
		})
	}
}

// Who ends prove while its copy is only starting is told that, and not what the
// copy had not done yet.
func TestCtrlCWhileTheCopyStartsIsAnInterruption(t *testing.T) {
	t.Parallel()
	h := newHouse(t, catalogAlone(""))
	r := h.start("prove", "crash")
	r.says("starting a private copy")
	r.signal(syscall.SIGINT)
	r.ends().exits(exitInterrupted).tells("ABORTED  no drill came to its end", "why: interrupted; what was broken on purpose is put back")
	h.onlyLivesWithin(lease)
}
