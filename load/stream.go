package load

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"holdfast"
)

// A stream is a connection of HTTP/2, which carries many requests at once.
//
// net/http speaks it, through single connections of ours: its transport would
// send a request again, unasked, that was refused or met a server going away.
// Here that is a failure, as a lost connection is: of every request on it.
type stream struct {
	*http.ClientConn
	under int  // requests on it, those that read their answers included
	kept  bool // new requests may come
}

// stream sends one request over HTTP/2 and reads the whole answer, until
// deadline at most.
func (r *route) stream(ctx context.Context, q *request, fresh bool, deadline time.Time) answer {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	on, err := r.reserve(ctx, fresh)
	if err != nil {
		return answer{protocol: "h2", err: err}
	}
	got := q.over(ctx, on)
	got.protocol = "h2"
	r.release(on, ctx.Err() != nil)
	return got
}

// over sends a request over a connection on which it has its place.
func (q *request) over(ctx context.Context, on *stream) answer {
	asked, err := q.second(ctx)
	if err != nil {
		on.Release()
		return answer{err: step("send", err)}
	}
	response, err := on.RoundTrip(asked)
	if err == nil && response.ProtoMajor != 2 {
		err = errOlder
	}
	if err != nil {
		return answer{err: step("answer", older(err))}
	}
	defer response.Body.Close()
	return q.hear(response, make([]byte, 4<<10))
}

// second is a request as net/http sends it.
func (q *request) second(ctx context.Context) (*http.Request, error) {
	host, fields := q.fields()
	asked, err := http.NewRequestWithContext(ctx, q.method, q.at.String(), strings.NewReader(q.body))
	if err != nil {
		return nil, err
	}
	asked.Host = host
	for _, field := range fields {
		asked.Header.Add(field.Name, field.Value)
	}
	return asked, nil
}

// errOlder is said of who does not speak HTTP/2.
const errOlder = holdfast.Refusal("it speaks HTTP/1.1, not HTTP/2")

// older finds that out from what net/http says of an answer that is no frame.
func older(err error) error {
	if strings.Contains(err.Error(), "looked like an HTTP/1.1 header") {
		return errOlder
	}
	return err
}

// reserve finds a place for a request: on the first kept connection that has
// one, else on a new connection. One that ended before it could be asked anything
// has answered all the same, and says why it ended.
func (r *route) reserve(ctx context.Context, fresh bool) (*stream, error) {
	if !fresh {
		if on := r.place(); on != nil {
			return on, nil
		}
	}
	made, err := r.transport().NewClientConn(ctx, r.scheme(), r.address)
	if err != nil {
		return nil, step("connect", err)
	}
	on := &stream{ClientConn: made, under: 1}
	if err := made.Reserve(); err != nil {
		defer made.Close()
		return nil, step("answer", older(cmp.Or(made.Err(), err)))
	}
	if !fresh {
		r.mu.Lock()
		defer r.mu.Unlock()
		if on.kept = len(r.streams) < maxIdle; on.kept {
			r.streams = append(r.streams, on)
		}
	}
	return on, nil
}

// place takes a place on a kept connection, and forgets those that have ended.
func (r *route) place() *stream {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, on := range slices.Clone(r.streams) {
		if on.Err() != nil {
			r.retire(on)
			continue
		}
		if on.Reserve() == nil {
			on.under++
			return on
		}
	}
	return nil
}

// release ends a request's use of a connection. One on which an answer did not
// come in time gets no more requests, as nobody goes on asking where nothing is
// heard; those under way on it have their own time.
func (r *route) release(on *stream, overdue bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if on.under--; overdue || !on.kept {
		r.retire(on)
	}
}

// retire keeps new requests off a connection, and closes it once nobody uses it.
// The route must be locked.
func (r *route) retire(on *stream) {
	on.kept = false
	r.streams = slices.DeleteFunc(r.streams, func(other *stream) bool { return other == on })
	if on.under == 0 {
		on.Close()
	}
}

func (r *route) retireAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, on := range slices.Clone(r.streams) {
		r.retire(on)
	}
}

func (r *route) scheme() string {
	if r.tls != nil {
		return "https"
	}
	return "http"
}

// transport makes the connections of a route that speak HTTP/2 and nothing else,
// from the first byte on.
func (r *route) transport() *http.Transport {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.second == nil {
		speaks := &http.Protocols{}
		speaks.SetHTTP2(r.tls != nil)
		speaks.SetUnencryptedHTTP2(r.tls == nil)
		var secured *tls.Config
		if r.tls != nil {
			secured = r.tls.Clone()
		}
		r.second = &http.Transport{
			DialContext:            (&net.Dialer{KeepAlive: -1}).DialContext,
			TLSClientConfig:        secured,
			Protocols:              speaks,
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxHead,
		}
	}
	return r.second
}
