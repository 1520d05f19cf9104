package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast"
)

// oneAtATime is a server as many a script is: it serves one connection to its
// end, and looks at the next one then.
func oneAtATime(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			serveOne(c)
		}
	}()
	t.Cleanup(func() { l.Close(); <-served })
	return l.Addr().String()
}

func serveOne(c net.Conn) {
	defer c.Close()
	request, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	io.Copy(io.Discard, request.Body)
	size := 2
	if request.URL.Path == "/big" {
		size = 32 << 20 // more than all the buffers on the way hold
	}
	fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", size)
	io.WriteString(c, strings.Repeat("x", size))
}

// A client that reads slowly, or sends slowly, holds up a server that does one
// thing at a time. Its checks are missed, and nobody is sent there; but it does
// not hang, and what is called silent may be killed.
func TestASlowClientMakesNobodyHang(t *testing.T) {
	for name, hold := range map[string]func(*testing.T, net.Conn){
		"a download that is not read": func(t *testing.T, c net.Conn) {
			fmt.Fprint(c, "GET /big HTTP/1.1\r\nHost: shop\r\n\r\n")
			if _, err := http.ReadResponse(bufio.NewReaderSize(c, 512), nil); err != nil {
				t.Error(err)
			}
		},
		"an upload that does not come": func(t *testing.T, c net.Conn) {
			fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 100000\r\n\r\nthe beginning")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table := tableOf(1)
			table.Services[0].Healthcheck = holdfast.Healthcheck{Path: "/healthz"}
			for n := range 2 {
				id := holdfast.ReplicaID{Service: "catalog", Ordinal: n + 1, Incarnation: 1}
				table.Services[0].Endpoints = append(table.Services[0].Endpoints, holdfast.Endpoint{ID: id, Address: oneAtATime(t)})
			}
			r := newRig(t, table)
			r.untilAdmitted(2)
			h := r.hear()
			c, err := net.Dial("tcp", r.published)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			hold(t, c)
			r.until("one of them misses its checks", func(s holdfast.GatewayState) bool { return s.Endpoints[0].Sign != "" || s.Endpoints[1].Sign != "" })
			<-time.After(3 * time.Second)
			for _, told := range h.everything() {
				if e, is := told.is.(holdfast.Ejected); is && e.Sign == holdfast.SignSilent {
					t.Errorf("%s is called silent: %s", e.ID, e.Detail)
				}
			}
		})
	}
}

func (h *heard) everything() []said {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]said{}, h.all...)
}
