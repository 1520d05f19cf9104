package gateway

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// Opcodes (RFC 6455, 5.2).
const (
	wsMore   = 0
	wsText   = 1
	wsBinary = 2
	wsBye    = 8
	wsPing   = 9
	wsPong   = 10
)

// A wsFrame is one frame of a WebSocket.
type wsFrame struct {
	op      byte
	part    bool // not the last of its message
	payload []byte
}

// write writes a frame; clients mask theirs.
func (f wsFrame) write(to io.Writer, masked bool) error {
	first, mark := f.op|0x80, byte(0)
	if f.part {
		first = f.op
	}
	if masked {
		mark = 0x80
	}
	out := []byte{first}
	switch n := len(f.payload); {
	case n < 126:
		out = append(out, mark|byte(n))
	case n < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, mark|126), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, mark|127), uint64(n))
	}
	var mask [4]byte
	if masked {
		rand.Read(mask[:])
		out = append(out, mask[:]...)
	}
	for i, b := range f.payload {
		out = append(out, b^mask[i%4])
	}
	_, err := to.Write(out)
	return err
}

func readFrame(in io.Reader) (f wsFrame, err error) {
	var head [2]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return f, err
	}
	f.op, f.part = head[0]&15, head[0]&0x80 == 0
	n := uint64(head[1] & 127)
	var long [8]byte
	if n >= 126 {
		size := map[uint64]int{126: 2, 127: 8}[n]
		if _, err := io.ReadFull(in, long[8-size:]); err != nil {
			return f, err
		}
		n = binary.BigEndian.Uint64(long[:])
	}
	var mask [4]byte
	if head[1]&0x80 != 0 {
		if _, err := io.ReadFull(in, mask[:]); err != nil {
			return f, err
		}
	}
	f.payload = make([]byte, n)
	_, err = io.ReadFull(in, f.payload)
	for i := range f.payload {
		f.payload[i] ^= mask[i%4]
	}
	return f, err
}

// wsGrant answers a WebSocket's upgrade.
func wsGrant(w http.ResponseWriter, q *http.Request) (net.Conn, *bufio.ReadWriter) {
	c, both, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	key := sha1.Sum([]byte(q.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n", base64.StdEncoding.EncodeToString(key[:]))
	if protocol := q.Header.Get("Sec-WebSocket-Protocol"); protocol != "" {
		fmt.Fprintf(c, "Sec-WebSocket-Protocol: %s\r\n", protocol)
	}
	io.WriteString(c, "\r\n")
	return c, both
}

// wsEcho says every frame again, answers pings, returns a goodbye, and dies when
// it is told to.
func wsEcho(w http.ResponseWriter, q *http.Request) {
	c, both := wsGrant(w, q)
	defer c.Close()
	for {
		f, err := readFrame(both)
		if err != nil {
			return
		}
		if f.op == wsText && string(f.payload) == "die" {
			c.(gatedConn).Conn.(*net.TCPConn).SetLinger(0)
			return
		}
		if f.op == wsPing {
			f.op = wsPong
		}
		if f.write(c, false) != nil || f.op == wsBye {
			return
		}
	}
}

// upgrading tells a story to a WebSocket through a gateway, in clear text and over
// TLS.
func upgrading(t *testing.T, h http.HandlerFunc, story func(t *testing.T, r *rig, dial func() (net.Conn, *bufio.Reader))) {
	t.Run("in clear text", func(t *testing.T) {
		r := serving(t, h)
		story(t, r, r.raw)
	})
	t.Run("over TLS", func(t *testing.T) {
		table := tableOf(1, newReplica(t, 1, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if q.UserAgent() != "holdfast-check" {
				h(w, q)
			}
		})))
		table.Secured = underTLS(t)
		r := newRig(t, table)
		r.untilAdmitted(1)
		story(t, r, func() (net.Conn, *bufio.Reader) { return r.rawTLS("http/1.1") })
	})
}

const wsHead = "GET /socket HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat.v1\r\n\r\n"

// wsOpen has an upgrade granted.
func wsOpen(t *testing.T, dial func() (net.Conn, *bufio.Reader)) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, in := dial()
	io.WriteString(c, wsHead)
	answer, err := http.ReadResponse(in, nil)
	if err != nil || answer.StatusCode != 101 || answer.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" || answer.Header.Get("Sec-WebSocket-Protocol") != "chat.v1" {
		t.Fatalf("%v %+v", err, answer)
	}
	return c, in
}

// The whole suite is bench/conformance/websocket.
func TestAWebSocketIsCarried(t *testing.T) {
	upgrading(t, wsEcho, func(t *testing.T, _ *rig, dial func() (net.Conn, *bufio.Reader)) {
		c, in := wsOpen(t, dial)
		for _, n := range []int{0, 125, 126, 65535, 65536, 4 << 20} {
			for _, f := range []wsFrame{
				{op: wsBinary, payload: []byte(strings.Repeat("x", n))},
				{op: wsText, part: true, payload: []byte("in ")}, {op: wsPing, payload: []byte("there?")}, {op: wsMore, payload: []byte("parts")},
			} {
				go f.write(c, true)
				got, err := readFrame(in)
				if f.op == wsPing {
					f.op = wsPong
				}
				if err != nil || got.op != f.op || got.part != f.part || string(got.payload) != string(f.payload) {
					t.Fatalf("%d bytes: %v, opcode %d with %d bytes for %d with %d", n, err, got.op, len(got.payload), f.op, len(f.payload))
				}
			}
		}
		bye := "\x0f\xa1enough"
		wsFrame{op: wsBye, payload: []byte(bye)}.write(c, true)
		if got, err := readFrame(in); err != nil || got.op != wsBye || string(got.payload) != bye {
			t.Errorf("goodbye: %v %+v", err, got)
		}
		if _, err := in.ReadByte(); err != io.EOF {
			t.Errorf("after it: %v", err)
		}
	})
}

// Who does not wait until an upgrade is granted loses nothing that was sent.
func TestFramesThatDoNotWaitAreNotLost(t *testing.T) {
	upgrading(t, wsEcho, func(t *testing.T, _ *rig, dial func() (net.Conn, *bufio.Reader)) {
		c, in := dial()
		var both bytes.Buffer
		both.WriteString(wsHead)
		for n := range 3 {
			wsFrame{op: wsBinary, payload: bytes.Repeat([]byte{byte(n)}, 3000)}.write(&both, true)
		}
		c.Write(both.Bytes())
		if answer, err := http.ReadResponse(in, nil); err != nil || answer.StatusCode != 101 {
			t.Fatalf("%v %+v", err, answer)
		}
		for n := range 3 {
			if got, err := readFrame(in); err != nil || len(got.payload) != 3000 || got.payload[2999] != byte(n) {
				t.Errorf("frame %d: %v, %d bytes", n, err, len(got.payload))
			}
		}
	})
}

// Whose replica dies hears the end when the kernel says it, not when somebody's
// patience is over.
func TestAWebSocketEndsWithItsReplica(t *testing.T) {
	upgrading(t, wsEcho, func(t *testing.T, _ *rig, dial func() (net.Conn, *bufio.Reader)) {
		c, in := wsOpen(t, dial)
		wsFrame{op: wsText, payload: []byte("die")}.write(c, true)
		_, err := in.ReadByte()
		var late net.Error
		if err == nil || errors.As(err, &late) && late.Timeout() {
			t.Errorf("heard %v", err)
		}
	})
}

// What a replica says instead of granting an upgrade is an answer like any other,
// and the next request follows it.
func TestARefusedUpgradeIsAnAnswer(t *testing.T) {
	refuses := func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Upgrade") != "" {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "websocket")
			w.WriteHeader(http.StatusUpgradeRequired)
		}
		io.WriteString(w, "another version")
	}
	upgrading(t, refuses, func(t *testing.T, _ *rig, dial func() (net.Conn, *bufio.Reader)) {
		c, in := dial()
		for want, head := range map[int]string{http.StatusUpgradeRequired: wsHead, http.StatusOK: get + "\r\n"} {
			io.WriteString(c, head)
			answer, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			if answer.StatusCode != want || string(body) != "another version" || err != nil {
				t.Errorf("%d %q %v, want %d", answer.StatusCode, body, err, want)
			}
			if to := answer.Header.Get("Upgrade"); (to == "websocket") != (want == http.StatusUpgradeRequired) {
				t.Errorf("%d with Upgrade: %q", want, to)
			}
		}
	})
}
