package prove

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast"
	"holdfast/internal/proc"
	"holdfast/source"
)

// StandInFile, in the state directory of a private copy, says that its channels are
// stand-ins: nobody is behind them, and they may be told.
const StandInFile = "stand-in"

// A stand is two stand-ins for providers of messages, spoken to as ntfy is, in this
// process: the first misbehaves as the drill wants, the second never does.
type stand struct {
	servers [2]*http.Server
	ports   [2]int
	serving sync.WaitGroup
	news    chan struct{}

	mu     sync.Mutex
	mood   holdfast.FaultName // of the first; empty: it is well
	took   []taken
	bitten int           // times that the mood was met
	freed  chan struct{} // closed: who is silent hangs up
}

// taken is a message that a stand-in took.
type taken struct {
	by   int // 0, 1
	at   time.Duration
	to   string
	over bool // it says that it is over
	said bool // and that it has it
	lied bool // and that it has it, so that nobody believes it
}

// raise starts both, on loopback.
func raise() (*stand, error) {
	s := &stand{news: make(chan struct{}, 1), freed: make(chan struct{})}
	for i := range s.servers {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			s.close()
			return nil, fmt.Errorf("a stand-in for a provider: %w", err)
		}
		s.ports[i] = listener.Addr().(*net.TCPAddr).Port
		s.servers[i] = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(i, w, r) }), ReadTimeout: maxSilent}
		s.serving.Go(func() { _ = s.servers[i].Serve(listener) })
	}
	return s, nil
}

// maxSilent bounds how long a silent stand-in keeps who asks it: longer than anybody
// waits for it.
const maxSilent = time.Minute

func (s *stand) close() {
	s.free()
	for _, server := range s.servers {
		if server != nil {
			_ = server.Close()
		}
	}
	s.serving.Wait()
}

// refuse has nobody answer at the first's address any more.
func (s *stand) refuse() { _ = s.servers[0].Close() }

// feel gives the first a mood.
func (s *stand) feel(mood holdfast.FaultName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mood = mood
}

// free ends every silence.
func (s *stand) free() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.freed:
	default:
		close(s.freed)
	}
}

func (s *stand) serve(i int, w http.ResponseWriter, r *http.Request) {
	var note struct {
		Topic string   `json:"topic"`
		Tags  []string `json:"tags"`
	}
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&note) != nil {
		http.Error(w, "not a message", http.StatusBadRequest)
		return
	}
	mood := s.take(taken{by: i, at: proc.Now(), to: note.Topic, over: slices.Contains(note.Tags, "white_check_mark")})
	switch {
	case i == 0 && (mood == "silence" || mood == "kill"):
		select {
		case <-s.freed:
		case <-r.Context().Done():
		case <-time.After(maxSilent):
		}
	case i == 0 && mood == "halve":
		_, _ = w.Write([]byte(`{"id":"`))
	default:
		_, _ = w.Write([]byte(`{"id":"stand-in"}`))
	}
}

// take notes a message, and says in which mood it was met.
func (s *stand) take(t taken) holdfast.FaultName {
	s.mu.Lock()
	defer s.mu.Unlock()
	mood := s.mood
	if t.by == 0 && mood != "" {
		s.bitten++
	}
	t.lied, t.said = t.by == 0 && mood == "halve", t.by != 0 || mood == ""
	s.took = append(s.took, t)
	select {
	case s.news <- struct{}{}:
	default:
	}
	return mood
}

// all is what both took so far, and how often the mood of the first was met.
func (s *stand) all() ([]taken, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.took), s.bitten
}

// file is a system whose only service does nothing, and has two people called: one
// by both stand-ins, one by the second. Nothing mends it unless remedies say so.
func (s *stand) file(program, remedies string) source.File {
	command := "'" + strings.NewReplacer("$", "$$", "'", `'\''`).Replace(program) + "' toy cart"
	text := fmt.Sprintf(`name: stand-in
owner: stand-in
people:
  first: {contacts: [{via: one, to: first}, {via: two, to: first, after: 10m}]}
  second: {contacts: [{via: two, to: second}]}
channels:
  one: {ntfy: "http://127.0.0.1:%d"}
  two: {ntfy: "http://127.0.0.1:%d"}
escalation_policies:
  stand-in: {repeat: 10m, rules: [{notify: first}, {notify: second, after: 10m}]}
escalate: stand-in
services:
  errand:
    command: %q
    failure_modes: {crash: {remedies: [%s]}}
`, s.ports[0], s.ports[1], command, remedies)
	return source.File{Name: "stand-in.yaml", Text: []byte(text)}
}

// standsFor is what is known of that file here.
func standsFor() *holdfast.System {
	return &holdfast.System{Name: "stand-in", Services: []holdfast.Service{{
		Name: "errand", Command: "errand", Manage: holdfast.Full, Replicas: 1, Healthcheck: holdfast.Healthcheck{StartPeriod: 30 * time.Second},
	}}}
}

// until waits until something holds of what was taken, or no longer.
func (s *stand) until(ctx context.Context, c *private, limit time.Duration, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.warden.Lost():
			return c.lost()
		case <-s.news:
		case <-time.After(look):
		}
	}
	return nil
}
