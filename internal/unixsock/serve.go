package unixsock

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Serve serves a control socket until ctx ends. It closes l and returns nil once
// no handler runs any more and none can begin, or the reason why it could not
// serve. What is being answered when ctx ends keeps its connection for grace, and
// is waited for beyond it. The server is Serve's from here on.
func Serve(ctx context.Context, l net.Listener, server *http.Server, grace time.Duration) error {
	var asked handlers
	handler := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.enter() {
			defer asked.running.Done()
			handler.ServeHTTP(w, r)
		}
	})
	stop := context.AfterFunc(ctx, func() { l.Close() })
	err := server.Serve(l)
	failed := stop() // or it was ctx that closed l
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if server.Shutdown(bounded) != nil {
		server.Close()
	}
	asked.end()
	if failed {
		return fmt.Errorf("serve the control socket: %w", err)
	}
	return nil
}

// handlers are those that run. A WaitGroup alone would not do: a connection that
// was taken for idle can begin one while the others are waited for.
type handlers struct {
	running sync.WaitGroup

	mu   sync.Mutex
	over bool // none may begin any more
}

func (h *handlers) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.over {
		h.running.Add(1)
	}
	return !h.over
}

func (h *handlers) end() {
	h.mu.Lock()
	h.over = true
	h.mu.Unlock()
	h.running.Wait()
}
