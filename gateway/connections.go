package gateway

import (
	"io"
	"sync"
)

// connections are all that are open to one incarnation, in use or idle, so that
// they can be cut off when it has to end. Those of HTTP/2 are the trunks'.
type connections struct {
	mu    sync.Mutex
	open  map[io.Closer]struct{}
	ended bool
}

// hold names one that has been opened.
func (s *connections) hold(c io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		c.Close()
		return
	}
	if s.open == nil {
		s.open = map[io.Closer]struct{}{}
	}
	s.open[c] = struct{}{}
}

// drop forgets one that is closed.
func (s *connections) drop(c io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

// cut closes all, and whatever is opened yet.
func (s *connections) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for c := range s.open {
		c.Close()
	}
	s.open = nil
}
