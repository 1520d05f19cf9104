package unixsock

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections live in this process, so that a test can
// have time of its own.
type pipes struct {
	net.Listener
	dialed chan net.Conn
	closed context.Context
	close  context.CancelFunc
}

func newPipes() *pipes {
	p := &pipes{dialed: make(chan net.Conn)}
	p.closed, p.close = context.WithCancel(context.Background())
	return p
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.dialed:
		return conn, nil
	case <-p.closed.Done():
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.close()
	return nil
}

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.dialed <- theirs
	return ours
}

// A handler that outlasts its grace has lost its connection, and what it uses
// must not be taken away from under it all the same.
func TestWhoServesWaitsForEveryHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		l, began, proceed, ended := newPipes(), make(chan struct{}), make(chan struct{}), false
		served := make(chan error, 1)
		go func() {
			served <- Serve(ctx, l, &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				close(began)
				<-proceed
				ended = true
			})}, time.Second)
		}()
		conn := l.dial()
		defer conn.Close()
		if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		<-began
		cancel()
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("it was answered before its handler ended")
		}
		synctest.Wait()
		select {
		case err := <-served:
			t.Fatalf("it returned (%v) while a handler ran", err)
		default:
		}
		close(proceed)
		if err := <-served; err != nil || !ended {
			t.Errorf("%v, the handler had ended: %v", err, ended)
		}
	})
}

func TestAListenerThatFailsIsTheReason(t *testing.T) {
	l := newPipes()
	l.Close()
	if err := Serve(t.Context(), l, &http.Server{Handler: http.NotFoundHandler()}, time.Second); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
}
