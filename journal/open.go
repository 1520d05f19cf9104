package journal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"holdfast/event"
)

// Recovered is what a record holds when it is opened.
type Recovered struct {
	Snapshot []byte        // the last one; nil when there never was one
	Frames   []event.Frame // what happened after it, in order
	LastSeq  uint64        // the last entry of both, 0 when there is none
	// Mended is empty, or says what was wrong with the record, what was done
	// about it and what is missing from it, as one line for a person.
	Mended string
}

// Open takes over the record in dir, which is made if it does not exist, mends
// what a crash left and returns what it holds.
//
// It fails with ErrInUse while somebody else writes it, when the directory may
// not be written to, and when it holds something that this version does not
// understand; then nothing on disk was changed. A full disk is no reason to
// fail: see Health.
func Open(dir string, o Options) (*Journal, Recovered, error) {
	if o.disk == nil {
		o.disk = realDisk{}
	}
	j := &Journal{
		dir:   dir,
		keep:  cmp.Or(o.Keep, keepBytes),
		disk:  o.disk,
		queue: make(chan order, cmp.Or(o.queue, queueLength)),
		done:  make(chan struct{}),
		out:   make(chan Commit, cmp.Or(o.queue, queueLength)),
		known: known{changed: make(chan struct{})},
	}
	recovered, err := j.open()
	if err != nil {
		if j.lock != nil {
			j.Close()
		}
		return nil, Recovered{}, fmt.Errorf("open journal %s: %w", dir, nextStep(err))
	}
	return j, recovered, nil
}

// nextStep adds what a person can do about it.
func nextStep(err error) error {
	switch {
	case forbidden(err):
		return fmt.Errorf("%w: make it writable for this user, or name another directory with --state", err)
	case noRoom(err):
		return fmt.Errorf("%w: make some room on its disk and try again", err)
	default:
		return err
	}
}

func (j *Journal) open() (Recovered, error) {
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return Recovered{}, err
	}
	var err error
	if j.lock, err = lockDir(j.dir); err != nil {
		return Recovered{}, err
	}
	found, err := j.look()
	if err != nil {
		return Recovered{}, err
	}
	if err := j.mend(found); err != nil {
		return Recovered{}, err
	}
	recovered := found.recovered()
	j.known.floor, j.known.last = recovered.LastSeq, recovered.LastSeq
	if err := j.takeUp(found, recovered.LastSeq); err != nil {
		return Recovered{}, err
	}
	j.layReserve()
	return recovered, nil
}

// found is what stands in the directory, before anything is changed.
type found struct {
	older   []segment // that are left as they are, oldest first
	newest  *scanned  // the one to go on with; nil when none can be
	spoiled []scanned // newer ones without a usable snapshot, newest first
	highest uint64    // number of any segment there ever was
}

// A scanned is a segment that was read whole.
type scanned struct {
	number uint64
	size   int64
	good   int64 // bytes of it that stand
	lines  []Line
	lost   int // whole lines that stand after the damage
}

// look reads what is there: the newest segment that begins with a snapshot, and
// the heads of those before it.
func (j *Journal) look() (found, error) {
	numbers, _, highest, err := segmentsIn(j.dir)
	if err != nil {
		return found{}, err
	}
	out := found{highest: highest}
	for len(numbers) > 0 && out.newest == nil {
		last := len(numbers) - 1
		s, err := scan(filepath.Join(j.dir, segmentName(numbers[last])), numbers[last])
		if err != nil {
			return found{}, err
		}
		numbers = numbers[:last]
		if len(s.lines) == 0 {
			out.spoiled = append(out.spoiled, s)
			continue
		}
		out.newest = &s
	}
	for _, number := range numbers {
		s, err := peek(filepath.Join(j.dir, segmentName(number)), number)
		if err != nil {
			return found{}, err
		}
		out.older = append(out.older, s)
	}
	return out, nil
}

// scan reads a segment up to its first damage, and counts what is whole after.
func scan(path string, number uint64) (scanned, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return scanned{}, err
	}
	out := scanned{number: number, size: int64(len(text))}
	intact := true
	for at := 0; at < len(text); {
		end := bytes.IndexByte(text[at:], '\n')
		if end < 0 {
			break // a line without an end was never promised
		}
		line := text[at : at+end]
		at += end + 1
		switch ok := whole(line); {
		case !ok:
			intact = false
		case !intact:
			out.lost++
		default:
			decoded, err := decode(path, len(out.lines)+1, line)
			if err != nil {
				return scanned{}, err
			}
			out.lines = append(out.lines, decoded)
			out.good = int64(at)
		}
	}
	return out, out.misplaced(path)
}

// misplaced refuses a segment whose lines are whole but not in their places:
// no crash does that.
func (s scanned) misplaced(path string) error {
	for i, line := range s.lines {
		if first := i == 0; first != (line.Frame == nil) {
			return fmt.Errorf("%s line %d: a segment is one snapshot and then frames: put together by hand?", path, line.Number)
		}
	}
	return nil
}

// mend makes the disk as if only what stands had ever been written.
func (j *Journal) mend(f found) error {
	for _, s := range f.spoiled {
		if err := j.setAside(s); err != nil {
			return err
		}
	}
	if s := f.newest; s != nil && s.good < s.size {
		return j.cutOff(*s)
	}
	return nil
}

// setAside takes a segment out of the record whose snapshot cannot be read.
func (j *Journal) setAside(s scanned) error {
	path := filepath.Join(j.dir, segmentName(s.number))
	var err error
	if s.lost == 0 {
		err = j.disk.remove(path)
	} else {
		err = j.disk.rename(path, freeName(path+damagedMark))
	}
	if err != nil {
		return err
	}
	return j.disk.syncDir(j.dir)
}

// cutOff takes what does not stand from the end of a segment. When whole lines
// are lost with it, the segment is kept aside first, under a second name; only
// then does its first name pass to the part that stands. Whenever we die in
// between, the next Open finds the damage as it was.
func (j *Journal) cutOff(s scanned) error {
	path := filepath.Join(j.dir, segmentName(s.number))
	if s.lost == 0 {
		f, err := j.disk.open(path)
		if err != nil {
			return err
		}
		err = f.Truncate(s.good)
		if err == nil {
			err = f.Sync()
		}
		return errors.Join(err, f.Close())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := j.disk.link(path, freeName(path+damagedMark)); err != nil {
		return err
	}
	err = replace(j.disk, path, text[:s.good])
	if noRoom(err) && j.spendReserve() {
		err = replace(j.disk, path, text[:s.good])
	}
	return err
}

// freeName is path, or path-2, path-3, … when it is taken.
func freeName(path string) string {
	name := path
	for n := 2; exists(name); n++ {
		name = fmt.Sprintf("%s-%d", path, n)
	}
	return name
}

// takeUp puts the pen where the record ends.
func (j *Journal) takeUp(f found, last uint64) error {
	j.known.segments = f.older
	if f.newest == nil {
		j.pen.segment = segment{number: f.highest, before: last}
		err := j.begin()
		if err != nil && !noRoom(err) {
			return err
		}
		if err != nil {
			j.trouble(0, 0, err)
		}
		return nil
	}
	file, err := j.disk.open(filepath.Join(j.dir, segmentName(f.newest.number)))
	if err != nil {
		return err
	}
	head := f.newest.lines[0]
	j.pen.file = file
	j.pen.segment = segment{number: f.newest.number, size: f.newest.good, before: head.Last}
	j.pen.head, err = headLength(head)
	if err != nil {
		return err
	}
	j.known.segments = append(j.known.segments, j.pen.segment)
	j.known.health.Bytes = j.pen.segment.size - j.pen.head
	return nil
}

// headLength is what a snapshot takes as a line.
func headLength(head Line) (int64, error) {
	line, err := encodeCut(cut{Last: head.Last, Snapshot: head.Snapshot})
	return int64(len(line)), err
}

func (f found) recovered() Recovered {
	out := Recovered{Mended: f.account()}
	if f.newest == nil {
		return out
	}
	head := f.newest.lines[0]
	out.Snapshot, out.LastSeq = head.Snapshot, head.Last
	for _, line := range f.newest.lines[1:] {
		out.Frames = append(out.Frames, *line.Frame)
		out.LastSeq = lastSeq(*line.Frame, out.LastSeq)
	}
	return out
}

// account says what is wrong and what is missing, newest first.
func (f found) account() string {
	var said []string
	for _, s := range f.spoiled {
		name := segmentName(s.number)
		if s.lost == 0 {
			said = append(said, fmt.Sprintf("%s held no whole line in %d bytes and was removed", name, s.size))
			continue
		}
		said = append(said, fmt.Sprintf("%s has no readable snapshot: %d whole lines in %d bytes are not used, kept as %s%s", name, s.lost, s.size, name, damagedMark))
	}
	if s := f.newest; s != nil {
		said = append(said, s.account()...)
	}
	return strings.Join(said, "; ")
}

func (s scanned) account() []string {
	var said []string
	name := segmentName(s.number)
	switch torn := s.size - s.good; {
	case s.lost > 0:
		said = append(said, fmt.Sprintf("%s is damaged after line %d: %d bytes with %d whole lines are not used, kept as %s%s", name, len(s.lines), torn, s.lost, name, damagedMark))
	case torn > 0:
		said = append(said, fmt.Sprintf("%s ended in an unfinished line: %d bytes were cut off", name, torn))
	}
	last := s.lines[0].Last
	for _, line := range s.lines[1:] {
		if entries := line.Frame.Entries; len(entries) > 0 && entries[0].ID.Seq > last+1 {
			said = append(said, fmt.Sprintf("entries %d to %d were never recorded", last+1, entries[0].ID.Seq-1))
		}
		last = lastSeq(*line.Frame, last)
	}
	return said
}

// peek reads what of an old segment is needed to find an entry in it.
func peek(path string, number uint64) (segment, error) {
	at, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return segment{number: number}, nil
	}
	if err != nil {
		return segment{}, err
	}
	out := segment{number: number, size: at.Size()}
	f, err := os.Open(path)
	if err != nil {
		return segment{}, err
	}
	defer f.Close()
	for line, err := range linesOf(path, f, lenient) {
		if err != nil {
			return segment{}, err
		}
		if out.before = line.Last; line.Frame != nil && len(line.Frame.Entries) > 0 {
			out.before = line.Frame.Entries[0].ID.Seq - 1 // its snapshot is damaged
		}
		break
	}
	return out, nil
}
