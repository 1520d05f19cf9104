package gateway

import (
	"bufio"
	"bytes"
	"io"
	"net/textproto"
	"strconv"
	"strings"
)

// maxHead bounds the head and the trailer of an answer, in bytes.
const maxHead = 64 << 10

// maxInformational bounds the 1xx heads before an answer.
const maxInformational = 5

// garbled is an answer that is not HTTP as we accept it. Two readings of one
// message are how requests are smuggled, so whatever can be read in two ways is
// refused, even where a more lenient reader would guess right.
type garbled string

func (g garbled) Error() string { return "not a valid HTTP answer: " + string(g) }

const (
	errLongHead             = garbled("the head is longer than 64 KiB")
	errBareLineEnd          = garbled("a line does not end with CR LF")
	errStatusLine           = garbled("bad status line")
	errFolded               = garbled("a header line is folded")
	errFieldName            = garbled("bad header name")
	errFieldValue           = garbled("bad header value")
	errTwoFramings          = garbled("both Content-Length and Transfer-Encoding")
	errLength               = garbled("bad or repeated Content-Length")
	errEncoding             = garbled("Transfer-Encoding other than exactly chunked")
	errEncodingForbidden    = garbled("Transfer-Encoding where it is forbidden")
	errChunk                = garbled("bad chunk")
	errTooManyInformational = garbled("more than 5 informational answers")
	errUpgrade              = garbled("switched to a protocol nobody asked for")
)

// A head is the first part of an answer.
type head struct {
	minor  int // of HTTP/1.minor
	status int
	fields []field
}

// get is the first value of a field.
func (h *head) get(name string) string {
	for _, f := range h.fields {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

// lists says whether a comma-separated field names a token.
func (h *head) lists(name, token string) bool {
	for _, f := range h.fields {
		if f.name == name && listed([]string{f.value}, token) {
			return true
		}
	}
	return false
}

// readBlock appends the lines up to and including the first empty one to block.
// It returns io.EOF only when there was not one byte.
func readBlock(in *bufio.Reader, block []byte) ([]byte, error) {
	line := 0 // where the present line begins
	for {
		piece, err := in.ReadSlice('\n')
		block = append(block, piece...)
		if len(block) > maxHead {
			return block, errLongHead
		}
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && len(block) > 0:
			return block, io.ErrUnexpectedEOF
		case err != nil:
			return block, err
		}
		text := block[line:]
		if len(text) < 2 || text[len(text)-2] != '\r' || bytes.IndexByte(text[:len(text)-2], '\r') >= 0 {
			return block, errBareLineEnd
		}
		if len(text) == 2 {
			return block, nil
		}
		line = len(block)
	}
}

// parseHead reads a block as the head of an answer. The fields share the
// block's memory and are appended to fields.
func parseHead(block string, fields []field) (head, error) {
	first, rest, _ := strings.Cut(block, "\r\n")
	h, err := parseStatusLine(first)
	if err != nil {
		return h, err
	}
	h.fields, err = parseFields(rest, fields)
	return h, err
}

// parseStatusLine reads "HTTP/1.1 200 OK"; the reason may be missing, and is
// not kept: the status says it.
func parseStatusLine(line string) (head, error) {
	const prefix = "HTTP/1."
	if len(line) < len("HTTP/1.1 200") || !strings.HasPrefix(line, prefix) || line[len(prefix)+1] != ' ' {
		return head{}, errStatusLine
	}
	h := head{minor: int(line[len(prefix)] - '0')}
	code, reason := line[len("HTTP/1.1 "):len("HTTP/1.1 200")], line[len("HTTP/1.1 200"):]
	for _, digit := range []byte(code) {
		if digit < '0' || digit > '9' {
			return head{}, errStatusLine
		}
		h.status = h.status*10 + int(digit-'0')
	}
	if h.minor != 0 && h.minor != 1 || h.status < 100 || reason != "" && reason[0] != ' ' || !validValue(reason) {
		return head{}, errStatusLine
	}
	return h, nil
}

// parseFields reads header lines up to the empty one.
func parseFields(rest string, fields []field) ([]field, error) {
	for {
		line, after, _ := strings.Cut(rest, "\r\n")
		if line == "" {
			return fields, nil
		}
		if line[0] == ' ' || line[0] == '\t' {
			return fields, errFolded
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !validName(name) {
			return fields, errFieldName
		}
		value = strings.Trim(value, " \t")
		if !validValue(value) {
			return fields, errFieldValue
		}
		fields = append(fields, field{name: textproto.CanonicalMIMEHeaderKey(name), value: value})
		rest = after
	}
}

// validName says whether a name is a token (RFC 9110, 5.6.2).
func validName(name string) bool {
	for i := range len(name) {
		if !tokenByte(name[i]) {
			return false
		}
	}
	return name != ""
}

func tokenByte(b byte) bool {
	switch {
	case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9':
		return true
	}
	return b > ' ' && b < 0x7f && strings.IndexByte(`"(),/:;<=>?@[\]{}`, b) < 0
}

// validValue refuses control characters; the tab is none here.
func validValue(value string) bool {
	for i := range len(value) {
		if b := value[i]; b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}

// A framing says where an answer's body ends.
type framing uint8

const (
	noBody framing = iota
	byLength
	byChunks
	byClose
)

// frame decides where the body ends, as RFC 9112, 6.3 says, without its
// leniencies.
func (h *head) frame(method string) (framing, int64, error) {
	length, encoding, err := h.lengths()
	if err != nil {
		return noBody, 0, err
	}
	bodiless := h.status < 200 || h.status == 204
	switch {
	case encoding && (h.minor == 0 || bodiless):
		return noBody, 0, errEncodingForbidden
	case encoding && length >= 0:
		return noBody, 0, errTwoFramings
	case bodiless, h.status == 304, method == "HEAD":
		return noBody, 0, nil
	case encoding:
		return byChunks, 0, nil
	case length >= 0:
		return byLength, length, nil
	default:
		return byClose, 0, nil
	}
}

// lengths reads what the head says of its body: a length, or -1, and whether it
// is chunked.
func (h *head) lengths() (length int64, chunked bool, err error) {
	length = -1
	for _, f := range h.fields {
		switch f.name {
		case "Content-Length":
			n, ok := parseLength(f.value)
			if !ok || length >= 0 {
				return -1, false, errLength
			}
			length = n
		case "Transfer-Encoding":
			if chunked || !strings.EqualFold(f.value, "chunked") {
				return -1, false, errEncoding
			}
			chunked = true
		}
	}
	return length, chunked, nil
}

// parseLength reads digits and nothing else: no sign, no list.
func parseLength(text string) (int64, bool) {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}
