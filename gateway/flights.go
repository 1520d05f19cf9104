package gateway

import (
	"context"
	"io"
	"sync"
)

// flights counts what is in flight and can cut off what has no end of its own:
// streams, of which net/http knows nothing once they are hijacked.
type flights struct {
	mu      sync.Mutex
	n       int
	landing bool
	empty   chan struct{} // closed when landing and n is 0
	cut     bool
	streams map[io.Closer]struct{}
}

func newFlights() *flights {
	return &flights{empty: make(chan struct{}), streams: map[io.Closer]struct{}{}}
}

// enter counts one in, or says that nothing may begin any more.
func (f *flights) enter() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.landing {
		return false
	}
	f.n++
	return true
}

func (f *flights) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n--; f.landing && f.n == 0 {
		close(f.empty)
	}
}

// stream names what to close if it has not ended in time. The caller forgets it
// when it has.
func (f *flights) stream(c io.Closer) (forget func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cut {
		c.Close()
	}
	f.streams[c] = struct{}{}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.streams, c)
	}
}

// land lets nothing begin, waits until ctx ends for what is in flight, closes
// the streams that are left, and waits for their end. It is called once.
func (f *flights) land(ctx context.Context) {
	f.mu.Lock()
	f.landing = true
	if f.n == 0 {
		close(f.empty)
	}
	f.mu.Unlock()
	select {
	case <-f.empty:
		return
	case <-ctx.Done():
	}
	f.mu.Lock()
	f.cut = true
	for c := range f.streams {
		c.Close()
	}
	f.mu.Unlock()
	<-f.empty
}
