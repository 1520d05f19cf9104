package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"holdfast"
	"holdfast/internal/files"
)

// The bounds of what a replica leaves behind. Its log may grow past maxLog by
// what its process writes between two looks; of that, older files keep no more
// than twice maxLog each (see copyEnd). So a replica occupies at most 70 MiB and
// one second of its own output; one that prints less than 10 MiB a second, 50.
const (
	maxLog  = 10 << 20
	keptLog = 3 // older files: .1 to .3
	lookLog = time.Second
)

// boundLogs keeps every log below dir within its bounds until ctx ends.
func boundLogs(ctx context.Context, dir string) {
	tick := time.NewTicker(lookLog)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			rotateAll(dir, maxLog)
		}
	}
}

// rotateAll looks at the directory and not at what is desired: the log of a
// replica that is no longer desired may still be written to.
func rotateAll(dir string, limit int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) != ".log" {
			continue
		}
		if info, err := entry.Info(); err == nil && info.Size() > limit {
			rotate(filepath.Join(dir, entry.Name()), limit)
		}
	}
}

// rotate moves the end of a log, at most limit bytes, to path.1 and empties the
// log in place, because its process keeps writing to the same file and must not
// have to reopen it. What the process writes between our last read and the
// truncation, a few microseconds, is lost; a rename would lose nothing and
// bound nothing. If we die between copy and truncation, the copied lines are
// there twice.
//
// When the copy fails (the disk is full), the log is emptied all the same: the
// bound is worth more than the lines.
func rotate(path string, limit int64) {
	for n := keptLog; n > 1; n-- {
		os.Rename(older(path, n-1), older(path, n))
	}
	live, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return
	}
	defer live.Close()
	old, failed := os.OpenFile(older(path, 1), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if failed == nil {
		defer old.Close() // after the truncation: until then every moment loses lines
		failed = copyEnd(old, live, limit)
	}
	emptied := live.Truncate(0) == nil
	if failed != nil {
		os.Remove(older(path, 1))
	}
	if failed != nil && emptied {
		fmt.Fprintf(live, "holdfast: what stood here was dropped: %v\n", failed)
	}
}

func older(path string, n int) string { return path + "." + strconv.Itoa(n) }

// copyEnd copies the last limit bytes of a log and then what has been added
// meanwhile, at most as much again. What is left out is said in its place.
func copyEnd(old, live *os.File, limit int64) error {
	size, err := live.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	from := max(0, size-limit)
	if err := sayDropped(old, from); err != nil {
		return err
	}
	if _, err := live.Seek(from, io.SeekStart); err != nil {
		return err
	}
	copied, err := io.CopyN(old, live, 2*limit)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	size, err = live.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	return sayDropped(old, size-from-copied)
}

func sayDropped(old *os.File, dropped int64) error {
	if dropped <= 0 {
		return nil
	}
	_, err := fmt.Fprintf(old, "holdfast: %d bytes were dropped here\n", dropped)
	return err
}

// maxLines is the most lines Tail returns.
const maxLines = 10_000

// Tail is the last lines of what a replica printed, across incarnations, the
// oldest first, at most 10,000. It reads at most the last MiB of the log and, if
// that was emptied lately, of the one before. A replica that never printed has
// none.
func (d *Driver) Tail(replica holdfast.ReplicaName, lines int) ([]string, error) {
	lines = min(max(lines, 0), maxLines)
	path := d.LogPath(replica)
	last, whole, err := files.Tail(path, lines)
	if err != nil || len(last) == lines || !whole {
		return last, err
	}
	before, _, err := files.Tail(older(path, 1), lines-len(last))
	return append(before, last...), err
}
