package gateway

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
)

// beReplica names the variable that makes this test binary a replica.
const beReplica = "HOLDFAST_TEST_BE_REPLICA"

// TestBeAReplica is no test but a process to be stopped: it serves on the socket
// it was handed until its standard input ends.
func TestBeAReplica(t *testing.T) {
	if os.Getenv(beReplica) == "" {
		t.Skip("run by TestAStoppedProcess")
	}
	l, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: named("a process")}
	go server.Serve(l)
	io.Copy(io.Discard, os.Stdin)
	server.Close()
}

// process starts a replica that is a process of its own.
func process(t *testing.T, ordinal int) (*os.Process, holdfast.Endpoint) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd := exec.Command(os.Args[0], "-test.run=^TestBeAReplica$")
	cmd.Env = append(os.Environ(), beReplica+"=1")
	cmd.ExtraFiles = []*os.File{file}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGCONT)
		in.Close()
		cmd.Wait()
	})
	return cmd.Process, holdfast.Endpoint{ID: holdfast.ReplicaID{Service: "catalog", Ordinal: ordinal, Incarnation: 1}, Address: l.Addr().String()}
}

// A real process, stopped by a real signal: the kernel goes on to accept for it.
// It is told as missed, then as silent, and is back as soon as it goes on.
func TestAStoppedProcess(t *testing.T) {
	stopped, first := process(t, 1)
	second := newReplica(t, 2, named("2"))
	table := tableOf(1, second)
	table.Services[0].Healthcheck = holdfast.Healthcheck{}
	table.Services[0].Endpoints = append(table.Services[0].Endpoints, first)
	r := newRig(t, table)
	r.untilAdmitted(2)
	r.drive(300*time.Millisecond, r.edge, second, nil)
	h := r.hear()
	victim := &replica{id: first.ID}
	if err := stopped.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	l, control := r.drive(2*time.Second, r.edge, second, nil)
	r.needsAMachine(t, control)
	if len(l.failed) > 0 {
		t.Errorf("%d failed, the first: %s", len(l.failed), l.failed[0])
	}
	h.wanted(t, victim, 700*time.Millisecond, holdfast.SignMissed)
	h.wanted(t, victim, 1200*time.Millisecond, holdfast.SignSilent)
	if got := h.signs(victim); !strings.HasPrefix(got, "missed silent") {
		t.Errorf("told by %s", got)
	}
	stopped.Signal(syscall.SIGCONT)
	r.untilAdmitted(2)
}
