package gateway

import (
	"bufio"
	"net/http"
	"strconv"
	"time"
)

// sendHead puts the head of a request into the connection's buffer. Errors of
// the connection show at the next flush.
func (c *conn) sendHead(m *message) error {
	if c.stream != nil {
		return c.stream.send(c, m)
	}
	out := c.out
	out.WriteString(m.method)
	out.WriteByte(' ')
	out.WriteString(m.target)
	out.WriteString(" HTTP/1.1\r\n")
	writeField(out, "Host", m.host)
	for _, f := range m.fields {
		writeField(out, f.name, f.value)
	}
	switch {
	case m.length > 0 || m.length == 0 && (m.method == "POST" || m.method == "PUT" || m.method == "PATCH"):
		out.WriteString("Content-Length: ")
		out.Write(strconv.AppendInt(out.AvailableBuffer(), m.length, 10))
		out.WriteString("\r\n")
	case m.length < 0:
		writeField(out, "Transfer-Encoding", "chunked")
		if m.trailer != "" {
			writeField(out, "Trailer", m.trailer)
		}
	}
	if m.rank != normal {
		writeField(out, priorityField, string(m.rank.priority()))
	}
	if !m.deadline.IsZero() {
		out.WriteString(timeoutField + ": ")
		out.Write(strconv.AppendInt(out.AvailableBuffer(), max(1, time.Until(m.deadline).Milliseconds()), 10))
		out.WriteString("ms\r\n")
	}
	if m.expects {
		writeField(out, "Expect", "100-continue")
	}
	if m.upgrade != "" {
		writeField(out, "Connection", "Upgrade")
		writeField(out, "Upgrade", m.upgrade)
	}
	_, err := out.WriteString("\r\n")
	return err
}

func writeField(out *bufio.Writer, name, value string) {
	out.WriteString(name)
	out.WriteString(": ")
	out.WriteString(value)
	out.WriteString("\r\n")
}

// A framed writer puts a body onto a connection as its head announced it, and
// hands every piece on at once.
type framed struct {
	out     *bufio.Writer
	chunked bool
	stream  *stream // that is ended with the body; nil for a connection
}

func (f framed) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil // an empty chunk would be the last one
	}
	if f.chunked {
		f.out.Write(strconv.AppendInt(f.out.AvailableBuffer(), int64(len(p)), 16))
		f.out.WriteString("\r\n")
	}
	n, err := f.out.Write(p)
	if f.chunked {
		f.out.WriteString("\r\n")
	}
	if err == nil {
		err = f.out.Flush()
	}
	return n, err
}

// end writes what comes after the last byte.
func (f framed) end(trailer http.Header) error {
	if f.chunked {
		f.out.WriteString("0\r\n")
		for name, values := range trailer {
			if !mayTrail(name) {
				continue
			}
			for _, value := range values {
				writeField(f.out, name, value)
			}
		}
		f.out.WriteString("\r\n")
	}
	err := f.out.Flush()
	if f.stream != nil && err == nil {
		err = f.stream.end(trailer)
	}
	return err
}
