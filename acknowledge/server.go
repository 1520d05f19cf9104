package acknowledge

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	// within bounds each step of a visit: its head, the rest of it, its answer. A page
	// is some kilobytes.
	within = 10 * time.Second
	// idle is how long a browser's connection is kept for the button.
	idle = 30 * time.Second
	// maxHead bounds a request's head: a link is below one kilobyte.
	maxHead = 16 << 10
	// maxVisitors bounds the connections at a time. Nobody pages more people at once.
	maxVisitors = 64
)

// A Server serves a page where it was last told to listen.
type Server struct {
	page http.Handler
	news chan struct{}

	mu       sync.Mutex
	address  string
	listener net.Listener
}

// NewServer makes a server; Run runs it.
func NewServer(page http.Handler) *Server {
	return &Server{page: page, news: make(chan struct{}, 1)}
}

// Listen opens an address, and lets go of the one before; empty is nowhere. It
// returns an error, and listens where it did, where the address cannot be had.
// Nothing is served before Run.
func (s *Server) Listen(address string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if address == s.address {
		return nil
	}
	next, err := open(address)
	if errors.Is(err, syscall.EADDRINUSE) && s.listener != nil {
		next, err = s.instead(address)
	} else if err == nil && s.listener != nil {
		s.listener.Close()
	}
	if err != nil {
		return err
	}
	s.address, s.listener = address, next
	select {
	case s.news <- struct{}{}:
	default:
	}
	return nil
}

// instead opens an address that the one before may be in the way of, as ":9443" includes
// "127.0.0.1:9443". Where it is not, the one before is opened again.
func (s *Server) instead(address string) (net.Listener, error) {
	s.listener.Close()
	next, err := open(address)
	if err == nil {
		return next, nil
	}
	before, lost := open(s.address)
	if s.listener = before; lost != nil {
		s.address = ""
	}
	return nil, err
}

// open listens at an address; nil is nowhere.
func open(address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	opened, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return &bounded{Listener: opened}, nil
}

// Address is where it listens, empty is nowhere.
func (s *Server) Address() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Run serves until ctx ends, and returns its error. Then nothing is listened on.
func (s *Server) Run(ctx context.Context) error {
	defer s.Listen("")
	for {
		s.mu.Lock()
		listener := s.listener
		s.mu.Unlock()
		if listener != nil {
			s.serve(ctx, listener)
		} else {
			select {
			case <-ctx.Done():
			case <-s.news:
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// serve serves one listener until it is let go of, or ctx ends. One that fails by
// itself is let go of; the next file that is declared opens it again.
func (s *Server) serve(ctx context.Context, listener net.Listener) {
	server := &http.Server{
		Handler: s.page, ReadHeaderTimeout: within, ReadTimeout: within, WriteTimeout: within, IdleTimeout: idle, MaxHeaderBytes: maxHead,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { server.Close() })
	go func() {
		defer close(ended)
		_ = server.Serve(listener)
	}()
	<-ended
	stop()
	server.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == listener {
		s.address, s.listener = "", nil
	}
}

// bounded keeps so many connections at a time. Who comes when it is full is let in, and
// whoever is there longest has to go: a visit takes a moment, and who only holds the
// door keeps nobody from saying that they have it.
type bounded struct {
	net.Listener

	mu       sync.Mutex
	visitors []*visitor // the longest there first
}

func (b *bounded) Accept() (net.Conn, error) {
	conn, err := b.Listener.Accept()
	if err != nil {
		return nil, err
	}
	v := &visitor{Conn: conn, of: b}
	if longest := b.enter(v); longest != nil {
		longest.Close()
	}
	return v, nil
}

// enter lets one in, and says who has to go for it.
func (b *bounded) enter(v *visitor) *visitor {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.visitors = append(b.visitors, v)
	if len(b.visitors) <= maxVisitors {
		return nil
	}
	return b.visitors[0]
}

func (b *bounded) leave(v *visitor) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.visitors, v); i >= 0 {
		b.visitors = slices.Delete(b.visitors, i, i+1)
	}
}

// A visitor makes room when it leaves.
type visitor struct {
	net.Conn
	of *bounded
}

func (v *visitor) Close() error {
	v.of.leave(v)
	return v.Conn.Close()
}
