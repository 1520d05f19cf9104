package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"holdfast"
)

// speaker is a replica that answers health checks, and whatever else it is asked
// as it is told.
func speaker(t *testing.T, say func(path string, c net.Conn)) holdfast.Endpoint {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			go func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(patience))
				q, err := http.ReadRequest(bufio.NewReader(c))
				switch {
				case err != nil:
				case q.UserAgent() == "holdfast-check":
					io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
				case q.URL.Path == "/control":
					io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\ncontrol")
				default:
					say(q.URL.Path, c)
				}
			}()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return holdfast.Endpoint{ID: holdfast.ReplicaID{Service: "catalog", Ordinal: 1, Incarnation: 1}, Address: l.Addr().String()}
}

// What a replica says to a POST, which is not sent twice, and what the client is
// told: a status, and whether all of an answer's body came.
func TestWhatABadReplicaSays(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	cases := []struct{ name, text, want string }{
		{name: "an answer", text: ok + "Content-Length: 2\r\n\r\nok", want: "200 ok"},
		{name: "nothing", want: "502 broken"},
		{name: "half a head", text: ok + "Content-Le", want: "502 broken"},
		{name: "another protocol", text: "SSH-2.0-OpenSSH_9.2\r\n\r\n", want: "502 bad-answer"},
		{name: "binary", text: "\x16\x03\x01\x00\xa5\r\n\r\n", want: "502 bad-answer"},
		{name: "two lengths", text: ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nok", want: "502 bad-answer"},
		{name: "two framings", text: ok + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", want: "502 bad-answer"},
		{name: "a head injected by line feeds", text: ok + "X: a\nSet-Cookie: b\r\n\r\n", want: "502 bad-answer"},
		{name: "by carriage returns", text: ok + "X: a\rSet-Cookie: b\r\n\r\n", want: "502 bad-answer"},
		{name: "a NUL in a value", text: ok + "X: a\x00\r\n\r\n", want: "502 bad-answer"},
		{name: "a head of 80 KiB", text: ok + "X: " + strings.Repeat("y", 80<<10) + "\r\n\r\n", want: "502 bad-answer"},
		{name: "ten thousand header lines", text: ok + strings.Repeat("X: yyyyy\r\n", 10_000) + "\r\n", want: "502 bad-answer"},
		{name: "as many as fit", text: ok + strings.Repeat("a:\r\n", 10_000) + "Content-Length: 2\r\n\r\nok", want: "200 ok"},
		{name: "informational answers without end", text: strings.Repeat("HTTP/1.1 103 Early\r\nX: y\r\n\r\n", 1000), want: "502 bad-answer"},
		{name: "continue without end", text: strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 1000), want: "502 bad-answer"},
		{name: "an informational answer with a body", text: "HTTP/1.1 103 Early\r\nContent-Length: 2\r\n\r\nok" + ok + "Content-Length: 0\r\n\r\n", want: "502 bad-answer"},
		{name: "a switch that nobody asked for", text: "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", want: "502 bad-answer"},
		{name: "no content, with a length", text: "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", want: "204 "},
		{name: "unchanged, with chunks", text: "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", want: "304 "},
		{name: "less than its length", text: ok + "Content-Length: 3\r\n\r\nok", want: "200 ok, broken off"},
		{name: "more than its length", text: ok + "Content-Length: 2\r\n\r\nok" + ok + "Content-Length: 0\r\n\r\n", want: "200 ok"},
		{name: "a bad chunk", text: ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\nx\r\n", want: "200 ok, broken off"},
		{name: "no last chunk", text: ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", want: "200 ok, broken off"},
		{name: "a chunk with a bare line feed", text: ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n2\nok\r\n0\r\n\r\n", want: "200 ok, broken off"},
		{name: "a trailer of 80 KiB", text: ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: " + strings.Repeat("y", 80<<10) + "\r\n\r\n", want: "200 ok, broken off"},
		{name: "a huge chunk size", text: ok + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\nok", want: "200 ok, broken off"},
	}
	table := tableOf(1)
	table.Services[0].Endpoints = []holdfast.Endpoint{speaker(t, func(path string, c net.Conn) {
		var n int
		fmt.Sscanf(path, "/%d", &n)
		io.WriteString(c, cases[n].text)
		c.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, c) // until the gateway ends it: a reset would take our words away
	})}
	r := newRig(t, table)
	r.untilAdmitted(1)
	for n, c := range cases {
		client, in := r.raw()
		fmt.Fprintf(client, "POST /%d HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", n)
		got := answerIn(in)
		// What is seen to be broken before the first piece is on its way has no head
		// either.
		if brokenOff := strings.HasSuffix(c.want, "broken off") && got == "unexpected EOF"; got != c.want && !brokenOff {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if got := r.get("/control"); got.body != "control" {
			t.Errorf("after %s another one was answered with %+v", c.name, got)
		}
	}
}

// answerIn is an answer in short. Informational ones are skipped.
func answerIn(in *bufio.Reader) string {
	for {
		response, err := http.ReadResponse(in, nil)
		switch {
		case err != nil:
			return err.Error()
		case response.StatusCode < 200 && response.StatusCode != http.StatusSwitchingProtocols:
			continue
		}
		text, err := io.ReadAll(response.Body)
		got := fmt.Sprintf("%d %s", response.StatusCode, text)
		if code := response.Header.Get("Holdfast-Error"); code != "" {
			got = fmt.Sprintf("%d %s", response.StatusCode, code)
		}
		if response.StatusCode == http.StatusNoContent && response.Header.Get("Content-Length") != "" {
			got += "with a length"
		}
		if err != nil {
			got += ", broken off"
		}
		return got
	}
}

// What a replica says when it is asked for another protocol: only that, or none.
func TestAnUpgradeToWhatWasNotAskedForIsRefused(t *testing.T) {
	answers := map[string]struct{ text, want string }{
		"/asked":       {text: "Connection: Upgrade\r\nUpgrade: ECHO\r\n", want: "101"},
		"/length":      {text: "Connection: Upgrade\r\nUpgrade: echo\r\nContent-Length: 5\r\n", want: "101"},
		"/other":       {text: "Connection: Upgrade\r\nUpgrade: h2c\r\n", want: "502"},
		"/none":        {text: "Connection: Upgrade\r\n", want: "502"},
		"/unsaid":      {text: "Upgrade: echo\r\n", want: "502"},
		"/two at once": {text: "Connection: Upgrade\r\nUpgrade: echo, h2c\r\n", want: "502"},
	}
	table := tableOf(1)
	table.Services[0].Endpoints = []holdfast.Endpoint{speaker(t, func(path string, c net.Conn) {
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n"+answers[path].text+"\r\n")
		io.Copy(c, c)
	})}
	r := newRig(t, table)
	r.untilAdmitted(1)
	for path, c := range answers {
		client, in := r.raw()
		fmt.Fprintf(client, "POST %s HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: echo\r\nContent-Length: 0\r\n\r\n", strings.ReplaceAll(path, " ", "%20"))
		response, err := http.ReadResponse(in, nil)
		if err != nil || fmt.Sprint(response.StatusCode) != c.want || c.want == "101" && response.Header.Get("Content-Length") != "" {
			t.Errorf("%s: %v %+v", path, err, response)
		}
		client.Close()
	}
}

// A replica and a client that pass on a byte at a time hold a buffer each, and
// whoever else asks is answered.
func TestWhoReadsNothingHoldsNoMemory(t *testing.T) {
	const slow = 50
	r := serving(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/endless" {
			io.Copy(w, zeros{})
		}
	})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range slow {
		client, _ := r.raw()
		client.(*net.TCPConn).SetReadBuffer(4 << 10)
		io.WriteString(client, "GET /endless HTTP/1.1\r\nHost: shop\r\n\r\n")
	}
	r.until("all are on their way", func(s holdfast.GatewayState) bool { return s.Endpoints[0].InFlight == slow })
	for range 20 {
		if got := r.get("/"); got.status != http.StatusOK {
			t.Fatalf("%+v", got)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	// Client, gateway and replica are one process here: 32 KiB for the copy, and
	// the buffers of four ends of two connections.
	if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / slow; each > 256<<10 {
		t.Errorf("each holds %d KiB", each>>10)
	}
}
