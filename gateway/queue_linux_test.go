package gateway

import (
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"holdfast"
)

// fullQueue listens with room for one connection and fills it: whoever connects
// waits, as behind a process that is starved.
func fullQueue(t *testing.T) (address string, serve func(http.Handler)) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "listener")
	t.Cleanup(func() { file.Close() })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address = net.JoinHostPort("127.0.0.1", strconv.Itoa(name.(*syscall.SockaddrInet4).Port))
	for {
		c, err := net.DialTimeout("tcp", address, 100*time.Millisecond)
		if err != nil {
			break
		}
		t.Cleanup(func() { c.Close() })
	}
	return address, func(h http.Handler) {
		l, err := net.FileListener(file)
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: h}
		go server.Serve(l)
		t.Cleanup(func() { server.Close() })
	}
}

// A machine that stands still for a moment makes every connect late. Requests
// behind a gateway that had been killed failed with 502 although every replica
// lived: when no replica can be connected to, the last one is given more time.
func TestWhenEveryConnectIsLateTheLastOneIsWaitedFor(t *testing.T) {
	address, serve := fullQueue(t)
	table := tableOf(1)
	table.Services[0].Healthcheck.Disabled = true // a check would stand in the same queue
	table.Services[0].Endpoints = []holdfast.Endpoint{{ID: holdfast.ReplicaID{Service: "catalog", Ordinal: 1, Incarnation: 1}, Address: address}}
	r := newRig(t, table)
	answered := make(chan told, 1)
	go func() {
		got, err := r.do("POST", r.published, "/item", nil)
		if err != nil {
			got.body = err.Error()
		}
		answered <- got
	}()
	r.until("the first connect was given up", func(s holdfast.GatewayState) bool { return s.Endpoints[0].Failures == 1 })
	serve(named("1"))
	if got := <-answered; got.status != 200 || got.body != "1" {
		t.Errorf("answered %d %s", got.status, got.body)
	}
}

// Nobody waits for ever: one more try, and that is all.
func TestALateConnectIsTriedOnceMoreOnly(t *testing.T) {
	address, _ := fullQueue(t)
	table := tableOf(1)
	table.Services[0].Healthcheck.Disabled = true
	table.Services[0].Endpoints = []holdfast.Endpoint{{ID: holdfast.ReplicaID{Service: "catalog", Ordinal: 1, Incarnation: 1}, Address: address}}
	r := newRig(t, table)
	if got := r.get("/item"); got.status != http.StatusBadGateway {
		t.Errorf("answered %d %s", got.status, got.body)
	}
	state, err := r.gateway.State(t.Context())
	if err != nil || state.Endpoints[0].Tries != 2 {
		t.Errorf("%v: tried %d times, want 2", err, state.Endpoints[0].Tries)
	}
}
