package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
)

// serving is a rig with one replica that answers requests, but health checks by
// itself.
func serving(t *testing.T, h http.HandlerFunc) *rig {
	t.Helper()
	r := newRig(t, tableOf(1, newReplica(t, 1, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.UserAgent() != "holdfast-check" {
			h(w, q)
		}
	}))))
	r.untilAdmitted(1)
	return r
}

// raw is a connection to the published listener.
func (r *rig) raw() (net.Conn, *bufio.Reader) {
	r.t.Helper()
	c, err := net.Dial("tcp", r.published)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c, bufio.NewReader(c)
}

func TestEachPieceOfAStreamArrivesAtOnce(t *testing.T) {
	for _, length := range []string{"", "6"} {
		t.Run("length "+length, func(t *testing.T) {
			proceed := make(chan struct{}, 1)
			r := serving(t, func(w http.ResponseWriter, q *http.Request) {
				if length != "" {
					w.Header().Set("Content-Length", length)
				}
				for range 3 {
					<-proceed
					io.WriteString(w, "p\n")
					w.(http.Flusher).Flush()
				}
			})
			proceed <- struct{}{}
			response, err := r.client.Get("http://" + r.published)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			in := bufio.NewReader(response.Body)
			for i := range 3 {
				if line, err := in.ReadString('\n'); line != "p\n" {
					t.Fatalf("piece %d: %q %v", i, line, err)
				}
				if i < 2 {
					proceed <- struct{}{}
				}
			}
		})
	}
}

// What passes through is not held: 50 MB each way take buffers, not memory.
func TestFiftyMegabytesTakeNoMemory(t *testing.T) {
	const size = 50 << 20
	r := serving(t, func(w http.ResponseWriter, q *http.Request) {
		n, _ := io.Copy(io.Discard, q.Body)
		w.Header().Set("X-Got", fmt.Sprint(n))
		io.CopyN(w, zeros{}, size)
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	request, _ := http.NewRequest("PUT", "http://"+r.published, io.LimitReader(zeros{}, size))
	response, err := r.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	n, err := io.Copy(io.Discard, response.Body)
	runtime.ReadMemStats(&after)
	if n != size || err != nil || response.Header.Get("X-Got") != fmt.Sprint(size) {
		t.Errorf("%d bytes back (%v), %s there", n, err, response.Header.Get("X-Got"))
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 10<<20 {
		t.Errorf("allocated %d MB on the way", grown>>20)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestAnUpgradedConnectionCarriesBytesBothWays(t *testing.T) {
	r := serving(t, func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Upgrade") != "echo" || !strings.EqualFold(q.Header.Get("Connection"), "upgrade") {
			w.WriteHeader(400)
			return
		}
		c, both, _ := http.NewResponseController(w).Hijack()
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Also: 1\r\n\r\nhi\n")
		io.Copy(c, both)
	})
	c, in := r.raw()
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly\n")
	response, err := http.ReadResponse(in, nil)
	if err != nil || response.StatusCode != 101 || response.Header.Get("Upgrade") != "echo" || response.Header.Get("X-Also") != "1" {
		t.Fatalf("%v %+v", err, response)
	}
	for _, want := range []string{"hi\n", "early\n"} {
		if line, err := in.ReadString('\n'); line != want {
			t.Fatalf("%q %v, want %q", line, err, want)
		}
	}
	io.WriteString(c, "late\n")
	if line, err := in.ReadString('\n'); line != "late\n" {
		t.Fatalf("%q %v", line, err)
	}
	c.(*net.TCPConn).CloseWrite()
	if rest, err := io.ReadAll(in); len(rest) > 0 || err != nil {
		t.Errorf("after the end: %q %v", rest, err)
	}
}

// Behind an upgrade to HTTP/2 a client could say of any number of requests that
// they come from somebody else.
func TestAnUpgradeToHTTP2IsNotPassedOn(t *testing.T) {
	r := serving(t, func(w http.ResponseWriter, q *http.Request) {
		fmt.Fprintf(w, "%q %q %q", q.Header.Get("Upgrade"), q.Header.Get("Connection"), q.Header.Get("Http2-Settings"))
	})
	for _, upgrade := range []string{"h2c", "H2C", "echo, h2c", "echo\r\nUpgrade: h2c"} {
		c, in := r.raw()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAA\r\nUpgrade: "+upgrade+"\r\n\r\n")
		response, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(response.Body); err != nil || response.StatusCode != 200 || string(text) != `"" "" ""` {
			t.Errorf("%q: %d, the replica was told %s, %v", upgrade, response.StatusCode, text, err)
		}
	}
}

func TestTrailersPassBothWays(t *testing.T) {
	r := serving(t, func(w http.ResponseWriter, q *http.Request) {
		text, _ := io.ReadAll(q.Body)
		w.Header().Set("Trailer", "X-Sum")
		fmt.Fprintf(w, "%s", text)
		w.Header().Set("X-Sum", q.Trailer.Get("X-There"))
		w.Header().Set(http.TrailerPrefix+"X-Late", "unannounced")
	})
	request, _ := http.NewRequest("POST", "http://"+r.published, io.MultiReader(strings.NewReader("body")))
	request.Trailer = http.Header{"X-There": {"42"}}
	response, err := r.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if string(text) != "body" || err != nil || response.Trailer.Get("X-Sum") != "42" || response.Trailer.Get("X-Late") != "unannounced" {
		t.Errorf("%q %v %v", text, err, response.Trailer)
	}
}

// Answers without a body keep the connection usable, whatever length they
// announce.
func TestAnswersWithoutABody(t *testing.T) {
	r := serving(t, func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/204":
			w.WriteHeader(204)
		case "/304":
			w.Header().Set("Etag", `"1"`)
			w.WriteHeader(304)
		default:
			w.Header().Set("Content-Length", "5")
			io.WriteString(w, "hello")
		}
	})
	for range 3 {
		got, err := r.do("HEAD", r.published, "/", nil)
		if err != nil || got.status != 200 || got.header.Get("Content-Length") != "5" || got.body != "" {
			t.Errorf("HEAD: %v %+v", err, got)
		}
		for _, path := range []string{"/204", "/304"} {
			if got := r.get(path); "/"+fmt.Sprint(got.status) != path || got.body != "" {
				t.Errorf("%s: %+v", path, got)
			}
		}
		if got := r.get("/"); got.body != "hello" {
			t.Errorf("GET: %+v", got)
		}
	}
}

func TestABodyWaitsForTheReplicasContinue(t *testing.T) {
	var read atomic.Int64
	r := serving(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/no" {
			w.WriteHeader(417)
			return
		}
		n, _ := io.Copy(io.Discard, q.Body)
		read.Add(n)
	})
	c, in := r.raw()
	io.WriteString(c, "POST /yes HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
	if line, err := in.ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 100") {
		t.Fatalf("%q %v", line, err)
	}
	in.ReadString('\n')
	io.WriteString(c, "hello")
	if response, err := http.ReadResponse(in, nil); err != nil || response.StatusCode != 200 || read.Load() != 5 {
		t.Fatalf("%v %+v, %d read", err, response, read.Load())
	}
	c, in = r.raw()
	io.WriteString(c, "POST /no HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
	if line, err := in.ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 417") {
		t.Fatalf("the client was told %q %v before the replica had agreed", line, err)
	}
}

func TestEarlyHintsPass(t *testing.T) {
	r := serving(t, func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Link", "</a.css>")
		w.WriteHeader(103)
		w.Header().Del("Link")
		io.WriteString(w, "done")
	})
	c, in := r.raw()
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
	text, _ := io.ReadAll(in)
	hints, rest, _ := strings.Cut(string(text), "\r\n\r\n")
	if !strings.HasPrefix(hints, "HTTP/1.1 103") || !strings.Contains(hints, "</a.css>") || strings.Contains(rest, "a.css") || !strings.HasSuffix(rest, "done") {
		t.Errorf("got %q", text)
	}
}

// An answer that comes before the request's end is passed on at once, and the
// exchange ends although the client never finishes.
func TestAnEarlyAnswerDoesNotWaitForTheUpload(t *testing.T) {
	t.Parallel()
	r := serving(t, func(w http.ResponseWriter, q *http.Request) {
		w.WriteHeader(413)
		io.WriteString(w, "too much")
	})
	c, in := r.raw()
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 1000000\r\n\r\nsome")
	response, err := http.ReadResponse(in, nil)
	if err != nil || response.StatusCode != 413 || !response.Close {
		t.Fatalf("%v %+v", err, response)
	}
	if text, err := io.ReadAll(response.Body); string(text) != "too much" || err != nil {
		t.Errorf("%q %v", text, err)
	}
	r.until("nothing is in flight", func(s holdfast.GatewayState) bool { return s.Endpoints[0].InFlight == 0 })
}

// Bytes go both ways at the same time.
func TestAnEchoInFullDuplex(t *testing.T) {
	r := serving(t, func(w http.ResponseWriter, q *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(200)
		in := bufio.NewReader(q.Body)
		for {
			w.(http.Flusher).Flush()
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			io.WriteString(w, line)
		}
	})
	c, in := r.raw()
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n")
	response, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	back := bufio.NewReader(response.Body)
	for _, word := range []string{"one\n", "two\n"} {
		fmt.Fprintf(c, "%x\r\n%s\r\n", len(word), word)
		if line, err := back.ReadString('\n'); line != word {
			t.Fatalf("%q %v", line, err)
		}
	}
	io.WriteString(c, "0\r\n\r\n")
	if rest, err := io.ReadAll(back); len(rest) > 0 || err != nil {
		t.Errorf("%q %v", rest, err)
	}
}

func TestAnEdgeAnswersWithinItsTimeout(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	r := serving(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/body" {
			io.WriteString(w, "half")
			w.(http.Flusher).Flush()
		}
		select {
		case <-release:
		case <-q.Context().Done():
		}
	})
	began := time.Now()
	got, err := r.do("GET", r.edge, "/head", nil)
	if err != nil || got.status != 504 || got.header.Get("Holdfast-Error") != "timeout" || !strings.Contains(got.body, "no answer within 1s") {
		t.Errorf("%v %+v", err, got)
	}
	if took := time.Since(began); took < time.Second || took > 3*time.Second {
		t.Errorf("took %s", took)
	}
	if got, err := r.do("GET", r.edge, "/body", nil); err == nil {
		t.Errorf("half an answer looked like a whole one: %+v", got)
	}
}

// A caller that stops sending gets its answer in time, too.
func TestATimeoutDoesNotWaitForTheCallersBody(t *testing.T) {
	t.Parallel()
	r := serving(t, func(w http.ResponseWriter, q *http.Request) { io.Copy(io.Discard, q.Body) })
	c, err := net.Dial("tcp", r.edge)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, "PUT / HTTP/1.1\r\nHost: shop\r\nContent-Length: 100\r\n\r\nsome")
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || response.StatusCode != 504 {
		t.Fatalf("%v %+v", err, response)
	}
	response.Body.Close()
}

func TestAClientThatLeavesEndsTheTry(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan struct{})
	r := serving(t, func(w http.ResponseWriter, q *http.Request) {
		close(begun)
		<-q.Context().Done()
		close(ended)
	})
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-begun
		leave()
	}()
	request, _ := http.NewRequestWithContext(ctx, "GET", "http://"+r.published, nil)
	if _, err := r.client.Do(request); err == nil {
		t.Error("answered")
	}
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the replica works on for nobody")
	}
	r.until("nothing counts as failed", func(s holdfast.GatewayState) bool {
		return s.Endpoints[0].InFlight == 0 && s.Endpoints[0].Failures == 0 && s.Routes[0].Failed == 0
	})
}

// An answer that breaks off is not passed on as a whole one.
func TestABrokenAnswerIsSeenAsBroken(t *testing.T) {
	r := serving(t, func(w http.ResponseWriter, q *http.Request) {
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	if got, err := r.do("GET", r.published, "/", nil); err == nil {
		t.Errorf("got %+v", got)
	}
	state, _ := r.gateway.State(t.Context())
	if state.Routes[0].Failed != 1 || state.Endpoints[0].Failures != 1 {
		t.Errorf("counted %+v %+v", state.Routes[0], state.Endpoints[0])
	}
}
