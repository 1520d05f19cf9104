package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"holdfast"
)

// A veil is TLS on a client's connection, below the sieve. net/http is not told
// of it: it would read what it knows to be TLS by itself, unsifted. So it sees a
// connection in clear text, and the handshake is made by its first read, within
// the time that there is for a header.
type veil struct {
	*tls.Conn
	log   *logbook
	name  string
	state *tls.ConnectionState // nil until hands were shaken; of who reads, and of handlers after it
	wrong error                // why they were not
}

// Read implements io.Reader.
func (v *veil) Read(p []byte) (int, error) {
	if v.state == nil && v.wrong == nil {
		v.wrong = v.shakeHands()
	}
	if v.wrong != nil {
		return 0, v.wrong
	}
	return v.Conn.Read(p)
}

// shakeHands agrees on how to speak. Who fails to is told by TLS itself, and
// hears nothing further.
func (v *veil) shakeHands() error {
	v.SetWriteDeadline(time.Now().Add(headerTime))
	if err := v.Handshake(); err != nil {
		v.explain(err)
		return cutOff{why: err}
	}
	v.SetWriteDeadline(time.Time{})
	state := v.ConnectionState()
	if state.NegotiatedProtocol == overTLS && prohibited(state) {
		return cutOff{why: errNotAgreed}
	}
	v.state = &state
	return nil
}

const errNotAgreed = holdfast.Refusal("this protocol was not agreed on")

// A cutOff ends a connection without a word. net/http has an answer for whatever
// else goes wrong with a request, and would write it in clear text, or in HTTP/1.1
// to who speaks HTTP/2. Only one whose time is over hears nothing.
type cutOff struct{ why error }

func (c cutOff) Error() string { return c.why.Error() }
func (cutOff) Timeout() bool   { return true }
func (cutOff) Temporary() bool { return false }

// explain says to a person why there was no handshake: to the one who spoke no
// TLS in his own words, and of the others in the log. That somebody came and went
// is no news: balancers do it to see whether we are there.
func (v *veil) explain(err error) {
	var record tls.RecordHeaderError
	switch {
	case errors.Is(err, io.EOF):
	case errors.As(err, &record) && record.Conn != nil && looksLikeHTTP(record.RecordHeader[:]):
		io.WriteString(record.Conn, "HTTP/1.0 400 Bad Request\r\nConnection: close\r\n\r\nThis port speaks HTTPS: ask it with https://\n")
	default:
		v.log.mention("%s: no TLS with %s: %v", v.name, v.RemoteAddr(), err)
	}
}

// looksLikeHTTP says whether what stands in a record's place is how a request
// begins, by its first five bytes.
func looksLikeHTTP(began []byte) bool {
	switch string(began) {
	case "GET /", "HEAD ", "POST ", "PUT /", "PATCH", "DELET", "OPTIO":
		return true
	}
	return false
}

// overTLS is HTTP/2's name where the two sides agree on it.
const overTLS = "h2"

// prohibited says whether HTTP/2 may not be spoken over the suite that was agreed
// on (RFC 9113, appendix A): over TLS 1.2 we offer those with CBC, too, because
// there are old clients, who speak HTTP/1.1.
func prohibited(state tls.ConnectionState) bool {
	return state.Version < tls.VersionTLS13 && strings.Contains(tls.CipherSuiteName(state.CipherSuite), "_CBC_")
}

// agreedHTTP2 says whether the client may speak HTTP/2, and nothing else.
func (v *veil) agreedHTTP2() bool { return v.state.NegotiatedProtocol == overTLS }

type veiled struct{}

// lift lets handlers find the veil of a request's connection.
func lift(ctx context.Context, c net.Conn) context.Context {
	if s, ok := c.(*sieve); ok && s.veil != nil {
		return context.WithValue(ctx, veiled{}, s.veil)
	}
	return ctx
}

// agreed is what a request's connection agreed on; nil in clear text.
func agreed(ctx context.Context) *tls.ConnectionState {
	if v, ok := ctx.Value(veiled{}).(*veil); ok {
		return v.state
	}
	return nil
}
