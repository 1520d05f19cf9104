package api

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/internal/unixsock"
	"holdfast/journal/view"
)

// soon is how long a test waits for what must come: far longer than it takes.
const soon = 30 * time.Second

// A stub is an agent that remembers what it was asked.
type stub struct {
	private  bool
	refuses  error // every Declare and Tell
	logs     map[holdfast.ReplicaName]string
	diagnose map[holdfast.ReplicaName]Diagnosis

	mu       sync.Mutex
	declared []File
	told     []event.Body
	entries  []event.Entry
	breaks   error         // what Entries ends with
	news     chan struct{} // closed and replaced when there are more entries
	readers  int           // of entries, now
}

func (s *stub) Status(context.Context) Status {
	return Status{Version: Version, System: "shop", Pid: 4711, Epoch: 3, Private: s.private}
}

func (s *stub) Declare(_ context.Context, file File) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.declared = append(s.declared, file)
	return s.refuses
}

func (s *stub) Compare(context.Context, File) (Difference, error) {
	return Difference{Version: Version, Changes: []Change{{Service: "catalog", What: "changed", Keys: []string{"command"}, Replaced: []holdfast.ReplicaName{"catalog-1"}}}}, s.refuses
}

func (s *stub) Tell(_ context.Context, in event.Body) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuses == nil {
		s.told = append(s.told, in)
	}
	return s.refuses
}

func (s *stub) Incidents(_ context.Context, id holdfast.IncidentID) (view.Incidents, bool) {
	all := view.Incidents{System: "shop", All: []view.Incident{{ID: "20261127-1", Severity: holdfast.SEV2}}}
	return all, id == "" || id == "20261127-1"
}

func (s *stub) Duty(context.Context) Duty {
	return Duty{Version: Version, OnCall: holdfast.OnCall{Standard: "web"}, Duty: view.Duty{Maintenance: []event.MaintenanceBegan{{By: "ana"}}}}
}

func (s *stub) Test(_ context.Context, test Test) (Tests, error) {
	return Tests{Version: Version, Tested: []Tested{{Person: test.Person, Via: "bell", Why: "no"}}}, s.refuses
}

func (s *stub) Entries(ctx context.Context, after uint64, follow bool, emit func([]event.Entry) error) error {
	s.count(1)
	defer s.count(-1)
	for {
		entries, news, breaks := s.since(after)
		if len(entries) > 0 {
			if err := emit(entries); err != nil {
				return err
			}
			after = entries[len(entries)-1].ID.Seq
		}
		if !follow || breaks != nil {
			return breaks
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-news:
		}
	}
}

func (s *stub) count(change int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers += change
}

func (s *stub) reading() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readers
}

func (s *stub) since(after uint64) ([]event.Entry, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.news == nil {
		s.news = make(chan struct{})
	}
	return s.entries[min(after, uint64(len(s.entries))):], s.news, s.breaks
}

// says adds an entry.
func (s *stub) says(body event.Body) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = append(s.entries, event.Entry{ID: event.ID{Writer: "agent", Seq: uint64(len(s.entries) + 1)}, Body: body})
	if s.news != nil {
		close(s.news)
	}
	s.news = make(chan struct{})
}

func (s *stub) LogPath(replica holdfast.ReplicaName) (string, bool) {
	path, ok := s.logs[replica]
	return path, ok
}

func (s *stub) Diagnose(_ context.Context, replica holdfast.ReplicaName) (Diagnosis, bool) {
	found, ok := s.diagnose[replica]
	return found, ok
}

func (s *stub) Private() bool { return s.private }

// A house is a stub that is served on a real socket, and a client of it.
type house struct {
	*stub
	*Client
	t      *testing.T
	socket string
	end    func() error // ends the server and returns what Serve returned
}

func serve(t *testing.T, agent *stub) *house {
	t.Helper()
	h := &house{stub: agent, t: t, socket: filepath.Join(t.TempDir(), "api.sock")}
	listener, err := unixsock.Listen(h.socket)
	if err != nil {
		t.Fatal(err)
	}
	h.end = serving(t, listener, agent)
	h.Client = NewClient(h.socket)
	t.Cleanup(h.Close)
	return h
}

// serving serves until the test or who calls end ends it.
func serving(t *testing.T, listener net.Listener, agent Agent) (end func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, listener, agent) }()
	end = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { end() })
	return end
}

// refused is the problem that an error must be.
func refused(t *testing.T, err error) *Problem {
	t.Helper()
	var problem *Problem
	if !errors.As(err, &problem) {
		t.Fatalf("want a problem, not %v", err)
	}
	return problem
}

// pipes is a listener whose connections hold nothing back: a writer waits for
// its reader. It keeps the time of a synctest bubble, which sockets do not.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes {
	return &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours
}

func (p *pipes) client() *Client {
	return &Client{http: &http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return p.dial(), nil },
	}}}
}
