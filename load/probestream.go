package load

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"holdfast/internal/proc"
	"holdfast/internal/tcp"
)

// A pipe is a connection of HTTP/2 that a probe asks on, one question at a time.
type pipe struct {
	*http.ClientConn
	transport *http.Transport
	beneath   net.Conn
}

// dialPipe makes one, and says whether it is not made or does not serve.
func (r *route) dialPipe(ctx context.Context) (*pipe, error) {
	p := &pipe{transport: r.transport().Clone()}
	p.transport.DialContext = func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		conn, err = (&net.Dialer{KeepAlive: -1}).DialContext(ctx, network, address)
		p.beneath = conn
		return conn, err
	}
	made, err := p.transport.NewClientConn(ctx, r.scheme(), r.address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConnect, err)
	}
	p.ClientConn = made
	return p, nil
}

// resent is how many packets the kernel has sent again on a connection.
func (p *pipe) resent() int {
	if socket, ok := p.beneath.(syscall.Conn); ok {
		return tcp.Resent(socket)
	}
	return 0
}

// stream asks once over HTTP/2.
func (p *probing) stream(ctx context.Context, deadline time.Time) (said echo, err error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	if p.pipe != nil && p.pipe.Err() != nil {
		p.close() // it was told to go
	}
	if p.pipe == nil {
		if p.pipe, err = p.route.dialPipe(ctx); err != nil {
			return said, err
		}
	}
	if !p.keeps {
		defer p.close()
	}
	defer p.count()
	q := p.route.get
	asked, err := q.second(ctx)
	if err != nil {
		return said, err
	}
	response, err := p.pipe.RoundTrip(asked)
	if err != nil {
		return said, err
	}
	defer response.Body.Close()
	said.first, said.status = proc.Now(), response.StatusCode
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return said, err
	}
	if q.call {
		got := answer{status: response.StatusCode}
		got.settle(response)
		said.call = got.call
	}
	return said, nil
}

// brokenStream tells a stream that its server ended from a connection that ended.
func brokenStream(err error) bool { return strings.HasPrefix(err.Error(), "stream error:") }
