package proxy

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"

	"golang.org/x/net/http2/hpack"
)

// preface is what a client of HTTP/2 begins with.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// Bounds of what is read of HTTP/2. Beyond them a connection is no longer read.
const (
	frameHead = 9
	maxFrame  = 1 << 20 // bytes; nearly everybody sends and takes 16 KiB
	maxBlock  = 1 << 20 // bytes of a head, as it came and unpacked
	maxTable  = 64 << 10
)

// The kinds of frames that matter here, and their flags (RFC 9113, 6).
const (
	frameData         = 0
	frameHeaders      = 1
	frameReset        = 3
	framePromise      = 5
	frameWindow       = 8
	frameContinuation = 9

	flagEndStream  = 1
	flagEndHeaders = 4
	flagPadded     = 8
	flagPriority   = 32
)

// Codes with which a stream is reset (RFC 9113, 7).
const (
	noError       = 0
	internalError = 2
	cancelled     = 8
)

// What is read as HTTP/2 and is none.
const (
	errFrame    = garbled2("a frame without end")
	errBlock    = garbled2("a head that cannot be read")
	errPromised = garbled2("a push that nobody asked for")
)

// A garbled2 says that what comes is not HTTP/2 as we read it.
type garbled2 string

func (g garbled2) Error() string { return "not HTTP/2: " + string(g) }

// A frame is one of HTTP/2, as it came.
type frame []byte

func (f frame) kind() byte      { return f[3] }
func (f frame) has(b byte) bool { return f[4]&b != 0 }
func (f frame) stream() uint32  { return binary.BigEndian.Uint32(f[5:]) &^ (1 << 31) }
func (f frame) payload() []byte { return f[frameHead:] }
func (f frame) endsStream() bool {
	return (f.kind() == frameHeaders || f.kind() == frameData) && f.has(flagEndStream)
}

// bare is the payload without its padding, and without the priority that nobody
// heeds any more; false where they do not fit.
func (f frame) bare() ([]byte, bool) {
	p, pad := f.payload(), 0
	if f.has(flagPadded) {
		if len(p) < 1 {
			return nil, false
		}
		pad, p = int(p[0]), p[1:]
	}
	if f.kind() == frameHeaders && f.has(flagPriority) {
		if len(p) < 5 {
			return nil, false
		}
		p = p[5:]
	}
	if pad > len(p) {
		return nil, false
	}
	return p[:len(p)-pad], true
}

// newFrame is one of ours.
func newFrame(kind, flags byte, stream uint32, payload []byte) frame {
	f := make(frame, frameHead, frameHead+len(payload))
	f[0], f[1], f[2] = byte(len(payload)>>16), byte(len(payload)>>8), byte(len(payload))
	f[3], f[4] = kind, flags
	binary.BigEndian.PutUint32(f[5:], stream)
	return append(f, payload...)
}

func resetFrame(stream, code uint32) frame {
	return newFrame(frameReset, 0, stream, size4(int(code)))
}

// size4 is a number of four bytes.
func size4(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

// frames cuts one direction of a connection into frames, through whatever pieces
// they come in.
type frames struct {
	held []byte // of a frame whose end has not come
}

// take adds a piece and returns the frames that are whole; they are valid until
// the next piece.
func (s *frames) take(piece []byte) (all []frame, err error) {
	s.held = append(s.held, piece...)
	rest := s.held
	for len(rest) >= frameHead {
		length := frameHead + (int(rest[0])<<16 | int(rest[1])<<8 | int(rest[2]))
		if length > maxFrame {
			return all, errFrame
		}
		if len(rest) < length {
			break
		}
		all, rest = append(all, frame(rest[:length:length])), rest[length:]
	}
	s.held = append([]byte(nil), rest...)
	return all, nil
}

// A block is a head or a trailer: the frames of one, put together and unpacked.
type block struct {
	stream uint32
	ends   bool // the stream, as far as its sender goes
	fields []hpack.HeaderField
}

// get is the first value of a field.
func (b block) get(name string) string {
	for _, f := range b.fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// interim tells a head after which the real one comes.
func (b block) interim() bool {
	status, _ := strconv.Atoi(b.get(":status"))
	return status >= 100 && status < 200
}

// heads puts those of one direction together. What they are packed with is
// agreed upon by all that came before: whoever reads one has to read all.
type heads struct {
	unpack *hpack.Decoder
	open   []byte
	now    block
	under  bool // its end has not come
}

func newHeads() *heads {
	unpack := hpack.NewDecoder(4<<10, nil) // until its sender says another size
	unpack.SetAllowedMaxDynamicTableSize(maxTable)
	return &heads{unpack: unpack}
}

// isPart says whether a frame is of a head.
func (f frame) isPart() bool { return f.kind() == frameHeaders || f.kind() == frameContinuation }

// take adds a part and says whether the block is whole.
func (b *heads) take(f frame) (whole bool, err error) {
	text := f.payload()
	if f.kind() == frameHeaders {
		bare, fits := f.bare()
		if !fits || b.under {
			return false, errBlock
		}
		text, b.open, b.under = bare, nil, true
		b.now = block{stream: f.stream(), ends: f.has(flagEndStream)}
	}
	if !b.under || f.stream() != b.now.stream || len(b.open)+len(text) > maxBlock {
		return false, errBlock
	}
	b.open = append(b.open, text...)
	if !f.has(flagEndHeaders) {
		return false, nil
	}
	b.under = false
	return true, b.unpacked()
}

func (b *heads) unpacked() error {
	size := 0
	b.unpack.SetEmitFunc(func(f hpack.HeaderField) {
		if size += int(f.Size()); size <= maxBlock {
			b.now.fields = append(b.now.fields, f)
		}
	})
	if _, err := b.unpack.Write(b.open); err != nil {
		return errBlock
	}
	if err := b.unpack.Close(); err != nil || size > maxBlock {
		return errBlock
	}
	return nil
}

// spell packs a block for the client, in frames of a size that everybody takes.
// It refers to nothing that was said before, so that a block may come later than
// another, or in its place.
func (b block) spell() []byte {
	var packed bytes.Buffer
	pack := hpack.NewEncoder(&packed)
	pack.SetMaxDynamicTableSize(0)
	for _, f := range b.fields {
		pack.WriteField(f)
	}
	const most = 16 << 10
	var out []byte
	kind, flags, text := byte(frameHeaders), byte(0), packed.Bytes()
	if b.ends {
		flags = flagEndStream
	}
	for len(text) > most {
		out = append(out, newFrame(kind, flags, b.stream, text[:most])...)
		kind, flags, text = frameContinuation, 0, text[most:]
	}
	return append(out, newFrame(kind, flags|flagEndHeaders, b.stream, text)...)
}

// readCall is what an answer's fate depends on, as HTTP/2 says it.
func readCall(b block) request {
	asked := request{method: b.get(":method"), target: b.get(":path"), rpc: strings.HasPrefix(b.get("content-type"), rpcType)}
	if asked.target == HealthCall && b.get("user-agent") != checker {
		// The gateway's check and a user ask for the same: what spares the one does not
		// spare the other.
		asked.target = ""
	}
	return asked
}
