package main

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Opcodes (RFC 6455, 5.2).
const (
	more = 0
	text = 1
	blob = 2
	bye  = 8
	ping = 9
	pong = 10
)

// A frame is what goes over the wire, right or wrong.
type frame struct {
	op       byte
	part     bool // not the last of its message
	reserved byte // RSV1, RSV2, RSV3: 0x40, 0x20, 0x10
	payload  []byte
}

// bytes are the frame as a client sends it: masked.
func (f frame) bytes() []byte {
	first := f.op | f.reserved
	if !f.part {
		first |= 0x80
	}
	out := []byte{first}
	switch n := len(f.payload); {
	case n < 126:
		out = append(out, 0x80|byte(n))
	case n < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, 0x80|126), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, 0x80|127), uint64(n))
	}
	var mask [4]byte
	rand.Read(mask[:])
	out = append(out, mask[:]...)
	at := len(out)
	out = append(out, f.payload...)
	for i := range f.payload {
		out[at+i] ^= mask[i%4]
	}
	return out
}

// A socket is a WebSocket that nothing checks.
type socket struct {
	net.Conn
	in     *bufio.Reader
	answer *http.Response
}

// open asks for an upgrade. An answer other than 101 is no error.
func open(address string, fields ...string) (*socket, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	c, err := net.DialTimeout("tcp", u.Host, patience)
	if err != nil {
		return nil, err
	}
	if u.Scheme == "wss" {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	}
	c.SetDeadline(time.Now().Add(patience))
	head := "GET " + u.RequestURI() + " HTTP/1.1\r\nHost: " + u.Host + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	for _, field := range fields {
		head += field + "\r\n"
	}
	io.WriteString(c, head+"\r\n")
	s := &socket{Conn: c, in: bufio.NewReader(c)}
	s.answer, err = http.ReadResponse(s.in, nil)
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("upgrade: %w", err)
	}
	if s.answer.StatusCode == 101 && s.answer.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		c.Close()
		return nil, errors.New("upgrade: the key is answered wrongly")
	}
	return s, nil
}

func (s *socket) read() (frame, error) {
	var two [2]byte
	if _, err := io.ReadFull(s.in, two[:]); err != nil {
		return frame{}, err
	}
	f := frame{op: two[0] & 15, part: two[0]&0x80 == 0, reserved: two[0] & 0x70}
	n := uint64(two[1] & 127)
	var long [8]byte
	switch n {
	case 126:
		if _, err := io.ReadFull(s.in, long[6:]); err != nil {
			return f, err
		}
		n = binary.BigEndian.Uint64(long[:])
	case 127:
		if _, err := io.ReadFull(s.in, long[:]); err != nil {
			return f, err
		}
		n = binary.BigEndian.Uint64(long[:])
	}
	if two[1]&0x80 != 0 || n > 64<<20 {
		return f, errors.New("a masked or endless frame from a server")
	}
	f.payload = make([]byte, n)
	_, err := io.ReadFull(s.in, f.payload)
	return f, err
}

// heard is what a server said, message by message, and how it ended.
type heard struct {
	said []string // "text …", "pong …"
	code int      // of its goodbye; 0 for none
	why  string
}

// say is how a message is written down.
func say(op byte, payload []byte) string {
	name := map[byte]string{text: "text", blob: "binary", pong: "pong", ping: "ping"}[op]
	if len(payload) > 200 {
		return fmt.Sprintf("%s of %d: %x", name, len(payload), sum(payload))
	}
	return fmt.Sprintf("%s %q", name, payload)
}

func sum(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

// listen reads until the server has said so many messages, or its goodbye.
func (s *socket) listen(until int, h *heard) error {
	var whole []byte
	var op byte
	var packed bool
	for len(h.said) < until {
		f, err := s.read()
		if err != nil {
			return err
		}
		switch f.op {
		case bye:
			if h.code = 1005; len(f.payload) >= 2 {
				h.code, h.why = int(binary.BigEndian.Uint16(f.payload)), string(f.payload[2:])
			}
			return io.EOF
		case ping, pong:
			h.said = append(h.said, say(f.op, f.payload))
			continue
		case text, blob:
			op, packed = f.op, f.reserved == 0x40
		}
		if whole = append(whole, f.payload...); f.part {
			continue
		}
		if packed {
			if whole, err = unpack(whole); err != nil {
				return err
			}
		}
		h.said, whole = append(h.said, say(op, whole)), nil
	}
	return nil
}

// The tail that a packed message leaves out (RFC 7692, 7.2.1), and an empty last
// block, so that the reader finds an end.
const tail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

func unpack(b []byte) ([]byte, error) {
	return io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(b), strings.NewReader(tail))))
}

func pack(b []byte) []byte {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, flate.BestSpeed)
	w.Write(b)
	w.Flush()
	return bytes.TrimSuffix(out.Bytes(), []byte("\x00\x00\xff\xff"))
}
