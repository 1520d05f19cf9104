package prove

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"holdfast"
	"holdfast/internal/files"
)

const (
	spentFile = "spent.jsonl"
	// maxSpent bounds what is read of it: some 30,000 live drills in four weeks.
	maxSpent = 8 << 20
)

// A spending is what one live drill took from users. It is written down before
// anything is broken, with what is foreseen, and again when it is over: of a drill
// that nobody saw the end of, what was foreseen counts.
type spending struct {
	ID    string            `json:"id"`
	Mode  holdfast.ModeName `json:"mode"`
	At    time.Time         `json:"at"`
	Spent time.Duration     `json:"spent"`
	Hurt  int               `json:"hurt"`
	Rate  float64           `json:"rate"`
	Ended bool              `json:"ended"`
}

// readSpent are the spendings since an instant, the last that was said of each, in
// the order in which they began. A line that cannot be read is what a kill in the
// middle of a write leaves, and says nothing.
func readSpent(state string, since time.Time) ([]spending, error) {
	file, err := os.Open(filepath.Join(state, spentFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what live drills have spent: %w", err)
	}
	defer file.Close()
	var all []spending
	at := map[string]int{}
	lines := bufio.NewScanner(io.LimitReader(file, maxSpent))
	for lines.Scan() {
		var s spending
		if json.Unmarshal(lines.Bytes(), &s) != nil || s.ID == "" || s.At.Before(since) {
			continue
		}
		if i, known := at[s.ID]; known {
			all[i] = s
			continue
		}
		at[s.ID] = len(all)
		all = append(all, s)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read what live drills have spent: %w", err)
	}
	return all, nil
}

// keepSpent makes the file hold these and no others.
func keepSpent(state string, all []spending) error {
	var text bytes.Buffer
	for _, s := range all {
		line, err := json.Marshal(s)
		if err != nil {
			return fmt.Errorf("write down what live drills spend: %w", err)
		}
		text.Write(append(line, '\n'))
	}
	if err := files.ReplaceDurably(filepath.Join(state, spentFile), text.Bytes()); err != nil {
		return fmt.Errorf("write down what live drills spend: %w", err)
	}
	return nil
}

// total is what they spent together.
func total(all []spending) time.Duration {
	var sum time.Duration
	for _, s := range all {
		sum += s.Spent
	}
	return sum
}
