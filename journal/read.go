package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"holdfast/event"
)

// Read goes through all segments of a directory, oldest first, line by line,
// without changing or locking anything. An unfinished last line is where it
// ends; damage before that, or a line that this version does not understand,
// ends it with an error that names file and line.
//
// Segments overlap in nothing: the frames of all of them, in order, are the
// history, and every snapshot is the state between the frames around it.
func Read(dir string) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		numbers, _, _, err := segmentsIn(dir)
		if err != nil {
			yield(Line{}, fmt.Errorf("read journal %s: %w", dir, err))
			return
		}
		for _, number := range numbers {
			for line, err := range Load(filepath.Join(dir, segmentName(number))) {
				if !yield(line, err) || err != nil {
					return
				}
			}
		}
	}
}

// Load goes through one file of lines, as Read does through all.
func Load(path string) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(Line{}, err)
			return
		}
		defer f.Close()
		for line, err := range linesOf(path, f, strict) {
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// A temper says what becomes of a damaged line: strict ends with an error when
// whole lines follow, lenient passes it over. Who looks at history is better
// served by what is left of it; who replays it must not be.
type temper bool

const (
	strict  temper = true
	lenient temper = false
)

// linesOf reads lines from r up to the last whole one.
func linesOf(path string, r io.Reader, how temper) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		text := bufio.NewReaderSize(r, 64<<10)
		damaged := 0
		for number := 1; ; number++ {
			raw, err := text.ReadBytes('\n')
			if errors.Is(err, io.EOF) {
				return // what has no end was never promised
			}
			if err != nil {
				yield(Line{}, fmt.Errorf("%s line %d: %w", path, number, err))
				return
			}
			raw = raw[:len(raw)-1]
			if !whole(raw) {
				damaged = number
				continue
			}
			if damaged > 0 && how == strict {
				yield(Line{}, fmt.Errorf("%s line %d: damaged, with whole lines after it", path, damaged))
				return
			}
			line, err := decode(path, number, raw)
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// followBatch bounds what one call of a follower's emit is given.
const followBatch = 1024

// Follow hands over the entries after the given one, from what is kept on disk
// and then as they are handed on, until ctx ends or emit returns an error,
// which it returns. Entries that could not be recorded are among them while
// memory holds them. Entries come in order, at most 1024 at a time; where
// history is gone or damaged, their numbers skip. A follower that is slow reads
// from disk what it missed; it never makes the writer wait.
func (j *Journal) Follow(ctx context.Context, after uint64, emit func([]event.Entry) error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		entries, floor, changed := j.recent(after)
		var err error
		switch {
		case after < floor:
			after, err = j.history(ctx, after, floor, emit)
		case len(entries) > 0:
			after = entries[len(entries)-1].ID.Seq
			err = emit(entries)
		default:
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
		if err != nil {
			return err
		}
	}
}

// recent gives the next entries after the given one from memory, the entry
// below which memory does not reach, and what closes when there is more.
func (j *Journal) recent(after uint64) ([]event.Entry, uint64, <-chan struct{}) {
	j.known.Lock()
	defer j.known.Unlock()
	var entries []event.Entry
	if after >= j.known.floor && after < j.known.last {
		for _, f := range j.known.recent {
			for _, e := range f.Entries {
				if e.ID.Seq > after && len(entries) < followBatch {
					entries = append(entries, e)
				}
			}
		}
	}
	return entries, j.known.floor, j.known.changed
}

// history hands over the entries after one and up to another from disk, and
// returns the second: what is not there by then will not come.
func (j *Journal) history(ctx context.Context, after, upTo uint64, emit func([]event.Entry) error) (uint64, error) {
	batch := make([]event.Entry, 0, followBatch)
	for e, err := range j.stored(after, upTo) {
		if err != nil {
			return after, fmt.Errorf("follow: %w", err)
		}
		if batch = append(batch, e); len(batch) < followBatch {
			continue
		}
		if err := errors.Join(ctx.Err(), emit(batch)); err != nil {
			return after, err
		}
		batch = make([]event.Entry, 0, followBatch)
	}
	if len(batch) == 0 {
		return upTo, nil
	}
	return upTo, emit(batch)
}

// stored reads entries from the durable part of the segments.
func (j *Journal) stored(after, upTo uint64) iter.Seq2[event.Entry, error] {
	return func(yield func(event.Entry, error) bool) {
		for _, s := range j.segmentsAfter(after) {
			f, err := os.Open(filepath.Join(j.dir, segmentName(s.number)))
			if errors.Is(err, fs.ErrNotExist) {
				continue // let go of meanwhile
			}
			if err != nil {
				yield(event.Entry{}, err)
				return
			}
			on := storedIn(f, s, after, upTo, yield)
			f.Close()
			if !on {
				return
			}
		}
	}
}

// storedIn reads one segment and says whether to go on.
func storedIn(f *os.File, s segment, after, upTo uint64, yield func(event.Entry, error) bool) bool {
	for line, err := range linesOf(f.Name(), io.NewSectionReader(f, 0, s.size), lenient) {
		if err != nil {
			yield(event.Entry{}, err)
			return false
		}
		if line.Frame == nil {
			continue
		}
		for _, e := range line.Frame.Entries {
			if e.ID.Seq <= after {
				continue
			}
			if e.ID.Seq > upTo || !yield(e, nil) {
				return false
			}
		}
	}
	return true
}

// segmentsAfter lists the segments that may hold entries after the given one.
func (j *Journal) segmentsAfter(after uint64) []segment {
	j.known.Lock()
	defer j.known.Unlock()
	var out []segment
	for i, s := range j.known.segments {
		if next := i + 1; next < len(j.known.segments) && j.known.segments[next].before <= after {
			continue
		}
		out = append(out, s)
	}
	return out
}
