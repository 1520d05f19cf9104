package journal

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"holdfast/event"
)

// A pen is where the writer is. It belongs to the goroutine of Run.
type pen struct {
	file    file    // of the newest segment; nil until the first one could be begun
	segment segment // the newest; its size is where the next line goes
	head    int64   // length of its snapshot line
	torn    bool    // something may stand after size that must be cut off first
	backlog []record
	weight  int    // bytes of the backlog
	gap     uint64 // frames lost since the record was last whole: only a cut bridges them
}

// A record is a frame as a line.
type record struct {
	line []byte
	last uint64 // its last entry
}

// carryOut writes a batch, which ends with at most one cut, and hands its
// frames on.
func (j *Journal) carryOut(ctx context.Context, batch []order) {
	var cutAfter *cut
	if last := batch[len(batch)-1]; last.cut != nil {
		batch, cutAfter = batch[:len(batch)-1], last.cut
	}
	frames := make([]event.Frame, 0, len(batch))
	for _, o := range batch {
		frames = append(frames, o.frame)
	}
	recorded := j.write(frames)
	j.publish(frames)
	for i, f := range frames {
		j.commit(ctx, Commit{Frame: f, Recorded: recorded[i]})
	}
	if cutAfter != nil {
		j.cut(*cutAfter)
	}
}

func (j *Journal) commit(ctx context.Context, c Commit) {
	select {
	case j.out <- c:
		return
	default:
	}
	select {
	case j.out <- c:
	case <-ctx.Done():
	}
}

// write puts what is left over from before and the frames on disk, all or none
// of it, and says which frames are there. A frame that has no written form is
// lost, and only that one.
func (j *Journal) write(frames []event.Frame) []bool {
	recorded := make([]bool, len(frames))
	fresh := make([]record, 0, len(frames))
	for i, f := range frames {
		line, err := encodeFrame(f)
		if err != nil {
			j.trouble(1, 1, err)
			continue
		}
		recorded[i] = true
		fresh = append(fresh, record{line: line, last: lastSeq(f, 0)})
	}
	waiting := len(j.pen.backlog) > 0
	if len(fresh) == 0 && !waiting {
		return recorded
	}
	if err := j.writeLines(append(j.pen.backlog[:len(j.pen.backlog):len(j.pen.backlog)], fresh...)); err != nil {
		clear(recorded)
		j.keepForLater(fresh, err)
		return recorded
	}
	j.pen.backlog, j.pen.weight = nil, 0
	j.caughtUp()
	return recorded
}

func (j *Journal) writeLines(records []record) error {
	var text []byte
	for _, r := range records {
		text = append(text, r.line...)
	}
	err := j.put(text)
	if noRoom(err) && j.spendReserve() {
		err = j.put(text)
	}
	return err
}

func (j *Journal) put(text []byte) error {
	if err := j.begin(); err != nil {
		return fmt.Errorf("begin a segment: %w", err)
	}
	if err := j.pen.put(text); err != nil {
		return fmt.Errorf("write %s: %w", segmentName(j.pen.segment.number), err)
	}
	return nil
}

// put appends text durably or leaves the segment as it was.
func (p *pen) put(text []byte) error {
	if err := p.trim(); err != nil {
		return err
	}
	p.torn = true
	_, err := p.file.WriteAt(text, p.segment.size)
	if err == nil {
		// After a failed fsync the kernel may call pages clean that never
		// reached the disk. So a failure is answered by cutting them off and
		// writing them again, never by a second fsync.
		err = p.file.Sync()
	}
	if err != nil {
		p.trim() // at once, for the room; if it fails, the next put begins with it
		return err
	}
	p.torn = false
	p.segment.size += int64(len(text))
	return nil
}

// trim cuts off what a failed write left.
func (p *pen) trim() error {
	if !p.torn {
		return nil
	}
	if err := p.file.Truncate(p.segment.size); err != nil {
		return err
	}
	p.torn = false
	return nil
}

// begin makes sure that there is a segment to write to. There is none only when
// the disk was full at the very first Open.
func (j *Journal) begin() error {
	if j.pen.file != nil {
		return nil
	}
	return j.newSegment(cut{Last: j.pen.segment.before})
}

// cut begins a new segment, or leaves everything as it was.
func (j *Journal) cut(c cut) {
	if err := j.newSegment(c); err != nil {
		j.trouble(0, 0, fmt.Errorf("cut: %w", err))
		return
	}
	// The snapshot covers what was never written: the mind can be rebuilt, and
	// the frames are missing from history only.
	if dropped := len(j.pen.backlog); dropped > 0 {
		j.trouble(0, uint64(dropped), nil)
		j.pen.backlog, j.pen.weight = nil, 0
	}
	j.wholeAgain()
	j.prune()
}

// newSegment writes a segment with its first line and makes it the newest. It
// appears under its name only when it is whole.
func (j *Journal) newSegment(c cut) error {
	line, err := encodeCut(c)
	if err != nil {
		return err
	}
	next := segment{number: j.pen.segment.number + 1, size: int64(len(line)), before: c.Last}
	path := filepath.Join(j.dir, segmentName(next.number))
	if err := replace(j.disk, path, line); err != nil {
		// It may be there all the same, when only the directory could not be
		// synced: then it must go, or the next Open would prefer it to the
		// segment we go on with. If it cannot go, going on with it is right.
		if j.disk.remove(path) == nil || !exists(path) {
			return err
		}
	}
	f, err := j.disk.open(path)
	if err != nil {
		j.disk.remove(path)
		return err
	}
	if j.pen.file != nil {
		j.pen.file.Close()
	}
	j.pen.file, j.pen.segment, j.pen.head, j.pen.torn = f, next, int64(len(line)), false
	j.known.Lock()
	defer j.known.Unlock()
	j.known.segments = append(j.known.segments, next)
	j.known.health.Bytes = 0
	return nil
}

// keepForLater holds on to what could not be written. When it is too much, the
// oldest goes: people ask about the newest first, and the gap is bridged by the
// next cut wherever it is.
func (j *Journal) keepForLater(fresh []record, why error) {
	p := &j.pen
	for _, r := range fresh {
		p.backlog = append(p.backlog, r)
		p.weight += len(r.line)
	}
	lost := 0
	for len(p.backlog)-lost > backlogLength || p.weight > backlogBytes {
		p.weight -= len(p.backlog[lost].line)
		lost++
	}
	p.backlog = append([]record(nil), p.backlog[lost:]...)
	j.trouble(uint64(len(fresh)), uint64(lost), why)
}

// tryAgain writes what waits although nothing new came, and puts the reserve
// back.
func (j *Journal) tryAgain() {
	if len(j.pen.backlog) > 0 {
		j.write(nil)
		j.publish(nil)
	}
	if len(j.pen.backlog) == 0 && !j.Health().Reserve {
		j.layReserve()
	}
}

// trouble writes down that something could not be.
func (j *Journal) trouble(unrecorded, lost uint64, why error) {
	j.pen.gap += lost
	j.known.Lock()
	defer j.known.Unlock()
	health := &j.known.health
	health.Unrecorded += unrecorded
	health.Lost += lost
	if why != nil {
		health.Trouble = why.Error()
	}
	if health.Unrecorded > 0 && health.Since.IsZero() {
		health.Since = time.Now()
	}
}

// caughtUp says that nothing waits to be written any more.
func (j *Journal) caughtUp() {
	j.known.Lock()
	defer j.known.Unlock()
	health := &j.known.health
	health.Unrecorded, health.Trouble = j.pen.gap, ""
	if j.pen.gap == 0 {
		health.Since = time.Time{}
	}
}

// wholeAgain says that what is on disk rebuilds the mind as it is.
func (j *Journal) wholeAgain() {
	j.pen.gap = 0
	j.caughtUp()
}

// publish shows the writer's work to followers. They get what could not be
// recorded too: somebody is watching just because the disk is full.
func (j *Journal) publish(frames []event.Frame) {
	known := &j.known
	known.Lock()
	defer known.Unlock()
	if n := len(known.segments); n > 0 {
		known.segments[n-1] = j.pen.segment
		known.health.Bytes = j.pen.segment.size - j.pen.head
	}
	for _, f := range frames {
		known.last = lastSeq(f, known.last)
	}
	known.recent = append(known.recent, frames...)
	if over := len(known.recent) - recentLength; over > 0 {
		for _, f := range known.recent[:over] {
			known.floor = lastSeq(f, known.floor)
		}
		known.recent = append([]event.Frame(nil), known.recent[over:]...)
	}
	close(known.changed)
	known.changed = make(chan struct{})
}
