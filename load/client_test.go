package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast"
)

// script serves every connection by the same function and counts them.
type script struct {
	listener net.Listener
	all      sync.WaitGroup
	mu       sync.Mutex
	made     int
}

func play(t *testing.T, each func(conn net.Conn, requests *bufio.Reader)) *script {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &script{listener: listener}
	s.all.Go(func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			s.mu.Lock()
			s.made++
			s.mu.Unlock()
			s.all.Go(func() {
				defer conn.Close()
				each(conn, bufio.NewReader(conn))
			})
		}
	})
	return s
}

func (s *script) route(t *testing.T) *route {
	t.Helper()
	r, err := newRoute(Target{Name: "front", URL: "http://" + s.listener.Addr().String() + "/a?b=c", Weight: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.close()
		s.listener.Close()
		s.all.Wait()
	})
	return r
}

func (s *script) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.made
}

// heard reads one request's lines.
func heard(requests *bufio.Reader) (lines []string, err error) {
	for {
		text, err := requests.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if text == "\r\n" {
			return lines, nil
		}
		lines = append(lines, strings.TrimSpace(text))
	}
}

func TestWhatAnAnswerMeans(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for _, c := range []struct {
		name, says string
		status     int
		instead    string
		err, body  string
	}{
		{name: "well", says: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", status: 200},
		{name: "a client's fault is an answer", says: "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", status: 404},
		{name: "an interim answer first", says: "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", status: 200},
		{name: "a failure says why", says: "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 15\r\n\r\ncatalog:\n\x1b[31mre", status: 502, body: "catalog: .[31mre"[:15]},
		{name: "a long failure is cut", says: "HTTP/1.1 500 Oh\r\nContent-Length: 1000\r\n\r\n" + long, status: 500, body: long[:maxBody]},
		{name: "chunks", says: "HTTP/1.1 503 Oh\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", status: 503, body: "abc"},
		{name: "in another's place", says: "HTTP/1.1 200 OK\r\nHoldfast-Degraded: stale 3s\r\nContent-Length: 2\r\n\r\n{}", status: 200, instead: "stale 3s"},
		{name: "to the end", says: "HTTP/1.0 200 OK\r\n\r\nall there is", status: 200},
		{name: "half a body", says: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", status: 200, err: "body: connection closed", body: "half"},
		{name: "half a head", says: "HTTP/1.1 200 OK\r\nX: y\r\n", err: "answer: connection closed"},
		{name: "nothing", says: "", err: "answer: connection closed"},
		{name: "another language", says: "SSH-2.0-OpenSSH\r\n", err: `answer: malformed HTTP response "SSH-2.0-OpenSSH"`},
		{name: "interim for ever", says: strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 10), err: "answer: more than 5 interim answers"},
		{name: "a head without end", says: "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", maxHead) + "\r\n\r\n", err: "answer: connection closed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := play(t, func(conn net.Conn, requests *bufio.Reader) {
				if _, err := heard(requests); err == nil {
					io.WriteString(conn, c.says)
				}
			}).route(t)
			got := r.ask(t.Context(), r.get, manner{}, time.Now().Add(10*time.Second))
			if text := errorText(got.err); got.status != c.status || got.instead != c.instead || (got.sum == Sum([]byte("{}"))) != (c.instead != "") || text != c.err || got.body != c.body {
				t.Errorf("got %d, %q, %q; want %d, %q, %q", got.status, text, got.body, c.status, c.err, c.body)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestTimeoutsAndRefusals(t *testing.T) {
	silent := play(t, func(conn net.Conn, requests *bufio.Reader) { io.Copy(io.Discard, requests) }).route(t)
	if got := silent.ask(t.Context(), silent.get, manner{}, time.Now().Add(50*time.Millisecond)); errorText(got.err) != "answer: timeout" {
		t.Errorf("a silent server: %v", got.err)
	}
	if got := silent.ask(t.Context(), silent.get, manner{}, time.Now().Add(-time.Second)); errorText(got.err) != "connect: timeout" {
		t.Errorf("a deadline that is over: %v", got.err)
	}
	gone := play(t, nil)
	refused := gone.route(t)
	gone.listener.Close()
	if got := refused.ask(t.Context(), refused.get, manner{}, time.Now().Add(10*time.Second)); errorText(got.err) != "connect: connection refused" {
		t.Errorf("nobody listens: %v", got.err)
	}
}

func TestConnectionsAreKeptOrFresh(t *testing.T) {
	heads := make(chan string, 100)
	s := play(t, func(conn net.Conn, requests *bufio.Reader) {
		for {
			lines, err := heard(requests)
			if err != nil {
				return
			}
			heads <- strings.Join(lines, "|")
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	r := s.route(t)
	for n, c := range []struct {
		fresh bool
		made  int
	}{{false, 1}, {false, 1}, {true, 2}, {false, 2}, {true, 3}} {
		if got := r.ask(t.Context(), r.get, manner{fresh: c.fresh}, time.Now().Add(10*time.Second)); got.err != nil || got.status != 200 {
			t.Fatalf("request %d: %+v", n, got)
		}
		head := <-heads
		if s.connections() != c.made || strings.Contains(head, "Connection: close") != c.fresh || !strings.HasPrefix(head, "GET /a?b=c HTTP/1.1|Host: 127.0.0.1:") {
			t.Errorf("request %d: %d connections, want %d; said %q", n, s.connections(), c.made, head)
		}
	}
}

// TestAConnectionClosedWhileIdleHurtsNobody: the server closes after each answer
// without having said so. Who looks before asking is not surprised.
func TestAConnectionClosedWhileIdleHurtsNobody(t *testing.T) {
	closed := make(chan struct{}, 10)
	s := play(t, func(conn net.Conn, requests *bufio.Reader) {
		if _, err := heard(requests); err == nil {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			conn.Close()
			closed <- struct{}{}
		}
	})
	r := s.route(t)
	for n := range 5 {
		if got := r.ask(t.Context(), r.get, manner{}, time.Now().Add(10*time.Second)); got.err != nil {
			t.Fatalf("request %d: %v", n, got.err)
		}
		<-closed
	}
	if s.connections() != 5 {
		t.Errorf("%d connections, want 5", s.connections())
	}
}

func TestGenerateEndsWithItsInput(t *testing.T) {
	for name, last := range map[string]string{"end": "", "stop": "stop\n"} {
		t.Run(name, func(t *testing.T) {
			in, parent := io.Pipe()
			out, child := io.Pipe()
			var err error
			var all sync.WaitGroup
			all.Go(func() {
				err = Generate(t.Context(), plan("http://127.0.0.1:1/"), in, child)
				child.Close()
			})
			var lines []line
			decoder := json.NewDecoder(out)
			for {
				var l line
				if decoder.Decode(&l) != nil {
					break
				}
				if lines = append(lines, l); l.Result != nil && last == "stop\n" {
					io.WriteString(parent, last)
					last = "said"
				} else if l.Result != nil && last == "" {
					parent.Close()
				}
			}
			all.Wait()
			parent.Close()
			if err != nil {
				t.Fatal(err)
			}
			results := 0
			for _, l := range lines {
				if l.Result != nil {
					results++
				}
			}
			if end := lines[len(lines)-1].End; end == nil || end.Results != results || results == 0 {
				t.Errorf("%d results and then %+v", results, end)
			}
		})
	}
}

func TestGenerateIsCut(t *testing.T) {
	silent := play(t, func(conn net.Conn, requests *bufio.Reader) { io.Copy(io.Discard, requests) })
	silent.route(t) // for its clean-up
	in, parent := io.Pipe()
	defer parent.Close()
	ctx, cancel := context.WithCancel(t.Context())
	p := plan("http://" + silent.listener.Addr().String() + "/")
	p.Timeout = time.Minute
	var out bytes.Buffer
	var err error
	var all sync.WaitGroup
	all.Go(func() { err = Generate(ctx, p, in, &out) })
	until(t, "requests under way", func() bool { return silent.connections() > 5 })
	cancel()
	all.Wait()
	if !errors.Is(err, context.Canceled) || strings.Contains(out.String(), `"end"`) {
		t.Errorf("got %v and %q, want no ending", err, out.String())
	}
}

// A wall takes nothing.
type wall struct{}

func (wall) Write([]byte) (int, error) { return 0, errors.New("the wall") }

func TestGenerateEndsWithItsOutput(t *testing.T) {
	in, parent := io.Pipe()
	defer parent.Close()
	if err := Generate(t.Context(), plan("http://127.0.0.1:1/"), in, wall{}); err == nil || !strings.Contains(err.Error(), "the wall") {
		t.Errorf("got %v", err)
	}
}

func TestRunWantsAPlan(t *testing.T) {
	for _, text := range []string{"", "{}\n", "hello\n", `{"sneed":1}` + "\n", strings.Repeat(" ", maxPlan) + "\n"} {
		if err := Run(t.Context(), strings.NewReader(text), io.Discard); err == nil || !strings.Contains(err.Error(), "plan of the load") {
			t.Errorf("%.20q: got %v", text, err)
		}
	}
}

// TestALineFits holds maxLine to the largest result there can be.
func TestALineFits(t *testing.T) {
	worst := strings.Repeat("<", maxBody)
	text, err := json.Marshal(line{Result: &Result{
		Target: worst[:maxName], Bare: true, Fresh: true, Protocol: "h2", Session: holdfast.SessionName(worst[:maxName]), Run: runID(0, 0, 0), Step: maxSteps, Of: maxSteps, Write: true, Intended: -1 << 63, Sent: -1 << 63, Ended: -1 << 63,
		Status: 599, Error: "connect: " + worst[:maxError], Failed: true, Late: true, Degraded: true, Instead: worst[:maxInstead], Sum: 1<<64 - 1, Body: worst,
	}})
	if err != nil || len(text) >= maxLine {
		t.Errorf("%d bytes (%v), want less than %d", len(text), err, maxLine)
	}
}
