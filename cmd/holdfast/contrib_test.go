//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The unit is what systemd takes, with the program and the folder of this test
// in the place of its own.
func TestTheSystemdUnitIsGood(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze here")
	}
	text, err := os.ReadFile("../../contrib/holdfast.service")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	unit := strings.NewReplacer("/usr/local/bin/holdfast", os.Getenv(programVariable), "/srv/shop", dir).Replace(string(text))
	path := filepath.Join(dir, "shop.service")
	if err := os.WriteFile(path, []byte(unit), 0o644); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command(analyze, "verify", "--man=no", path).CombinedOutput(); err != nil || strings.Contains(string(said), "shop.service") {
		t.Errorf("%v\n%s", err, said)
	}
}

// What the unit relies on: its PIDFile holds the keeper's pid, `up` adopts after
// a keeper was killed, and its arguments are understood.
func TestTheUnitsCommandsDoWhatItSays(t *testing.T) {
	t.Parallel()
	s := newSystem(t, pair)
	s.run("up", "--detach", "holdfast.yaml").exits(0)
	before := s.whole()
	s.strike(s.keeper(), 9)
	s.run("up", "--detach", "holdfast.yaml").exits(0)
	s.untouched(before)
	if pid := s.keeper(); !lives(pid) {
		t.Errorf("the PIDFile holds %d, which does not live", pid)
	}
	s.run("reload", "holdfast.yaml").exits(0)
	s.run("down", "--state", ".holdfast").exits(0)
	s.isGone()
}
