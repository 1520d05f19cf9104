package warden

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"holdfast"
)

// ErrNoRun says that there is no such run.
const ErrNoRun = holdfast.Refusal("no live drill is under way")

const (
	runFile = "live.lock"
	maxRun  = 64 << 10
)

// A Live is a live run under way: whose, and of what.
type Live struct {
	Prove    Identity               `json:"prove"`
	By       string                 `json:"by"`
	Began    time.Time              `json:"began"`
	System   holdfast.SystemName    `json:"system"`
	Services []holdfast.ServiceName `json:"services"` // that it may strike in earnest
}

// LiveFile is where a live run says that it is under way.
func LiveFile(state string) string { return filepath.Join(state, runFile) }

// Underway is the live run of a state directory. One whose prove is dead is none.
func Underway(state string) (Live, error) {
	var live Live
	info, err := os.Stat(LiveFile(state))
	if errors.Is(err, fs.ErrNotExist) {
		return live, ErrNoRun
	}
	if err != nil {
		return live, fmt.Errorf("look for a live drill: %w", err)
	}
	if info.Size() > maxRun {
		return live, ErrNoRun
	}
	text, err := os.ReadFile(LiveFile(state))
	if err != nil {
		return live, fmt.Errorf("look for a live drill: %w", err)
	}
	if json.Unmarshal(text, &live) != nil || !live.Prove.alive() {
		return Live{}, ErrNoRun
	}
	return live, nil
}
