package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"holdfast/bench/rig"
	"holdfast/report"
)

// A site is the program, built, and a folder for each system beside it. remove
// must be called.
type site struct{ *rig.Rig }

func newSite(ctx context.Context) (*site, error) {
	built, err := rig.Build(ctx, "")
	if err != nil {
		return nil, err
	}
	return &site{Rig: built}, nil
}

func (s *site) remove() { s.Rig.Remove() }

// folder makes a folder in which a file is holdfast.yaml, ./holdfast the program,
// and ./sick a service that is unwell in ways that its flags name: this program.
func (s *site) folder(name, file string) (dir string, err error) {
	dir = filepath.Join(s.Dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	start := fmt.Sprintf("#!/bin/sh\nexec %q %s \"$@\"\n", self, sickVerb)
	return dir, errors.Join(
		os.WriteFile(filepath.Join(dir, "holdfast.yaml"), []byte(file), 0o600),
		os.WriteFile(filepath.Join(dir, "sick"), []byte(start), 0o700),
		link(s.Program, filepath.Join(dir, "holdfast")),
	)
}

func link(to, at string) error {
	if err := os.Remove(at); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Symlink(to, at)
}

// prove runs the program in a folder. Its exit code says no more than the
// document does.
func (s *site) prove(ctx context.Context, dir string, args ...string) (run report.Run, err error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, s.Program, append([]string{"prove", "--json"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	ended := cmd.Run()
	if err := json.Unmarshal(stdout.Bytes(), &run); err != nil {
		return run, fmt.Errorf("prove in %s: %w\n%s", dir, ended, &stderr)
	}
	return run, ctx.Err()
}
