package proc

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"
)

func sleeper(t *testing.T, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	cmd.Env = append(Baseline(os.Environ()), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
}

func TestAHandleSeesTheEndOfItsProcess(t *testing.T) {
	cmd := sleeper(t)
	ticks, err := Ticks(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	handle, err := Open(cmd.Process.Pid, ticks)
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := handle.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := handle.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	if Alive(cmd.Process.Pid, ticks) {
		t.Error("a killed process still counts as alive")
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	cmd := sleeper(t)
	ticks, _ := Ticks(cmd.Process.Pid)
	handle, err := Open(cmd.Process.Pid, ticks)
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := handle.Wait(ctx); err == nil {
		t.Fatal("waited for a living process and was told that it ended")
	}
}

func TestAReusedPidIsAStranger(t *testing.T) {
	cmd := sleeper(t)
	ticks, _ := Ticks(cmd.Process.Pid)
	if _, err := Open(cmd.Process.Pid, ticks+1); !errors.Is(err, ErrGone) {
		t.Fatalf("took hold of a process that began at another time: %v", err)
	}
}

func TestMarkedFindsOnlyOurs(t *testing.T) {
	ours := sleeper(t, Mark+"=k1/catalog-1#1")
	sleeper(t, Mark+"=k2/catalog-1#1")
	found, err := Marked("k1", "")
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || found[ours.Process.Pid] != "catalog-1#1" {
		t.Fatalf("found %v, want only %d", found, ours.Process.Pid)
	}
}

func TestAWaitThatWasGivenUpCanBeTakenUpAgain(t *testing.T) {
	cmd := sleeper(t)
	ticks, _ := Ticks(cmd.Process.Pid)
	handle, err := Open(cmd.Process.Pid, ticks)
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Close()
	impatient, giveUp := context.WithCancel(t.Context())
	giveUp()
	if err := handle.Wait(impatient); err == nil {
		t.Fatal("a living process counts as ended")
	}
	time.AfterFunc(50*time.Millisecond, func() { handle.Signal(syscall.SIGKILL) })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := handle.Wait(ctx); err != nil {
		t.Fatalf("the second wait ended with the first one's time: %v", err)
	}
}

func TestASignalReachesItsProcessAndNoOther(t *testing.T) {
	cmd := sleeper(t)
	ticks, err := Ticks(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []struct {
		pid   int
		ticks uint64
	}{{pid: cmd.Process.Pid, ticks: ticks + 1}, {pid: 0}, {pid: -cmd.Process.Pid, ticks: ticks}} {
		if err := Signal(other.pid, other.ticks, syscall.SIGKILL); !errors.Is(err, ErrGone) {
			t.Errorf("pid %d, ticks %d: %v, want %v", other.pid, other.ticks, err, ErrGone)
		}
	}
	if !Alive(cmd.Process.Pid, ticks) {
		t.Fatal("a signal meant for another reached it")
	}
	if err := Signal(cmd.Process.Pid, ticks, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.Process.Wait(); err != nil || Alive(cmd.Process.Pid, ticks) {
		t.Errorf("it was signalled and lives (%v)", err)
	}
}

func TestTheHolderOfAPortIsNamed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := uint16(listener.Addr().(*net.TCPAddr).Port)
	if pid, program, ok := Holder(port); !ok || pid != os.Getpid() || program == "" {
		t.Errorf("found %d %q %v, and it is us, %d", pid, program, ok, os.Getpid())
	}
	if ports := Listens(os.Getpid()); !slices.Contains(ports, port) {
		t.Errorf("we listen on %d, and %v was found", port, ports)
	}
	listener.Close()
	if ports := Listens(os.Getpid()); slices.Contains(ports, port) {
		t.Errorf("we no longer listen on %d, and %v was found", port, ports)
	}
	if pid, program, ok := Holder(port); ok {
		t.Errorf("nobody listens, and %d %q was found", pid, program)
	}
}
