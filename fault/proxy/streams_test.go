package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast"
)

func unencrypted() *http.Protocols {
	p := &http.Protocols{}
	p.SetUnencryptedHTTP2(true)
	return p
}

// A second is a rig whose replica and client speak HTTP/2.
type second struct {
	*rig
	client *http.Client
}

func newSecond(t testing.TB, protocol holdfast.Protocol, handler http.HandlerFunc) *second {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.Protocols = unencrypted()
	server.Start()
	t.Cleanup(server.Close)
	client, _ := serveIn(t, t.TempDir())
	transport := &http.Transport{Protocols: unencrypted()}
	t.Cleanup(transport.CloseIdleConnections)
	return &second{
		rig:    &rig{Client: client, t: t, front: lay(t, client, replica(1), server.Listener.Addr().String(), protocol)},
		client: &http.Client{Transport: transport},
	}
}

// get asks for a path and returns the answer with all of its body.
func (s *second) get(path string) (*http.Response, string, error) {
	response, err := s.client.Get("http://" + s.front + path)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, string(body), err
}

// call makes a call of gRPC, and returns the status at its end.
func (s *second) call(path, agent string) (status, message string, err error) {
	request, err := http.NewRequest(http.MethodPost, "http://"+s.front+path, strings.NewReader("\x00\x00\x00\x00\x00"))
	if err != nil {
		return "", "", err
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("User-Agent", agent)
	response, err := s.client.Do(request)
	if err != nil {
		return "", "", err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return "", "", err
	}
	for _, at := range []http.Header{response.Header, response.Trailer} {
		if status == "" {
			status, message = at.Get("Grpc-Status"), at.Get("Grpc-Message")
		}
	}
	return status, message, nil
}

// serveCalls answers every call well.
func serveCalls(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/grpc")
	w.Write(make([]byte, 5))
	w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
}

// Heads of many fields and sizes, bodies beyond every window, trailers, and many
// at once come through a path as they were sent.
func TestAPathOfHTTP2ChangesNothing(t *testing.T) {
	const size = 300 << 10
	s := newSecond(t, holdfast.H2C, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for i := range 20 {
			w.Header().Add("X-Field", fmt.Sprintf("%s %d %s", r.URL.Path, i, strings.Repeat("x", 2<<10)))
		}
		w.Header().Set("Trailer", "X-End")
		w.Write(body)
		w.Header().Set("X-End", r.URL.Path)
	})
	if _, _, err := s.get("/"); err != nil { // so that there is a connection to share
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			path := fmt.Sprintf("/%d", i)
			response, err := s.client.Post("http://"+s.front+path, "text/plain", strings.NewReader(strings.Repeat("b", size)))
			if err != nil {
				t.Error(err)
				return
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil || len(body) != size || len(response.Header["X-Field"]) != 20 || response.Trailer.Get("X-End") != path {
				t.Errorf("%s: %d bytes, %d fields, trailer %q, %v", path, len(body), len(response.Header["X-Field"]), response.Trailer.Get("X-End"), err)
			}
		})
	}
	all.Wait()
	if state := s.state(); state.Paths[0].Accepted != 1 {
		t.Errorf("%d connections, want the one that carries all", state.Paths[0].Accepted)
	}
}

func TestFailuresAreSaidInTheClientsLanguage(t *testing.T) {
	s := newSecond(t, holdfast.GRPC, serveCalls)
	s.set(Rule{Kind: Status, Status: 500, Share: 1, Spare: HealthCall})
	if status, message, err := s.call("/shop.Catalog/Page", "user"); err != nil || status != "13" || message != "500 Internal Server Error (injected)" {
		t.Errorf("a call ends with %q %q, %v", status, message, err)
	}
	if status, _, err := s.call(HealthCall, "user"); err != nil || status != "13" {
		t.Errorf("a user's call for the health ends with %q, %v", status, err)
	}
	if status, _, err := s.call(HealthCall, checker); err != nil || status != "0" {
		t.Errorf("a check, which is spared, ends with %q, %v", status, err)
	}
	if response, body, err := s.get("/page"); err != nil || response.StatusCode != 500 || body != "500 Internal Server Error (injected)\n" {
		t.Errorf("a request gets %v, %q, %v", response, body, err)
	}
	if bitten := s.state().Rules[0].Bitten; bitten != 3 {
		t.Errorf("bitten %d times, want 3", bitten)
	}
	s.clear(Status)
	if status, _, err := s.call(HealthCall, "user"); err != nil || status != "0" {
		t.Errorf("afterwards a call ends with %q, %v", status, err)
	}
}

// What is left out of a connection takes nothing of its window: more fails than it
// would hold, and then all is well.
func TestWhatIsLeftOutTakesNoWindow(t *testing.T) {
	const size = 1 << 20
	s := newSecond(t, holdfast.H2C, func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, size)) })
	s.set(Rule{Kind: Status, Status: 503, Share: 1})
	for range 20 {
		if response, _, err := s.get("/"); err != nil || response.StatusCode != 503 {
			t.Fatal(response, err)
		}
	}
	s.clear(Status)
	for range 20 {
		if response, body, err := s.get("/"); err != nil || response.StatusCode != 200 || len(body) != size {
			t.Fatal(response, len(body), err)
		}
	}
}

// One stream is late; those beside it, and the health check, are not.
func TestDelayHoldsOneStream(t *testing.T) {
	s := newSecond(t, holdfast.H2C, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) })
	s.set(Rule{Kind: Delay, Delay: time.Minute, Share: 1, Spare: "/health"})
	got := make(chan string, 1)
	go func() {
		_, body, err := s.get("/page")
		got <- fmt.Sprint(body, err)
	}()
	until(t, "an answer is held back", func() bool { return s.state().Rules[0].Bitten == 1 })
	if _, body, err := s.get("/health"); err != nil || body != "/health" {
		t.Errorf("what is beside it gets %q, %v", body, err)
	}
	select {
	case early := <-got:
		t.Errorf("it is not late: %q", early)
	default:
	}
	s.clear(Delay)
	if body := <-got; body != "/page<nil>" {
		t.Errorf("let go it is %q", body)
	}
	s.set(Rule{Kind: Delay, Delay: 200 * time.Millisecond, Share: 1})
	began := time.Now()
	if _, body, err := s.get("/page"); err != nil || body != "/page" || time.Since(began) < 200*time.Millisecond {
		t.Errorf("%q after %s, %v", body, time.Since(began), err)
	}
}

// Half an answer is not taken for a whole one, and hurts no other stream.
func TestHalfAStreamIsAnError(t *testing.T) {
	s := newSecond(t, holdfast.H2C, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/bare" {
			io.WriteString(w, "something to halve")
		}
	})
	s.set(Rule{Kind: Halve, Share: 1, Spare: "/health"})
	if _, body, err := s.get("/"); err == nil || body != "something" {
		t.Errorf("%q, %v", body, err)
	}
	if _, _, err := s.get("/bare"); err == nil {
		t.Error("an answer without a body is whole")
	}
	if _, body, err := s.get("/health"); err != nil || body != "something to halve" {
		t.Errorf("beside it: %q, %v", body, err)
	}
	if state := s.state(); state.Paths[0].Accepted != 1 {
		t.Errorf("%d connections, want one", state.Paths[0].Accepted)
	}
}

func TestAResetStrikesTheWholeConnection(t *testing.T) {
	s := newSecond(t, holdfast.H2C, well)
	s.set(Rule{Kind: Reset, Share: 1})
	if response, _, err := s.get("/"); err == nil {
		t.Error(response)
	}
	s.clear(Reset)
	if _, _, err := s.get("/"); err != nil {
		t.Error(err)
	}
}

// A stream that its client gives up while it is late comes to nothing, and the
// connection carries others.
func TestAStreamThatIsGivenUpIsForgotten(t *testing.T) {
	s := newSecond(t, holdfast.H2C, well)
	s.set(Rule{Kind: Delay, Delay: time.Minute, Share: 1, Spare: "/health"})
	for n := range 10 {
		ctx, cancel := context.WithCancel(t.Context())
		request, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.front+"/", nil)
		failed := make(chan error, 1)
		go func() {
			response, err := s.client.Do(request)
			if err == nil {
				response.Body.Close()
			}
			failed <- err
		}()
		until(t, "an answer is held back", func() bool { return s.state().Rules[0].Bitten == uint64(n+1) })
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	s.clear(Delay)
	if _, body, err := s.get("/"); err != nil || body != "well" {
		t.Errorf("%q, %v", body, err)
	}
}

// Who speaks no HTTP/2, on either side, is passed on as it comes.
func TestWhatIsNoHTTP2IsPassedOn(t *testing.T) {
	r := play(t, holdfast.GRPC, func(conn *net.TCPConn) {
		heard := make([]byte, 5)
		if _, err := io.ReadFull(conn, heard); err == nil {
			io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			conn.CloseWrite()
			io.Copy(io.Discard, conn)
		}
	})
	for _, said := range []string{"hello", preface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00", preface + strings.Repeat("\xff", 100)} {
		conn := r.dial()
		if _, err := io.WriteString(conn, said); err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		if heard, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(heard), "HTTP/1.1 400") {
			t.Errorf("%.40q: %q, %v", said, heard, err)
		}
		conn.Close()
	}
}

// No bytes of either side bring the reader down, nor is anything of them lost
// while they are read.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x00\x00\x01\x01\x05\x00\x00\x00\x01\x88\x00\x00\x01\x00\x01\x00\x00\x00\x01x"), uint8(3))
	f.Add([]byte("\x00\x00\x06\x01\x2c\x00\x00\x00\x01\x05\x00\x00\x00\x00\x10"), uint8(1))
	f.Add([]byte("\xff\xff\xff\x00\x00"), uint8(9))
	f.Fuzz(func(t *testing.T, text []byte, n uint8) {
		var cut frames
		heads := newHeads()
		read := 0
		for rest := text; len(rest) > 0; {
			piece := rest[:min(len(rest), int(n)+1)]
			rest = rest[len(piece):]
			all, err := cut.take(piece)
			for _, one := range all {
				read += len(one)
				one.bare()
				if one.isPart() {
					if whole, err := heads.take(one); err == nil && whole {
						heads.now.spell()
					}
				}
			}
			if err != nil {
				break
			}
			if read+len(cut.held) != len(text)-len(rest) {
				t.Fatalf("of %d bytes %d were cut and %d are held", len(text)-len(rest), read, len(cut.held))
			}
		}
	})
}
