// Package rig is what every benchmark begins with: the program, built, in a
// folder of its own beside a file.
package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// A Rig is a folder with a holdfast.yaml, and the program in it. Remove must be
// called.
type Rig struct {
	Dir     string
	Program string // absolute; ./holdfast for whoever works in Dir
}

// Build builds the program into a new folder and writes the file beside it.
func Build(ctx context.Context, file string) (*Rig, error) {
	dir, err := os.MkdirTemp("", "holdfast-bench-")
	if err != nil {
		return nil, err
	}
	r := &Rig{Dir: dir, Program: filepath.Join(dir, "holdfast")}
	if said, err := exec.CommandContext(ctx, "go", "build", "-o", r.Program, "holdfast/cmd/holdfast").CombinedOutput(); err != nil {
		r.Remove()
		return nil, fmt.Errorf("build: %w\n%s", err, said)
	}
	if err := os.WriteFile(filepath.Join(dir, "holdfast.yaml"), []byte(file), 0o600); err != nil {
		r.Remove()
		return nil, err
	}
	return r, nil
}

// Remove takes the folder away.
func (r *Rig) Remove() { os.RemoveAll(r.Dir) }

// Run runs the program in the folder and returns all it prints.
func (r *Rig) Run(ctx context.Context, args ...string) ([]byte, error) {
	return r.command(ctx, args).CombinedOutput()
}

// Output runs the program in the folder and returns what it prints to stdout.
func (r *Rig) Output(ctx context.Context, args ...string) ([]byte, error) {
	out, err := r.command(ctx, args).Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", args[0], err)
	}
	return out, nil
}

// An Entry is the part of a journal's entry that benchmarks need.
type Entry struct {
	At struct {
		Boot time.Duration `json:"boot"`
	} `json:"at"`
	Kind string `json:"kind"`
	Body struct {
		Do   string          `json:"do"`
		Kept bool            `json:"kept"`
		ID   json.RawMessage `json:"id"`
	} `json:"body"`
}

// Entries is the journal of the system that runs in the folder.
func (r *Rig) Entries(ctx context.Context) ([]Entry, error) {
	out, err := r.Output(ctx, "events", "--json")
	if err != nil {
		return nil, err
	}
	var all []Entry
	lines := json.NewDecoder(bytes.NewReader(out))
	for lines.More() {
		var e Entry
		if err := lines.Decode(&e); err != nil {
			return nil, fmt.Errorf("events: %w", err)
		}
		all = append(all, e)
	}
	return all, nil
}

func (r *Rig) command(ctx context.Context, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, r.Program, args...)
	cmd.Dir = r.Dir
	return cmd
}
