package proof

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"holdfast"
	"holdfast/internal/files"
)

// File is the name of the kept verdicts in a state directory: one JSON object a
// line, oldest first.
const File = "verdicts.jsonl"

const (
	// maxStored bounds the file; a verdict takes half a KiB. When it is full, the
	// newer half stays, and of every drill the last that says something.
	maxStored = 4 << 20
	// maxReason bounds what is kept of a reason: it is read again by people, one
	// line at a time.
	maxReason = 2 << 10
	// lockPatience is how long another proof in the same folder may hold the file.
	lockPatience = 2 * time.Second
	lockAgain    = 10 * time.Millisecond
)

// Keep adds a verdict to a state directory's. It is on disk when Keep returns.
// Several processes may keep at once.
func Keep(state string, kept Kept) error {
	kept.Reason = clip(kept.Reason)
	line, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("keep the verdict of %s: %w", kept.Mode, err)
	}
	lock, err := takeLock(filepath.Join(state, File+".lock"))
	if err != nil {
		return fmt.Errorf("keep the verdict of %s: %w", kept.Mode, err)
	}
	defer lock.Close()
	path := filepath.Join(state, File)
	if err := makeRoom(path, len(line)); err != nil {
		return fmt.Errorf("keep the verdict of %s: %w", kept.Mode, err)
	}
	if err := appendLine(path, line); err != nil {
		return fmt.Errorf("keep the verdict of %s: %w", kept.Mode, err)
	}
	return nil
}

// appendLine writes a line behind whatever is there, which may end in half a line
// of somebody who died.
func appendLine(path string, line []byte) error {
	_, missing := os.Stat(path)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	last := make([]byte, 1)
	if size > 0 {
		if _, err := file.ReadAt(last, size-1); err != nil {
			return err
		}
	}
	if size > 0 && last[0] != '\n' {
		line = append([]byte{'\n'}, line...)
	}
	if _, err := file.Write(append(line, '\n')); err != nil {
		return err
	}
	if err := file.Sync(); err != nil || missing == nil {
		return err
	}
	return files.SyncDir(filepath.Dir(path))
}

// Read returns what a state directory keeps, oldest first. Lines that are
// damaged are left out; how many there were is the second answer.
func Read(state string) ([]Kept, int, error) {
	file, err := os.Open(filepath.Join(state, File))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read the kept verdicts: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, 2*maxStored))
	if err != nil {
		return nil, 0, fmt.Errorf("read the kept verdicts: %w", err)
	}
	var all []Kept
	damaged := 0
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var kept Kept
		if json.Unmarshal(line, &kept) != nil || kept.Mode == "" || kept.Basis == "" || kept.At.IsZero() || !isVerdict(kept.Verdict) {
			damaged++
			continue
		}
		all = append(all, kept)
	}
	return all, damaged, nil
}

func isVerdict(v holdfast.Verdict) bool {
	return slices.Contains([]holdfast.Verdict{holdfast.Pass, holdfast.Fail, holdfast.Invalid, holdfast.Aborted, holdfast.Skip}, v)
}

// makeRoom throws the older half away when another line would be too much.
func makeRoom(path string, more int) error {
	info, err := os.Stat(path)
	if err != nil || info.Size()+int64(more) < maxStored {
		return nil // that there is none yet is no error, and any other appendLine meets
	}
	all, _, err := Read(filepath.Dir(path))
	if err != nil {
		return err
	}
	last := map[exercised]int{}
	for i, kept := range all {
		if kept.Says() {
			last[exercised{kept.Mode, kept.Fault}] = i
		}
	}
	var text bytes.Buffer
	for i, kept := range all {
		if at, ok := last[exercised{kept.Mode, kept.Fault}]; i < len(all)/2 && !(ok && at == i) {
			continue
		}
		line, err := json.Marshal(kept)
		if err != nil {
			return err
		}
		text.Write(append(line, '\n'))
	}
	return files.ReplaceDurably(path, text.Bytes())
}

// takeLock locks a file that stays: the one it guards is replaced. Closing it
// lets go, as does the end of the process.
func takeLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(lockPatience); ; {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(deadline) {
			file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		time.Sleep(lockAgain)
	}
}

// clip shortens a text to its bound, at the beginning of a character.
func clip(text string) string {
	if len(text) <= maxReason {
		return text
	}
	end := maxReason
	for end > 0 && text[end]&0xc0 == 0x80 {
		end--
	}
	return text[:end] + "…"
}
