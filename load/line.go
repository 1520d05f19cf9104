package load

import (
	"bytes"
	"container/heap"
	"encoding/json"
	"io"
	"sync"
	"time"
)

// A line is what generator and parent say to each other: one JSON object with
// one of these. The last line of a whole record is End.
type line struct {
	Watched *Watched     `json:"watched,omitempty"`
	Began   int64        `json:"began,omitempty"`
	Result  *Result      `json:"result,omitempty"`
	Exit    *Exit        `json:"exit,omitempty"`
	Probed  *Probed      `json:"probed,omitempty"`
	State   *StateChange `json:"state,omitempty"`
	Want    *Want        `json:"want,omitempty"`
	Settled int64        `json:"settled,omitempty"` // every request due before this instant has its result above
	End     *ending      `json:"end,omitempty"`
}

// An ending lets the parent tell a whole record from one that broke off.
type ending struct {
	At      int64 `json:"at"`
	Results int   `json:"results"`
	Capped  int   `json:"capped"`
}

const (
	maxLine = 8 << 10 // bytes; a Result needs at most 5 KB: the bounds of Body, Error and two names, escaped
	flush   = 10 * time.Millisecond
)

// A sheet collects lines until they are written. Whoever reports never waits
// for whoever reads: a parent that stopped reading costs memory, bounded by
// the plan's arrivals, and not one arrival.
type sheet struct {
	mu      sync.Mutex
	waiting bytes.Buffer
	open    unsettled // requests without a result, and some that have one by now
	last    int64     // intended instant of the last arrival so far
	settled int64     // as last reported
	results int
	capped  int
}

// report adds a line.
func (s *sheet) report(l line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(l)
}

func (s *sheet) add(l line) {
	text, err := json.Marshal(l)
	if err != nil {
		panic("load: a line that cannot be written as JSON: " + err.Error())
	}
	s.waiting.Write(append(text, '\n'))
}

// A due is a request that will have a result.
type due struct {
	at   int64
	done bool
}

// unsettled is a heap: the earliest is the first.
type unsettled []*due

func (u unsettled) Len() int           { return len(u) }
func (u unsettled) Less(i, j int) bool { return u[i].at < u[j].at }
func (u unsettled) Swap(i, j int)      { u[i], u[j] = u[j], u[i] }
func (u *unsettled) Push(x any)        { *u = append(*u, x.(*due)) }
func (u *unsettled) Pop() any {
	last := (*u)[len(*u)-1]
	*u = (*u)[:len(*u)-1]
	return last
}

// expect notes an arrival.
func (s *sheet) expect(intended int64) *due {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(s.last, intended)
	return s.await(intended)
}

func (s *sheet) await(intended int64) *due {
	d := &due{at: intended}
	heap.Push(&s.open, d)
	return d
}

// settle reports the result of what was due.
func (s *sheet) settle(d *due, result Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done(d, result)
}

// follow reports a result and expects the next of the same user, in one, so that
// no instant between them is taken for settled.
func (s *sheet) follow(d *due, result Result, intended int64) *due {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.await(intended)
	s.done(d, result)
	return next
}

func (s *sheet) done(d *due, result Result) {
	s.add(line{Result: &result})
	s.results++
	if result.Error == notSent {
		s.capped++
	}
	for d.done = true; len(s.open) > 0 && s.open[0].done; {
		heap.Pop(&s.open)
	}
}

// end reports the ending.
func (s *sheet) end(at time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mark()
	s.add(line{End: &ending{At: int64(at), Results: s.results, Capped: s.capped}})
}

// flush writes what waits. Only one flush may run at a time.
func (s *sheet) flush(out io.Writer) error {
	text := s.tear()
	if len(text) == 0 {
		return nil
	}
	_, err := out.Write(text)
	return err
}

// tear takes what waits.
func (s *sheet) tear() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mark()
	text := bytes.Clone(s.waiting.Bytes())
	s.waiting.Reset()
	return text
}

// mark reports how far the arrivals are settled, behind the results that settle
// them.
func (s *sheet) mark() {
	if settled := s.front(); settled != s.settled {
		s.settled = settled
		s.add(line{Settled: settled})
	}
}

// front is the instant before which every request has its result. It is never
// beyond the last arrival: the next may have been due long ago, and be late.
func (s *sheet) front() int64 {
	switch {
	case s.last == 0:
		return 0
	case len(s.open) > 0:
		return min(s.open[0].at, s.last+1)
	}
	return s.last + 1
}
