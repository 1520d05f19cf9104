package gateway

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"holdfast"
)

// Witnessed is what a replica has read, one line a request. One that broke off is
// none.
type witnessed struct {
	mu    sync.Mutex
	lines []string
}

func (s *witnessed) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	text, err := io.ReadAll(q.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.lines = append(s.lines, fmt.Sprintf("%s %s at %s, %d %v %q", q.Method, q.RequestURI, q.Host, q.ContentLength, q.TransferEncoding, text))
	}
}

func (s *witnessed) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := s.lines
	s.lines = nil
	return lines
}

// statuses reads answers until the connection ends.
func statuses(in *bufio.Reader) string {
	var all []string
	for {
		response, err := http.ReadResponse(in, nil)
		if err != nil {
			return strings.Join(all, " ")
		}
		io.Copy(io.Discard, response.Body)
		all = append(all, fmt.Sprint(response.StatusCode))
	}
}

// An attack is what a client sends, how it is answered, and what the replica
// reads. An empty answer is any.
type attack struct {
	name, text, want string
	saw              []string
}

// The beginnings of requests, and one that is to be hidden in another.
const (
	post    = "POST /a HTTP/1.1\r\nHost: shop\r\n"
	get     = "GET /a HTTP/1.1\r\nHost: shop\r\n"
	hidden  = "GET /hidden HTTP/1.1\r\nHost: shop\r\n\r\n"
	chunked = post + "Transfer-Encoding: chunked\r\n\r\n"
	upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	gotten  = `GET /a at shop, 0 [] ""`
)

// goodRequests are requests that are what they seem.
func goodRequests() []attack {
	return []attack{
		{name: "a request", text: get + "\r\n", want: "200", saw: []string{gotten}},
		{name: "a length", text: post + "Content-Length: 2\r\n\r\nok", want: "200", saw: []string{`POST /a at shop, 2 [] "ok"`}},
		{name: "chunks", text: chunked + "2\r\nok\r\n0\r\n\r\n", want: "200", saw: []string{`POST /a at shop, -1 [chunked] "ok"`}},
		{name: "two requests", text: get + "\r\n" + get + "\r\n", want: "200 200", saw: []string{gotten, gotten}},
		{name: "one after a length", text: post + "Content-Length: 2\r\n\r\nok" + get + "\r\n", want: "200 200", saw: []string{`POST /a at shop, 2 [] "ok"`, gotten}},
		{name: "one after chunks", text: chunked + "2\r\nok\r\n0\r\n\r\n" + get + "\r\n", want: "200 200", saw: []string{`POST /a at shop, -1 [chunked] "ok"`, gotten}},
		{name: "an extension, dropped", text: chunked + "2;a=b\r\nok\r\n0;c\r\n\r\n", want: "200", saw: []string{`POST /a at shop, -1 [chunked] "ok"`}},
	}
}

// twoFramings are requests of which two servers see the end in two places.
func twoFramings() []attack {
	return []attack{
		{name: "CL.TE", text: post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, want: "400"},
		{name: "TE.CL", text: post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n" + hidden + "\r\n0\r\n\r\n", want: "400"},
		{name: "TE.TE", text: post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n" + hidden, want: "400"},
		{name: "twice chunked", text: post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, want: "400"},
		{name: "chunked, chunked", text: post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", want: "400"},
		{name: "identity", text: post + "Transfer-Encoding: identity\r\nContent-Length: 4\r\n\r\nokok", want: "400"},
		{name: "gzip, chunked", text: post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", want: "400"},
		{name: "xchunked", text: post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", want: "400"},
		{name: "quoted", text: post + "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", want: "400"},
		{name: "a vertical tab", text: post + "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", want: "400"},
		{name: "a NUL", text: post + "Transfer-Encoding: chunked\x00\r\n\r\n0\r\n\r\n", want: "400"},
		{name: "a blank before the colon", text: post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", want: "400"},
		{name: "a folded encoding", text: post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", want: "400"},
		{name: "a line feed before the encoding", text: post + "X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", want: "400"},
		{name: "an underscore", text: post + "Transfer_Encoding: chunked\r\nContent-Length: 0\r\n\r\n", want: "200", saw: []string{`POST /a at shop, 0 [] ""`}},
		{name: "HTTP/1.0", text: "POST /a HTTP/1.0\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", want: "400"},
		{name: "two lengths", text: post + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nokk", want: "400"},
		{name: "the same length twice", text: post + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok", want: "400"},
		{name: "a list of lengths", text: post + "Content-Length: 2, 2\r\n\r\nok", want: "400"},
		{name: "a signed length", text: post + "Content-Length: +2\r\n\r\nok", want: "400"},
		{name: "a negative length", text: post + "Content-Length: -1\r\n\r\n", want: "400"},
		{name: "a length in hex", text: post + "Content-Length: 0x2\r\n\r\nok", want: "400"},
		{name: "an empty length", text: post + "Content-Length:\r\n\r\n", want: "400"},
		{name: "an endless length", text: post + "Content-Length: 99999999999999999999\r\n\r\n", want: "400"},
	}
}

// badLines are requests with lines and chunks that two servers read in two ways.
func badLines() []attack {
	return []attack{
		{name: "a bare line feed", text: "GET /a HTTP/1.1\nHost: shop\n\n", want: "400"},
		{name: "one at the end", text: get + "\n" + hidden, want: "400"},
		{name: "a bare carriage return", text: get + "X: a\rY: b\r\n\r\n", want: "400"},
		{name: "two", text: get + "X: a\r\r\n\r\n", want: "400"},
		{name: "a folded line", text: get + "X: a\r\n b\r\n\r\n", want: "400"},
		{name: "a NUL in a value", text: get + "X: a\x00b\r\n\r\n", want: "400"},
		{name: "a NUL in a name", text: get + "X\x00: a\r\n\r\n", want: "400"},
		{name: "no colon", text: get + "X\r\n\r\n", want: "400"},
		{name: "no name", text: get + ": a\r\n\r\n", want: "400"},
		{name: "a chunk that ends too late", text: chunked + "2\r\nokX\r\n0\r\n\r\n", want: "400"},
		{name: "a chunk line with a bare line feed", text: chunked + "2\nok\r\n0\r\n\r\n" + hidden, want: "400"},
		{name: "an extension with one", text: chunked + "2;\nok\r\n0\r\n\r\n" + hidden, want: "400"},
		{name: "an extension with a carriage return", text: chunked + "2;\rx\r\nok\r\n0\r\n\r\n", want: "400"},
		{name: "a chunk that ends with one", text: chunked + "2\r\nok\n0\r\n\r\n" + hidden, want: "400"},
		{name: "a chunk size in words", text: chunked + "two\r\nok\r\n0\r\n\r\n", want: "400"},
		{name: "with a prefix", text: chunked + "0x2\r\nok\r\n0\r\n\r\n", want: "400"},
		{name: "that overflows", text: chunked + "10000000000000002\r\nok\r\n0\r\n\r\n", want: "400"},
		{name: "after a blank", text: chunked + " 2\r\nok\r\n0\r\n\r\n", want: "400"},
		{name: "none", text: chunked + "\r\nok\r\n0\r\n\r\n", want: "400"},
	}
}

// badTargets are requests for what is not clear, and what comes after a bad one.
func badTargets() []attack {
	return []attack{
		{name: "no host", text: "GET /a HTTP/1.1\r\n\r\n", want: "400"},
		{name: "two hosts", text: get + "Host: other\r\n\r\n", want: "400"},
		{name: "a bad host", text: "GET /a HTTP/1.1\r\nHost: sh op\r\n\r\n", want: "400"},
		{name: "a host with a path", text: "GET /a HTTP/1.1\r\nHost: shop/../x\r\n\r\n", want: "400"},
		{name: "another host in the target", text: "GET http://other/a HTTP/1.1\r\nHost: shop\r\n\r\n", want: "200", saw: []string{`GET /a at other, 0 [] ""`}},
		{name: "bad percent-encoding", text: "GET /%zz HTTP/1.1\r\nHost: shop\r\n\r\n", want: "400"},
		{name: "half of one", text: "GET /%2 HTTP/1.1\r\nHost: shop\r\n\r\n", want: "400"},
		{name: "a blank in the target", text: "GET /a b HTTP/1.1\r\nHost: shop\r\n\r\n", want: "400"},
		{name: "a control character in the target", text: "GET /a\x01 HTTP/1.1\r\nHost: shop\r\n\r\n", want: "400"},
		{name: "a bad method", text: "G(T /a HTTP/1.1\r\nHost: shop\r\n\r\n", want: "400"},
		{name: "another version", text: "GET /a HTTP/3.0\r\nHost: shop\r\n\r\n", want: "505"},
		{name: "no version", text: "GET /nothing/of/it\r\n\r\n", want: "400"}, // longer than what tells HTTP/2 from it, which is waited for
		{name: "a tunnel", text: "CONNECT shop:80 HTTP/1.1\r\nHost: shop:80\r\n\r\n", want: "405"},
		{name: "one after an error", text: get + "X: a\nY: b\r\n\r\n" + hidden, want: "400"},
		{name: "one after an upgrade that is not granted", text: get + upgrade + "\r\n" + get + "\r\n", want: "200 200", saw: []string{gotten, gotten}},
		{name: "two framings after one", text: get + upgrade + "\r\n" + post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, want: "200 400", saw: []string{gotten}},
		{name: "two framings after two", text: get + upgrade + "\r\n" + get + upgrade + "\r\n" + post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, want: "200 200 400", saw: []string{gotten, gotten}},
		{name: "two framings after one for no connection", text: get + "Upgrade: websocket\r\n\r\n" + post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, want: "200 400", saw: []string{gotten}},
		{name: "an upgrade with a body", text: post + "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nok", want: "200", saw: []string{`POST /a at shop, 2 [] "ok"`}},
		{name: "what frames it, said to be for one connection", text: post + "Connection: Content-Length\r\nContent-Length: 2\r\n\r\nok", want: "200", saw: []string{`POST /a at shop, 2 [] "ok"`}},
		{name: "a trailer that frames", text: chunked + "2\r\nok\r\n0\r\nContent-Length: 9\r\n\r\n", want: "200", saw: []string{`POST /a at shop, -1 [chunked] "ok"`}},
		// Last, because the first request may be given up or read late.
		{name: "a bare line feed after an upgrade", text: get + upgrade + "\r\nGET /hidden HTTP/1.1\nHost: shop\n\n", want: ""},
		{name: "an error after one", text: post + "Content-Length: 2\r\n\r\nok" + "GET /hidden HTTP/1.1\nHost: shop\n\n", want: ""},
	}
}

// Of what can be read in two ways a replica reads nothing; of the rest, what was
// sent and no more.
func TestWhatSmugglersAsk(t *testing.T) {
	t.Run("in clear text", func(t *testing.T) { smuggle(t, (*rig).raw, nil) })
	t.Run("over TLS", func(t *testing.T) {
		smuggle(t, func(r *rig) (net.Conn, *bufio.Reader) { return r.rawTLS("http/1.1") }, underTLS(t))
	})
	t.Run("over TLS, with nothing agreed", func(t *testing.T) {
		smuggle(t, func(r *rig) (net.Conn, *bufio.Reader) { return r.rawTLS() }, underTLS(t))
	})
}

func smuggle(t *testing.T, dial func(*rig) (net.Conn, *bufio.Reader), over map[holdfast.ListenerName][]holdfast.Certificate) {
	seen := &witnessed{}
	table := tableOf(1, newReplica(t, 1, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.UserAgent() != "holdfast-check" && q.URL.Path != "/control" {
			seen.ServeHTTP(w, q)
		}
	})))
	table.Secured = over
	r := newRig(t, table)
	r.untilAdmitted(1)
	for _, c := range slices.Concat(goodRequests(), twoFramings(), badLines(), badTargets()) {
		t.Run(c.name, func(t *testing.T) {
			client, in := dial(r)
			io.WriteString(client, c.text)
			if goesOn := !strings.HasSuffix(c.want, "400") && c.want != "" && c.want != "505"; goesOn {
				io.WriteString(client, "GET /last HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
				c.want, c.saw = c.want+" 200", append(slices.Clone(c.saw), `GET /last at shop, 0 [] ""`)
			}
			got := statuses(in)
			if c.want != "" && got != c.want {
				t.Errorf("answered with %q, want %q", got, c.want)
			}
			saw := seen.take()
			if c.want != "" && !slices.Equal(saw, c.saw) {
				t.Errorf("the replica read %q, want %q", saw, c.saw)
			}
			if strings.Contains(fmt.Sprint(saw), "/hidden") {
				t.Errorf("the replica read %q", saw)
			}
			other, heard := dial(r)
			io.WriteString(other, "GET /control HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
			if got := statuses(heard); got != "200" {
				t.Errorf("another one, meanwhile: %q", got)
			}
		})
	}
}

// However its bytes come, a request passes the sieve as it is.
func TestTheSieveFollowsEveryPiece(t *testing.T) {
	text := "POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe\nlo\r\n0\r\nX: y\r\n\r\n" +
		"\r\nPUT / HTTP/1.1\r\nContent-Length: 3\r\nX: " + strings.Repeat("y", 2*lineStart) + "\r\n\r\n\n\n\n" +
		"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nwhat\never\r"
	for name, in := range map[string]io.Reader{
		"whole":        strings.NewReader(text),
		"byte by byte": iotest.OneByteReader(strings.NewReader(text)),
		"in halves":    iotest.HalfReader(strings.NewReader(text)),
	} {
		s := newSieve(fed{Reader: in}, &heads{})
		if got, err := io.ReadAll(s); string(got) != text || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

type fed struct {
	net.Conn
	io.Reader
}

func (f fed) Read(p []byte) (int, error) { return f.Reader.Read(p) }

// Long heads share what there is for them; a usual one needs nothing of it.
func TestLongHeadsShareWhatThereIs(t *testing.T) {
	all := &heads{}
	long := "GET / HTTP/1.1\r\nX: " + strings.Repeat("y", 60<<10)
	passed := 0
	for range 2 * maxHeads / len(long) {
		if _, err := io.Copy(io.Discard, newSieve(fed{Reader: strings.NewReader(long)}, all)); err != nil {
			t.Fatal(err)
		}
		if all.bytes.Load() <= maxHeads {
			passed++
		}
	}
	if got := all.bytes.Load(); got > maxHeads || got < maxHeads-int64(len(long)) {
		t.Errorf("%d bytes are taken", got)
	}
	usual := "GET / HTTP/1.1\r\nHost: shop\r\n\r\n"
	if got, _ := io.ReadAll(newSieve(fed{Reader: strings.NewReader(usual)}, all)); string(got) != usual {
		t.Errorf("a usual one: %q", got)
	}
}

func TestWhatALongHeadTookIsGivenBack(t *testing.T) {
	for _, over := range []map[holdfast.ListenerName][]holdfast.Certificate{nil, underTLS(t)} {
		table := tableOf(1, newReplica(t, 1, named("1")))
		table.Secured = over
		r := newRig(t, table)
		r.untilAdmitted(1)
		dial := r.raw
		if over != nil {
			dial = func() (net.Conn, *bufio.Reader) { return r.rawTLS("http/1.1") }
		}
		longHeads(t, r, dial)
	}
}

func longHeads(t *testing.T, r *rig, dial func() (net.Conn, *bufio.Reader)) {
	client, in := dial()
	for range 3 {
		io.WriteString(client, "GET / HTTP/1.1\r\nHost: shop\r\nX: "+strings.Repeat("y", 40<<10)+"\r\n\r\n")
		if response, err := http.ReadResponse(in, nil); err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%v %+v", err, response)
		} else {
			io.Copy(io.Discard, response.Body)
		}
	}
	client.Close()
	r.until("nothing is taken", func(holdfast.GatewayState) bool { return r.gateway.bounds.heads.bytes.Load() == 0 })
}

// FuzzRequest holds what the sieve lets through to net/http's reading of it: what
// both read is written anew for a replica, which must read one request, the same,
// and where the one sees a request's end the other does.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"GET /a?b HTTP/1.1\r\nHost: shop\r\nAccept: */*\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 2\r\n\r\nok",
		"POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nok\r\n0\r\nX: y\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"GET http://x/ HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade, X\r\nUpgrade: echo\r\nX: 1\r\n\r\n",
		"GET / HTTP/1.0\r\nX : y\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n\r\nxGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := newSieve(fed{Reader: bytes.NewReader(text)}, &heads{})
		in := bufio.NewReader(s)
		for {
			sent, err := http.ReadRequest(in)
			if err == io.EOF && s.wrong == nil && s.at != unread && (s.at != inHead || s.begun) {
				t.Fatal("the sieve waits for more of a request, and net/http does not")
			}
			if err != nil || sent.Method == http.MethodConnect || sent.ProtoMajor != 1 {
				return
			}
			body, err := io.ReadAll(sent.Body)
			if err != nil {
				return
			}
			if ordinary(sent) {
				passOn(t, sent, body)
			}
			s.watch(http.StateIdle)
		}
	})
}

// passOn writes a request for a replica, and reads it there.
func passOn(t *testing.T, sent *http.Request, body []byte) {
	sent.RemoteAddr = "127.0.0.1:1"
	m := newMessage(sent, holdfast.RouteEntry{})
	var out bytes.Buffer
	c := &conn{out: bufio.NewWriter(&out)}
	c.sendHead(&m)
	to := framed{out: c.out, chunked: m.length < 0}
	to.Write(body)
	to.end(sent.Trailer)
	back := bufio.NewReader(&out)
	got, err := http.ReadRequest(back)
	if err != nil {
		t.Fatalf("a replica refuses what was passed on: %v", err)
	}
	read, err := io.ReadAll(got.Body)
	if err != nil || got.Method != sent.Method || got.RequestURI != m.target || got.Host != sent.Host || !bytes.Equal(read, body) || got.ContentLength != sent.ContentLength {
		t.Fatalf("sent %+v %q, read %+v %q %v", sent, body, got, read, err)
	}
	if back.Buffered() > 0 {
		t.Fatal("a replica has more to read")
	}
}

// What is no handshake takes nothing of what heads may take.
func TestWhatIsNoTLSIsNotCharged(t *testing.T) {
	table := tableOf(1, newReplica(t, 1, named("1")))
	table.Secured = underTLS(t)
	r := newRig(t, table)
	client, in := r.raw()
	io.WriteString(client, strings.Repeat("\r\n", 250))
	io.Copy(io.Discard, in)
	r.until("nothing is taken", func(holdfast.GatewayState) bool { return r.gateway.bounds.heads.bytes.Load() == 0 })
}
