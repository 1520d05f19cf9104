// Package toy is the demo's shop: a storefront that asks a catalog, a cart and
// recommendations, and a cart that asks payments.
//
// The five are strangers to Holdfast on purpose. They import none of it, speak
// plain HTTP (or, where told, HTTP/2 or gRPC), know nothing of replicas, retries or failures, and take all they
// need from the environment, so that what holds for them holds for services
// that anybody else has written. Their flags make them misbehave in the ways
// tests need.
package toy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

const (
	headPatience = 5 * time.Second  // for a request's headers
	idlePatience = 60 * time.Second // for the next request of a connection
	stopPatience = 10 * time.Second // for the requests in flight after SIGTERM
)

// Run is a service of the shop: args[0] is its name, the rest are flags (see
// parse). It listens on $HOST:$PORT, where HOST is 127.0.0.1 unless set, and
// calls itself $REPLICA. It asks $CATALOG_URL, $CART_URL, $PAYMENTS_URL and
// $RECOMMENDATIONS_URL for what it needs of them, those that are set.
//
// It serves until ctx ends or the process gets SIGTERM or SIGINT, finishes the
// requests in flight (within 10 s) and returns nil; an error means that it did
// not serve, could not finish, or was told to fail by a flag.
func Run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	if len(args) == 0 {
		return errors.New("which service: " + known + "?")
	}
	out := &shared{to: stdout}
	habits, err := parse(args[0], args[1:], out)
	if err != nil {
		return err
	}
	replica := cmp.Or(getenv("REPLICA"), args[0])
	handler, err := open(args[0], replica, habits, getenv)
	if err != nil {
		return err
	}
	if habits.writes {
		if handler, err = stored(handler, getenv("DATA_DIR")); err != nil {
			return err
		}
	}
	if habits.ignoreTerm {
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT) // for whoever else asked to be notified, too
	} else {
		var done func()
		ctx, done = signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
		defer done()
	}
	address := net.JoinHostPort(cmp.Or(getenv("HOST"), "127.0.0.1"), getenv("PORT"))
	return habits.live(ctx, out, func(ctx context.Context) error {
		var answers http.Handler = newAdjustable(habits, handler)
		if habits.speaks == overGRPC {
			answers = caller{service: args[0], pages: answers}
		}
		return serve(ctx, replica, address, &http.Server{Handler: answers, Protocols: protocols(habits.speaks)}, out)
	})
}

// serve has a server answer requests on address until ctx ends: in order, or in the middle
// of everything when the cause is that it was told to fail.
func serve(ctx context.Context, replica, address string, server *http.Server, out io.Writer) error {
	if _, port, _ := net.SplitHostPort(address); port == "" {
		return errors.New("PORT is not set")
	}
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s listens on %s\n", replica, listener.Addr())
	server.ReadHeaderTimeout, server.IdleTimeout = headPatience, idlePatience
	broken := make(chan error, 1)
	go func() { broken <- server.Serve(listener) }()
	select {
	case err := <-broken:
		return err
	case <-ctx.Done():
	}
	defer func() { <-broken }()
	defer server.Close()
	if told := context.Cause(ctx); errors.Is(told, errTold) {
		return told
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	if err := server.Shutdown(patience); err != nil {
		return fmt.Errorf("finish the requests in flight: %w", err)
	}
	fmt.Fprintf(out, "%s stopped\n", replica)
	return nil
}

// shared lets several write whole lines to one writer.
type shared struct {
	mu sync.Mutex
	to io.Writer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.to.Write(p)
}
