package gateway

import (
	"bufio"
	"bytes"
	"io"
	"strings"
)

// A payload reads the body of an answer to its end and not a byte further. It
// returns io.EOF only at the end its framing demands.
type payload struct {
	in      *bufio.Reader
	framing framing
	left    int64 // of the body, or of the present chunk
	inside  bool  // a chunk was begun and its line end is still to come
	ended   bool
	block   []byte
	trailer []field
}

// ready says that the next Read will not wait. Between two chunks it takes a
// whole line for that: the end of one chunk often comes long before the next.
func (p *payload) ready() bool {
	if p.ended || p.in.Buffered() == 0 {
		return p.ended
	}
	if p.framing != byChunks || p.left > 0 {
		return true
	}
	buffered, _ := p.in.Peek(p.in.Buffered())
	if p.inside {
		buffered = buffered[min(len("\r\n"), len(buffered)):]
	}
	if bytes.HasPrefix(buffered, []byte("0")) {
		return bytes.Contains(buffered, []byte("\r\n\r\n"))
	}
	return bytes.IndexByte(buffered, '\n') >= 0
}

// Read implements io.Reader.
func (p *payload) Read(b []byte) (int, error) {
	if p.ended {
		return 0, io.EOF
	}
	switch p.framing {
	case byLength:
		return p.readLength(b)
	case byChunks:
		return p.readChunk(b)
	default:
		n, err := p.in.Read(b)
		p.ended = err == io.EOF
		return n, err
	}
}

func (p *payload) readLength(b []byte) (int, error) {
	n, err := p.readPart(b)
	if p.ended = p.left == 0; p.ended {
		return n, nil
	}
	return n, err
}

// readPart reads from what is left of a known length.
func (p *payload) readPart(b []byte) (int, error) {
	n, err := p.in.Read(b[:min(int64(len(b)), p.left)])
	p.left -= int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (p *payload) readChunk(b []byte) (int, error) {
	if p.left == 0 {
		if err := p.nextChunk(); err != nil || p.ended {
			return 0, orEOF(err)
		}
	}
	return p.readPart(b)
}

func orEOF(err error) error {
	if err == nil {
		return io.EOF
	}
	return err
}

// nextChunk reads up to the first byte of the next chunk, or to the end of the
// trailer after the last one.
func (p *payload) nextChunk() error {
	if p.inside {
		if line, err := p.readLine(); err != nil || line != "" {
			return orGarbled(err)
		}
	}
	line, err := p.readLine()
	if err != nil {
		return err
	}
	size, ok := parseChunkSize(line)
	if !ok {
		return errChunk
	}
	p.left, p.inside = size, true
	if size > 0 {
		return nil
	}
	return p.readTrailer()
}

func orGarbled(err error) error {
	if err == nil {
		return errChunk
	}
	return err
}

// readLine reads one line of the chunked coding, at most as long as the
// buffer.
func (p *payload) readLine() (string, error) {
	line, err := p.in.ReadSlice('\n')
	switch {
	case err == bufio.ErrBufferFull:
		return "", errChunk
	case err == io.EOF:
		return "", io.ErrUnexpectedEOF
	case err != nil:
		return "", err
	}
	text, ok := strings.CutSuffix(string(line), "\r\n")
	if !ok || strings.IndexByte(text, '\r') >= 0 {
		return "", errChunk
	}
	return text, nil
}

// parseChunkSize reads a chunk's size. Extensions are allowed and dropped:
// nobody uses them but smugglers. Fifteen digits are a petabyte and cannot
// overflow.
func parseChunkSize(line string) (int64, bool) {
	digits, extension, extended := strings.Cut(line, ";")
	if extended {
		digits = strings.TrimRight(digits, " \t")
	}
	if digits == "" || len(digits) > 15 || !validValue(extension) {
		return 0, false
	}
	var size int64
	for i := range len(digits) {
		v := strings.IndexByte("0123456789abcdef", digits[i]|0x20)
		if v < 0 || digits[i] < '0' {
			return 0, false
		}
		size = size<<4 | int64(v)
	}
	return size, true
}

// readTrailer reads the fields after the last chunk. Those that would change
// what was said before the body are dropped.
func (p *payload) readTrailer() error {
	block, err := readBlock(p.in, p.block[:0])
	p.block = block
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	fields, err := parseFields(string(block), nil)
	if err != nil {
		return err
	}
	for _, f := range fields {
		if mayTrail(f.name) {
			p.trailer = append(p.trailer, f)
		}
	}
	p.ended = true
	return nil
}
