package warden

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"holdfast/internal/files"
	"holdfast/internal/proc"
)

// A stop is a file in the state directory that names the run it ends, by the
// identity of its prove: so it needs nobody to be alive, and none that is left
// behind ends a later run. Prove and its warden look for it, each for itself.

const (
	// StopEvery is how often it is looked for.
	StopEvery = 100 * time.Millisecond
	// obeyLooks is how many looks the warden leaves prove to end by itself, a
	// second; after that it puts back in prove's stead.
	obeyLooks = 10
	stopFile  = "stop"
	maxStop   = 4 << 10
)

type stop struct {
	Of Identity `json:"of"`
	By string   `json:"by"`
}

// AskStop asks the run of a prove to end, and to put back what it broke.
func AskStop(state string, of Identity, by string) error {
	text, err := json.Marshal(stop{Of: of, By: by})
	if err != nil {
		return fmt.Errorf("ask for the stop: %w", err)
	}
	if err := files.Replace(filepath.Join(state, stopFile), append(text, '\n')); err != nil {
		return fmt.Errorf("ask for the stop: %w", err)
	}
	return nil
}

// StopAsked tells whether the run of a prove was asked to end, and by whom.
func StopAsked(state string, of Identity) (by string, asked bool) {
	path := filepath.Join(state, stopFile)
	info, err := os.Stat(path)
	if err != nil || info.Size() > maxStop {
		return "", false
	}
	text, err := os.ReadFile(path)
	var s stop
	if err != nil || json.Unmarshal(text, &s) != nil || s.Of != of {
		return "", false
	}
	return s.By, true
}

// Self is the identity of this process.
func Self() (Identity, error) { return identify(os.Getpid()) }

// Alive tells whether it is still that process.
func (i Identity) Alive() bool { return i.alive() }

// Obey tells the warden that prove has seen the stop and is putting back itself.
func (w *Warden) Obey() { w.say(order{Do: doObey}) }

// stopped says who asked for the end, once prove has had its time to obey.
func (w *watch) stopped() string {
	if w.book == nil {
		return ""
	}
	by, asked := StopAsked(filepath.Dir(filepath.Dir(w.book.file.Name())), w.prove)
	if !asked {
		return ""
	}
	limit := obeyLooks
	if w.obeying {
		limit = int(puttingBack(closeGrace, w.book.open()) / StopEvery)
	}
	if w.stopLooks++; w.stopLooks < limit {
		return ""
	}
	return "it was stopped by " + by
}

// A Standing is how far the end of a run has come.
type Standing struct {
	Open   []Entry       // faults that nobody has said to be undone
	Undone []Entry       // and those that somebody has
	Over   bool          // all was put back, and nothing of any copy lived
	Stuck  bool          // a warden is there, and stopped or gone while its run is not over
	Within time.Duration // how much longer putting back may take by its own bounds
}

// Stand reads how the run of a prove stands, of all its copies.
func Stand(ledgers string, of Identity) (Standing, error) {
	all, err := readAll(ledgers)
	if err != nil {
		return Standing{}, fmt.Errorf("how the run stands: %w", err)
	}
	s := Standing{Over: true}
	for _, l := range all {
		a := l.account
		if a.run == nil || a.rebooted() || a.run.Prove != of {
			continue
		}
		s.Open = append(s.Open, notUndone(a, false)...)
		s.Undone = append(s.Undone, notUndone(a, true)...)
		if a.ended {
			continue
		}
		s.Over = false
		s.Within = max(s.Within, puttingBack(closeGrace, a.open()))
		state, err := proc.State(a.run.Warden.Pid)
		s.Stuck = s.Stuck || !a.run.Warden.alive() || err == nil && state == "T"
	}
	return s, nil
}

// notUndone are the entries that are not undone, or those that are.
func notUndone(a *account, undone bool) []Entry {
	var all []Entry
	for _, e := range a.entries {
		if (e.state == isUndone) == undone {
			all = append(all, e.Entry)
		}
	}
	return all
}

// End ends a prove that does not end by itself. What it broke Heal puts back.
func End(ctx context.Context, prove Identity) error {
	handle, err := proc.Open(prove.Pid, prove.Ticks)
	if errors.Is(err, proc.ErrGone) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("end prove (pid %d): %w", prove.Pid, err)
	}
	defer handle.Close()
	kill(prove)
	ctx, cancel := context.WithTimeout(ctx, killTime)
	defer cancel()
	if err := handle.Wait(ctx); err != nil {
		return fmt.Errorf("end prove (pid %d): %w", prove.Pid, err)
	}
	return nil
}
