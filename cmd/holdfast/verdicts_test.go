package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/check"
	"holdfast/gateway"
	"holdfast/mode"
	"holdfast/proof"
)

// A drilled house is a folder with a service and a state directory that keeps
// verdicts of it.
type drilledHouse struct {
	t      *testing.T
	state  stateDir
	system *holdfast.System
	now    time.Time
}

func newDrilledHouse(t *testing.T) *drilledHouse {
	t.Helper()
	dir := t.TempDir()
	h := &drilledHouse{t: t, state: stateDir(filepath.Join(dir, ".holdfast")), now: time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)}
	h.write("web", "#!/bin/sh\n")
	h.write("conf", "1")
	service := holdfast.Service{Name: "web", Command: "./web", Manage: holdfast.Full, Replicas: 2, WorkingDir: dir, Inputs: []string{filepath.Join(dir, "conf")}}
	h.system = &holdfast.System{Services: []holdfast.Service{service}}
	for _, m := range []mode.Mode{mode.Crash(), mode.Hang(), mode.Slow()} {
		h.system.Modes = append(h.system.Modes, m.Of(service))
	}
	return h
}

func (h *drilledHouse) write(name, text string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(filepath.Dir(string(h.state)), name), []byte(text), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

// drill keeps a verdict on what there is now.
func (h *drilledHouse) drill(name holdfast.ModeName, verdict holdfast.Verdict, ago time.Duration) {
	h.t.Helper()
	if err := os.MkdirAll(string(h.state), 0o700); err != nil {
		h.t.Fatal(err)
	}
	basis := proof.NewBases(string(h.state), os.Environ()).Of(h.t.Context(), h.system)[name]
	kept := proof.Kept{Mode: name, Basis: basis.Digest, Verdict: verdict, At: h.now.Add(-ago)}
	if err := proof.Keep(string(h.state), kept); err != nil || basis.Why != "" {
		h.t.Fatalf("%v %s", err, basis.Why)
	}
}

func (h *drilledHouse) stands(want map[holdfast.ModeName]check.Proof) {
	h.t.Helper()
	got, err := proofsOf(h.t.Context(), h.system, h.state, h.now)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, m := range h.system.Modes {
		if got[m.Name] != want[m.Name] {
			h.t.Errorf("%s is %q, want %q", m.Name, got[m.Name], want[m.Name])
		}
	}
}

func TestVerdictsStandForWhatTheyWereMadeOn(t *testing.T) {
	t.Parallel()
	h := newDrilledHouse(t)
	h.drill("web.crash", holdfast.Pass, 29*24*time.Hour)
	h.drill("web.hang", holdfast.Pass, time.Hour)
	h.drill("web.hang", holdfast.Fail, time.Minute)
	h.drill("web.slow", holdfast.Skip, time.Minute)
	h.stands(map[holdfast.ModeName]check.Proof{"web.crash": check.Proved, "web.hang": check.Failed})
	h.now = h.now.Add(48 * time.Hour)
	h.stands(map[holdfast.ModeName]check.Proof{"web.crash": check.Stale, "web.hang": check.Failed})
	h.drill("web.crash", holdfast.Pass, 0)
	h.drill("web.hang", holdfast.Pass, 0)
	h.drill("web.hang", holdfast.Invalid, 0)
	h.stands(map[holdfast.ModeName]check.Proof{"web.crash": check.Proved, "web.hang": check.Proved})
	h.write("conf", "2")
	h.stands(map[holdfast.ModeName]check.Proof{"web.crash": check.Stale, "web.hang": check.Stale})
	h.write("conf", "1")
	h.system.Modes[1].Bounds.Detect++
	h.stands(map[holdfast.ModeName]check.Proof{"web.crash": check.Proved, "web.hang": check.Stale})
	if err := os.Remove(filepath.Join(filepath.Dir(string(h.state)), "web")); err != nil {
		t.Fatal(err)
	}
	h.stands(map[holdfast.ModeName]check.Proof{"web.crash": check.Stale, "web.hang": check.Stale})
}

// Nobody is told to drill who has not run anything yet.
func TestNothingIsSaidOfDrillsBeforeThereIsState(t *testing.T) {
	t.Parallel()
	h := newDrilledHouse(t)
	if got, err := proofsOf(t.Context(), h.system, h.state, h.now); got != nil || err != nil {
		t.Errorf("without a state directory: %v, %v", got, err)
	}
	if err := os.Mkdir(string(h.state), 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := proofsOf(t.Context(), h.system, h.state, h.now); got == nil || len(got) > 0 || err != nil {
		t.Errorf("of what was run and never drilled: %v, %v", got, err)
	}
}

// What cannot be looked at in time is not known, and nobody is scolded for it.
func TestVerdictsAreLookedAtInBoundedTime(t *testing.T) {
	t.Parallel()
	h := newDrilledHouse(t)
	h.drill("web.crash", holdfast.Pass, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, err := proofsOf(ctx, h.system, h.state, h.now)
	if got != nil || err == nil || !strings.Contains(err.Error(), "not known") {
		t.Errorf("%v, %v", got, err)
	}
	began := time.Now()
	h.drill("web.hang", holdfast.Fail, 0)
	h.system.Modes = h.system.Modes[1:] // nothing that passed is left to look at
	if got, err := proofsOf(t.Context(), h.system, h.state, h.now); got["web.hang"] != check.Failed || err != nil || time.Since(began) > verdictsWithin {
		t.Errorf("%v, %v after %s", got, err, time.Since(began))
	}
}

func TestFilesOfFallbacksAreLookedAt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, size := range map[string]int64{"empty": 0, "full": gateway.MaxFallback, "large": gateway.MaxFallback + 1} {
		if err := os.WriteFile(path(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path(name), size); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(path("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	wanted := map[string]string{"empty": "", "full": "", "large": "1048577 bytes", "missing": "no such file", "pipe": "no ordinary file", ".": "a directory"}
	system := &holdfast.System{Services: []holdfast.Service{{Name: "web", DependsOn: []holdfast.Dependency{{On: "plain"}, {On: "body", Fallback: &holdfast.Fallback{Body: "{}"}}}}}}
	for name := range wanted {
		system.Services[0].DependsOn = append(system.Services[0].DependsOn, holdfast.Dependency{On: "ads", Fallback: &holdfast.Fallback{File: path(name)}})
	}
	found := unanswerable(system)
	flawed := 0
	for name, want := range wanted {
		if got := found[path(name)]; (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		if want != "" {
			flawed++
		}
	}
	if len(found) != flawed {
		t.Errorf("found %v", found)
	}
}
