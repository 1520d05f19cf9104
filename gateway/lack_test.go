package gateway

import (
	"net/http"
	"syscall"
	"testing"

	"holdfast"
)

// withoutDescriptors runs do while this process can open nothing more.
func withoutDescriptors(t *testing.T, do func()) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	none := before
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
			t.Fatal(err)
		}
	}()
	do()
}

// A client that held all descriptors made every health check fail, and every
// replica of every service was ejected for it.
func TestAGatewayWithoutDescriptorsBlamesNobody(t *testing.T) {
	r := newRig(t, tableOf(1, newReplica(t, 1, named("1")), newReplica(t, 2, named("2"))))
	r.untilAdmitted(2)
	g := r.gateway
	g.mu.Lock()
	s := g.services["catalog"]
	endpoints := s.endpoints
	g.mu.Unlock()
	withoutDescriptors(t, func() {
		for range s.check.Retries + 1 {
			for _, e := range endpoints {
				q := &inquiry{endpoint: e, protocol: holdfast.HTTP, check: s.check, within: s.check.Timeout, connect: connectTime}
				seen := q.ask(t.Context())
				q.close()
				if seen.lack == nil {
					t.Fatalf("a check without descriptors saw %q", seen.detail)
				}
				(&watcher{gateway: g, service: s, endpoint: e}).take(seen)
			}
		}
	})
	if got := r.get("/"); got.status != http.StatusOK {
		t.Errorf("%+v", got)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range endpoints {
		if e.standing != admitted || e.checks.Misses != 0 {
			t.Errorf("%s stands at %d after %d misses: %s", e.ID, e.standing, e.checks.Misses, e.reason)
		}
	}
}
