package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// read reads one answer as a try does: head, framing, body, trailer.
func read(in io.Reader, method string) (head, string, []field, error) {
	r := bufio.NewReaderSize(in, connBuffer)
	block, err := readBlock(r, nil)
	if err != nil {
		return head{}, "", nil, err
	}
	h, err := parseHead(string(block), nil)
	if err != nil {
		return h, "", nil, err
	}
	framing, length, err := h.frame(method)
	if err != nil {
		return h, "", nil, err
	}
	p := payload{in: r, framing: framing, left: length, ended: framing == noBody || framing == byLength && length == 0}
	body, err := io.ReadAll(&p)
	return h, string(body), p.trailer, err
}

func TestAnswersAsTheyAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokNEXT":                                                                   "200 ok",
		"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\nNEXT":                                                                        "200 ",
		"HTTP/1.0 200 OK\r\n\r\nto the end":                                                                                    "200 to the end",
		"HTTP/1.1 204 No Content\r\n\r\nNEXT":                                                                                  "204 ",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nNEXT":                                                           "304 ",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nok\r\n1;x=y\r\n!\r\n0\r\n\r\nNEXT":                          "200 ok!",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n00A\r\n0123456789\r\n0\r\nX-Sum: 7\r\nContent-Length: 9\r\n\r\n": "200 0123456789 X-Sum: 7",
		"HTTP/1.1 200 OK\r\nx-tab: a\tb\r\nx-empty:\r\nx-high: \xe9\r\nContent-Length:  1 \t\r\n\r\n1":                         "200 1",
	} {
		for name, in := range map[string]io.Reader{"whole": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text))} {
			h, body, trailer, err := read(in, "GET")
			got := fmt.Sprint(h.status, " ", body)
			for _, f := range trailer {
				got += " " + f.name + ": " + f.value
			}
			if err != nil || got != want {
				t.Errorf("%s %q: %q %v, want %q", name, text, got, err, want)
			}
		}
	}
}

// What can be read in two ways is refused.
func TestWhatSmugglersSend(t *testing.T) {
	const begin = "HTTP/1.1 200 OK\r\n"
	const chunked = begin + "Transfer-Encoding: chunked\r\n\r\n"
	for text, want := range map[string]error{
		begin + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":          errTwoFramings,
		begin + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc":                         errLength,
		begin + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab":                          errLength,
		begin + "Content-Length: 2, 2\r\n\r\nab":                                            errLength,
		begin + "Content-Length: +2\r\n\r\nab":                                              errLength,
		begin + "Content-Length: -2\r\n\r\nab":                                              errLength,
		begin + "Content-Length: 0x2\r\n\r\nab":                                             errLength,
		begin + "Content-Length:\r\n\r\nab":                                                 errLength,
		begin + "Content-Length: 99999999999999999999\r\n\r\nab":                            errLength,
		begin + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n":                         errEncoding,
		begin + "Transfer-Encoding: identity\r\n\r\n":                                       errEncoding,
		begin + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n":                              errEncoding,
		begin + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": errEncoding,
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":                    errEncodingForbidden,
		"HTTP/1.1 204 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":                    errEncodingForbidden,
		begin + "X: a\r\n b\r\n\r\n":                                                        errFolded,
		begin + "X: a\r\n\tb\r\n\r\n":                                                       errFolded,
		begin + "X : a\r\n\r\n":                                                             errFieldName,
		begin + ": a\r\n\r\n":                                                               errFieldName,
		begin + "no colon\r\n\r\n":                                                          errFieldName,
		begin + "X\x00: a\r\n\r\n":                                                          errFieldName,
		begin + "X: a\x00b\r\n\r\n":                                                         errFieldValue,
		begin + "X: a\x7fb\r\n\r\n":                                                         errFieldValue,
		begin + "X: a\rb\r\n\r\n":                                                           errBareLineEnd,
		begin + "X: a\nY: b\r\n\r\n":                                                        errBareLineEnd,
		begin + "X: a\r\n\n":                                                                errBareLineEnd,
		begin + "X: a\r\r\n\r\n":                                                            errBareLineEnd,
		begin + "X: " + strings.Repeat("a", maxHead) + "\r\n\r\n":                           errLongHead,
		"\r\n" + begin + "\r\n":                                                             errStatusLine,
		"HTTP/1.1  200 OK\r\n\r\n":                                                          errStatusLine,
		"HTTP/1.1 20 OK\r\n\r\n":                                                            errStatusLine,
		"HTTP/1.1 2000 OK\r\n\r\n":                                                          errStatusLine,
		"HTTP/1.1 099 OK\r\n\r\n":                                                           errStatusLine,
		"HTTP/1.1 +20 OK\r\n\r\n":                                                           errStatusLine,
		"HTTP/1.2 200 OK\r\n\r\n":                                                           errStatusLine,
		"HTTP/2.0 200 OK\r\n\r\n":                                                           errStatusLine,
		"http/1.1 200 OK\r\n\r\n":                                                           errStatusLine,
		"HTTP/1.1 200 O\x01K\r\n\r\n":                                                       errStatusLine,
		"SSH-2.0-OpenSSH_9.2\r\n\r\n":                                                       errStatusLine,
		chunked + "2\nok\r\n0\r\n\r\n":                                                      errChunk,
		chunked + "2\r\nok\n0\r\n\r\n":                                                      errChunk,
		chunked + "2\r\nokX\r\n0\r\n\r\n":                                                   errChunk,
		chunked + "2;\nok\r\n0\r\n\r\n":                                                     errChunk,
		chunked + "0x2\r\nok\r\n0\r\n\r\n":                                                  errChunk,
		chunked + "+2\r\nok\r\n0\r\n\r\n":                                                   errChunk,
		chunked + " 2\r\nok\r\n0\r\n\r\n":                                                   errChunk,
		chunked + "\r\nok\r\n0\r\n\r\n":                                                     errChunk,
		chunked + "\x12\r\nok\r\n0\r\n\r\n":                                                 errChunk,
		chunked + "1000000000000000\r\nok\r\n0\r\n\r\n":                                     errChunk,
		chunked + "2;" + strings.Repeat("x", connBuffer) + "\r\nok\r\n0\r\n\r\n":            errChunk,
		chunked + "0\r\nX : a\r\n\r\n":                                                      errFieldName,
		chunked + "0\r\nX: a\n\r\n":                                                         errBareLineEnd,
		chunked + "2\r\nok\r\n":                                                             io.ErrUnexpectedEOF,
		chunked + "2\r\nok\r\n0\r\n":                                                        io.ErrUnexpectedEOF,
		chunked + "5\r\nok":                                                                 io.ErrUnexpectedEOF,
		begin + "Content-Length: 3\r\n\r\nok":                                               io.ErrUnexpectedEOF,
		begin + "Content-Length: 3\r\n":                                                     io.ErrUnexpectedEOF,
		"":                                                                                  io.EOF,
	} {
		if _, body, _, err := read(strings.NewReader(text), "GET"); !errors.Is(err, want) {
			t.Errorf("%.80q: read as %q, error %v, want %v", text, body, err, want)
		}
	}
}

// FuzzAnswer holds our reader to the standard library's: whatever ours accepts,
// net/http must accept and understand in the same way. Net/http is the more
// lenient of the two, so the reverse does not hold.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n",
		"HTTP/1.0 200 OK\r\nX: y\r\n\r\nto the end",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b \r\nok\r\n0\r\n\r\n",
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, text []byte, get bool) {
		method := map[bool]string{true: "GET", false: "HEAD"}[get]
		ours, body, _, err := read(bytes.NewReader(text), method)
		if err != nil || ours.status < 200 {
			return
		}
		theirs, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), &http.Request{Method: method})
		if err != nil {
			t.Fatalf("accepted what net/http refuses: %v", err)
		}
		whole, err := io.ReadAll(theirs.Body)
		if err != nil || theirs.StatusCode != ours.status || string(whole) != body {
			t.Fatalf("read %d %q, net/http %d %q %v", ours.status, body, theirs.StatusCode, whole, err)
		}
	})
}

// What we write, net/http reads as what it was.
func TestARequestIsWrittenAsItIsRead(t *testing.T) {
	for _, m := range []message{
		{method: "GET", target: "/a?b=c", host: "shop:80", fields: []field{{name: "Accept", value: "*/*"}}},
		{method: "POST", target: "/", host: "shop", length: 0},
		{method: "PUT", target: "/", host: "shop", length: 11},
		{method: "PUT", target: "/", host: "shop", length: -1, trailer: "X-Sum"},
	} {
		var text bytes.Buffer
		c := &conn{out: bufio.NewWriter(&text)}
		to := framed{out: c.out, chunked: m.length < 0}
		c.sendHead(&m)
		if m.length != 0 {
			io.WriteString(to, "hello ")
			io.WriteString(to, "")
			io.WriteString(to, "world")
		}
		to.end(http.Header{"X-Sum": {"7"}})
		got, err := http.ReadRequest(bufio.NewReader(&text))
		if err != nil {
			t.Fatalf("%+v: %v", m, err)
		}
		body, err := io.ReadAll(got.Body)
		if err != nil || got.Method != m.method || got.RequestURI != m.target || got.Host != m.host || got.ContentLength != m.length {
			t.Errorf("%+v was read as %+v %v", m, got, err)
		}
		if m.length != 0 && string(body) != "hello world" || m.trailer != "" && got.Trailer.Get("X-Sum") != "7" {
			t.Errorf("%+v: body %q, trailer %v", m, body, got.Trailer)
		}
	}
}
