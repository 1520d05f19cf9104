package load

import (
	"bytes"
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
	Settled int64        `json:"settled,omitempty"` // every arrival due before this instant has its result above
	End     *ending      `json:"end,omitempty"`
}

// An ending lets the parent tell a whole record from one that broke off.
type ending struct {
	At      int64 `json:"at"`
	Results int   `json:"results"`
	Capped  int   `json:"capped"`
}

const (
	maxLine = 8 << 10 // bytes; a Result needs at most 2 KB: twice the bounds of Body and Error escaped, and names
	flush   = 10 * time.Millisecond
)

// A sheet collects lines until they are written. Whoever reports never waits
// for whoever reads: a parent that stopped reading costs memory, bounded by
// the plan's arrivals, and not one arrival.
type sheet struct {
	mu      sync.Mutex
	waiting bytes.Buffer
	due     []int64 // intended instant of every arrival so far
	done    []bool  // which of them have a result
	low     int     // the first that has none
	settled int64   // as last reported
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

// expect notes an arrival and returns its number.
func (s *sheet) expect(intended int64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due = append(s.due, intended)
	s.done = append(s.done, false)
	return len(s.due) - 1
}

// settle reports the result of the n-th arrival.
func (s *sheet) settle(n int, result Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(line{Result: &result})
	s.results++
	if result.Error == notSent {
		s.capped++
	}
	s.done[n] = true
	for s.low < len(s.done) && s.done[s.low] {
		s.low++
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

// front is the instant before which every arrival has its result.
func (s *sheet) front() int64 {
	switch {
	case s.low < len(s.due):
		return s.due[s.low]
	case s.low > 0:
		return s.due[s.low-1] + 1
	}
	return 0
}
