package load

import (
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestWhatTheKernelHadToSendAgainIsSaid: a server whose backlog is full drops
// wishes to connect, and the kernel repeats them; a probe with an answer that
// closes is asked as well as one without.
func TestWhatTheKernelHadToSendAgainIsSaid(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = syscall.Listen(fd, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*syscall.SockaddrInet4).Port}).String()
	full := false
	for range 8 {
		conn, err := net.DialTimeout("tcp", address, 20*time.Millisecond)
		if full = err != nil; full {
			break
		}
		defer conn.Close()
	}
	if !full {
		t.Skip("this kernel takes more than its backlog")
	}
	p := probed(serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }), address, "/")
	p.Probes[0].Timeout = 10 * time.Second
	g := start(t, p)
	until(t, "its wish was dropped", func() bool { return len(g.Snapshot()) > 5 })
	socket := os.NewFile(uintptr(fd), "listener")
	defer socket.Close()
	listener, err := net.FileListener(socket)
	if err != nil {
		t.Fatal(err)
	}
	var answering sync.WaitGroup
	defer answering.Wait()
	defer listener.Close()
	answering.Go(func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			conn.(*net.TCPConn).CloseWrite()
			conn.SetReadDeadline(time.Now().Add(time.Second))
			answering.Go(func() {
				io.Copy(io.Discard, conn)
				conn.Close()
			})
		}
	})
	for _, kept := range []bool{false, true} {
		until(t, "one was answered that had to be sent again", func() bool {
			return slices.ContainsFunc(outcomes(g, kept), func(o Probed) bool { return o.Resent > 0 && o.Took > 500*time.Millisecond })
		})
	}
	stop(t, g)
}
