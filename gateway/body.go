package gateway

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// replayLimit is how much of a request's body is kept for a second try. It is
// kept while it streams past: the first try never waits for it, and a longer
// body is simply not tried again.
const replayLimit = 64 << 10

// maxReplays is how much is kept of all requests together: a thousand of the
// longest. Who sends many that take long gets no second try for the others, and
// not all of our memory.
const maxReplays = 64 << 20

// replays are the bytes that are kept.
type replays struct{ bytes atomic.Int64 }

// take makes room for more, or says that there is none.
func (r *replays) take(n int) bool {
	if r.bytes.Add(int64(n)) > maxReplays {
		r.give(n)
		return false
	}
	return true
}

func (r *replays) give(n int) { r.bytes.Add(-int64(n)) }

// lastBytes is how long the end of an exchange waits for a body that was read
// from the client and only has to be written.
const lastBytes = 100 * time.Millisecond

// A body is a request's body on its way from the client to a replica. It is
// sent by a goroutine of its own, so that an answer that comes early is seen.
type body struct {
	source  io.Reader   // nil without a body
	stall   func()      // makes a read of source that waits return
	ended   atomic.Bool // source was read to its end; set before the last bytes are written
	kept    []byte
	replays *replays // what is kept is counted there
	spilled bool
	lost    atomic.Bool // source failed: the client's doing
	long    atomic.Bool // because it was longer than it may be
	wrong   atomic.Bool // because it can be read in two ways
	pacer   pacer
	stalled atomic.Bool   // we gave up reading from the client
	done    chan struct{} // closed when nobody sends; nil before the first start
	c       *conn         // it is sent to
}

// start sends the body: what was kept of an earlier try, then what comes.
// Kept and spilled may be looked at again after wait. When all of it is written,
// out is called.
func (b *body) start(x *exchange, c *conn, out func()) {
	b.done, b.c = make(chan struct{}), c
	go func(done chan struct{}) {
		defer close(done)
		b.send(x, c, out)
	}(b.done)
}

func (b *body) send(x *exchange, c *conn, out func()) {
	to := framed{out: c.out, chunked: x.message.length < 0 && c.stream == nil, stream: c.stream}
	if _, err := to.Write(b.kept); err != nil {
		return // the answer, or its absence, will tell
	}
	if !b.ended.Load() && !b.stream(to, &x.gateway.free) {
		return
	}
	if to.end(x.r.Trailer) == nil {
		out()
	}
}

// stream passes on what comes from the client, and says whether it came to its
// end.
func (b *body) stream(to framed, free *freeList) bool {
	buffer := free.take()
	defer free.give(buffer)
	for {
		b.c.holdUp()
		b.pacer.wait()
		n, err := b.source.Read(buffer[:])
		b.pacer.come(n)
		b.c.goOn()
		b.keep(buffer[:n])
		if err == io.EOF {
			b.ended.Store(true)
		}
		if _, wrong := to.Write(buffer[:n]); wrong != nil {
			return false
		}
		switch err {
		case nil:
		case io.EOF:
			return true
		default:
			b.long.Store(err == errLongBody)
			b.wrong.Store(errors.As(err, new(garbled)))
			b.lost.Store(!b.stalled.Load())
			b.c.abort()
			return false
		}
	}
}

func (b *body) keep(piece []byte) {
	if b.spilled || len(b.kept)+len(piece) > replayLimit || !b.replays.take(len(piece)) {
		b.forget()
		b.spilled = true
		return
	}
	b.kept = append(b.kept, piece...)
}

// forget lets go of what was kept. Nobody sends it meanwhile.
func (b *body) forget() {
	if len(b.kept) > 0 {
		b.replays.give(len(b.kept))
		b.kept = nil
	}
}

// end ends the body with its request.
func (b *body) end() {
	b.finish()
	b.pacer.end()
	b.forget()
}

// sending says whether somebody still sends.
func (b *body) sending() bool {
	if b.done == nil {
		return false
	}
	select {
	case <-b.done:
		return false
	default:
		return true
	}
}

// maxHedged is how much of a body is sent to a second replica beside the first:
// what fits into every window, so that none of them can hold it up. Calls are
// mostly shorter.
const maxHedged = 16 << 10

// settled says that all of the body was sent, and is there to be sent again beside
// it. What is not settled yet may still become so.
func (b *body) settled() bool {
	return b.source == nil || b.done != nil && !b.sending() && b.ended.Load() && !b.spilled && len(b.kept) <= maxHedged
}

// wait waits until nobody sends, or until stop is closed or at is reached, and
// says whether nobody does. A zero at is never.
func (b *body) wait(stop <-chan struct{}, at time.Time) bool {
	if !b.sending() {
		return true
	}
	var late <-chan time.Time
	if !at.IsZero() {
		timer := time.NewTimer(time.Until(at))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-b.done:
		return true
	case <-stop:
		return false
	case <-late:
		return false
	}
}

// delivered says, when the answer on c is complete, whether the body is too. A
// body that the client has not even sent is not waited for.
func (b *body) delivered(c *conn) bool {
	if b.source == nil {
		return true
	}
	if !b.ended.Load() || b.c != c {
		return false
	}
	return b.wait(nil, time.Now().Add(lastBytes))
}

// mayFollow says whether the body can be sent to another replica after a bad answer
// on c. A stream that was answered before its body was out takes no more of it, and
// hurts no other: what the client sends next ends the sending, and goes on there.
func (b *body) mayFollow(c *conn) bool {
	if b.source == nil || c.stream == nil {
		return b.delivered(c)
	}
	return b.wait(nil, time.Now().Add(lastBytes)) && !b.lost.Load()
}

// finish makes sure that nobody sends any more. The connection it was sent to
// and the client's are of no use afterwards if somebody did.
func (b *body) finish() {
	if !b.sending() {
		return
	}
	b.c.abort()
	b.stalled.Store(true)
	b.stall()
	<-b.done
}

// A freeList holds the 32 KiB buffers that bodies are copied through.
type freeList struct{ pool sync.Pool }

type buffer [32 << 10]byte

func (f *freeList) take() *buffer {
	if b, ok := f.pool.Get().(*buffer); ok {
		return b
	}
	return new(buffer)
}

func (f *freeList) give(b *buffer) { f.pool.Put(b) }
