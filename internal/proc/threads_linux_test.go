package proc

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// headless as the first argument makes the test binary a process whose first
// thread has ended.
const headless = "headless"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == headless {
		loseFirstThread()
	}
	os.Exit(m.Run())
}

func loseFirstThread() {
	go endWithInput()
	for range 100 { // whoever is not on the first thread keeps the one it is on
		missed := make(chan struct{})
		go func() {
			endFirstThread()
			close(missed)
			select {}
		}()
		<-missed
	}
	select {}
}

// endWithInput ends the process with its input. It waits for that on any thread but
// the first, which would not be there to be ended otherwise.
func endWithInput() {
	if runtime.LockOSThread(); syscall.Gettid() == syscall.Getpid() {
		go endWithInput()
	}
	endFirstThread()
	os.Stdin.Read(make([]byte, 1))
	os.Exit(0)
}

// endFirstThread ends the thread it is on, if that is the first, and else keeps it.
func endFirstThread() {
	if runtime.LockOSThread(); syscall.Gettid() == syscall.Getpid() {
		syscall.Syscall(syscall.SYS_EXIT, 0, 0, 0)
	}
}

// What a process holds is let go with its last thread, and not with its first,
// by which the kernel shows it as dead.
func TestAProcessLivesAsLongAsItsLastThread(t *testing.T) {
	cmd := exec.Command(os.Args[0], headless)
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	pid := cmd.Process.Pid
	deadline := time.Now().Add(10 * time.Second)
	for state := ""; state != "Z"; state, err = State(pid) {
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("its first thread did not end: %q, %v", state, err)
		}
	}
	ticks, err := Ticks(pid)
	if err != nil || !Alive(pid, ticks) {
		t.Fatalf("a process that runs counts as dead (%v)", err)
	}
	if err := Signal(pid, ticks, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for Alive(pid, ticks) {
		if time.Now().After(deadline) {
			t.Fatal("a killed process counts as alive")
		}
	}
}
