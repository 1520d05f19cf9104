package journal

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/event"
)

// Bounds of what waits, where, and for how long.
const (
	// queueLength is how many frames may wait to be written. At the thousand
	// frames a second of the worst storm we plan for, it is four seconds of a
	// disk that stands still.
	queueLength = 4096
	// backlogLength and backlogBytes bound what is kept in memory to be written
	// once there is room again. What falls out is gone for good.
	backlogLength = 4096
	backlogBytes  = 8 << 20
	// recentLength is how many frames are kept in memory for followers, so that
	// one that keeps up costs no reading.
	recentLength = 1024
	// retryEvery is the pause between attempts when nothing is appended that
	// would cause one.
	retryEvery = time.Second
	// keepBytes is how much history is kept unless Options say otherwise.
	keepBytes = 64 << 20
)

// ErrInUse is what Open refuses with while another Journal, of this process or
// another, has the directory.
const ErrInUse = holdfast.Refusal("another process writes this journal")

// Options of a journal. The zero value is good.
type Options struct {
	Keep  int64 // bytes of segments that are kept, 64 MiB when 0; the newest and the one before it are kept whatever they weigh
	disk  disk  // the real one when nil
	queue int   // queueLength when 0
}

// A Commit says that a frame was taken over. Recorded is false when the disk
// would not take it: then it is on no disk yet, and perhaps never will be.
type Commit struct {
	Frame    event.Frame
	Recorded bool
}

// Health is how well the journal remembers.
type Health struct {
	Unrecorded uint64    // frames handed on that are on no disk, since the record was last whole
	Since      time.Time // when it stopped being whole, by the wall clock; zero when it is
	Lost       uint64    // frames that will never be on disk, of all times
	Trouble    string    // the last error of the disk, while there is one
	Reserve    bool      // the space kept for a full disk is there
	Bytes      int64     // of frames in the newest segment: what has been written since the cut
	Waits      uint64    // calls of Append that found the queue full and waited
}

// A Journal is the record of one directory, and its one writer.
//
// Append, Cut, Follow, Committed and Health may be called concurrently; Run is
// called once. Nothing is written while Run does not run.
type Journal struct {
	dir   string
	keep  int64
	disk  disk
	lock  *os.File
	queue chan order
	done  chan struct{} // closed when Run takes no more orders
	out   chan Commit
	waits atomic.Uint64
	pen   pen // of Run alone
	known known
}

// An order is what waits to be written: a frame, or a cut.
type order struct {
	frame event.Frame
	cut   *cut
}

// known is what others may know of the writer's work.
type known struct {
	sync.Mutex
	health   Health
	segments []segment     // oldest first; sizes count durable bytes only
	recent   []event.Frame // the last frames handed on, at most recentLength
	floor    uint64        // the last entry that recent does not hold any more
	last     uint64        // the last entry handed on
	changed  chan struct{} // closed and replaced when any of this changes
}

// A segment is one file of the record.
type segment struct {
	number uint64
	size   int64
	before uint64 // the last entry before it
}

// Run writes until ctx ends, then writes what is still queued and returns ctx's
// error. Everything that waits is written with one write and one fsync, so that
// the slower the disk is, the more each fsync is worth.
//
// Commits that nobody takes block the writer, except at the end, where they are
// dropped: what was recorded will be found by the next Open.
func (j *Journal) Run(ctx context.Context) error {
	defer close(j.out)
	retry := time.NewTicker(retryEvery)
	defer retry.Stop()
	for {
		select {
		case first := <-j.queue:
			j.carryOut(ctx, j.gather(first))
		case <-retry.C:
			j.tryAgain()
		case <-ctx.Done():
			close(j.done)
			for rest := j.gatherQueued(nil); len(rest) > 0; rest = j.gatherQueued(nil) {
				j.carryOut(ctx, rest)
			}
			j.tryAgain()
			return ctx.Err()
		}
	}
}

// Append hands a frame over. It returns at once, without waiting for the disk,
// unless queueLength frames wait already; then it waits for room, and is
// counted. Its Commit comes in the order of the calls. The caller must not be
// the only one who reads Committed, or both may wait for each other. The frame
// and what it refers to must not be changed afterwards. After Run has ended
// frames are counted as lost.
func (j *Journal) Append(f event.Frame) { j.hand(order{frame: f}) }

// Cut begins a new segment with this snapshot of the mind, after the frames
// appended so far; lastSeq is the last entry it covers. When the new segment
// cannot be written, the old one goes on as if Cut had not been called: the
// record is as good as before, and Health.Bytes keeps growing.
func (j *Journal) Cut(snapshot []byte, lastSeq uint64) {
	j.hand(order{cut: &cut{Last: lastSeq, Snapshot: snapshot}})
}

func (j *Journal) hand(o order) {
	select {
	case <-j.done:
		j.refuse(o)
		return
	default:
	}
	select {
	case j.queue <- o:
		return
	default:
	}
	j.waits.Add(1)
	select {
	case j.queue <- o:
	case <-j.done:
		j.refuse(o)
	}
}

// refuse counts a frame that came after the end.
func (j *Journal) refuse(o order) {
	if o.cut != nil {
		return
	}
	j.known.Lock()
	defer j.known.Unlock()
	j.known.health.Lost++
}

// Committed brings every frame that was appended, in order, once it is durable,
// or once it is clear that it cannot be for now. It is closed when Run returns.
func (j *Journal) Committed() <-chan Commit { return j.out }

// Health is how well the journal remembers at this moment.
func (j *Journal) Health() Health {
	j.known.Lock()
	defer j.known.Unlock()
	health := j.known.health
	health.Waits = j.waits.Load()
	return health
}

// Close lets go of the directory. It is called after Run has returned, or
// instead of Run.
func (j *Journal) Close() error {
	if j.pen.file != nil {
		j.pen.file.Close() // everything in it that was promised is durable
	}
	return j.lock.Close()
}

// gather takes what waits, up to and with the first cut.
func (j *Journal) gather(first order) []order {
	if first.cut != nil {
		return []order{first}
	}
	return j.gatherQueued([]order{first})
}

func (j *Journal) gatherQueued(batch []order) []order {
	for len(batch) < queueLength {
		select {
		case o := <-j.queue:
			batch = append(batch, o)
			if o.cut != nil {
				return batch
			}
		default:
			return batch
		}
	}
	return batch
}
