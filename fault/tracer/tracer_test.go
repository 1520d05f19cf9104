//go:build linux

package tracer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/proc"
	"holdfast/internal/role"
)

// With these as the first argument the test binary is the tracer, or a victim.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 3 && os.Args[1] == Verb:
		if err := Run(os.Args[2:]); err != nil {
			os.Exit(1)
		}
	case len(os.Args) == 2 && os.Args[1] == "victim-spawns":
		spawnForEver()
	case len(os.Args) == 3 && os.Args[1] == "victim-writes":
		obeyWrites(os.Args[2])
	default:
		os.Exit(m.Run())
	}
}

// A victim is one process group, told what to do over its input.
type victim struct {
	*testing.T
	cmd   *exec.Cmd
	pid   int
	ticks uint64
	in    io.Writer
	out   *bufio.Reader
	ended chan struct{}
}

func start(t *testing.T, name string, args ...string) *victim {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	v := &victim{T: t, cmd: cmd, pid: cmd.Process.Pid, in: in, out: bufio.NewReader(out), ended: make(chan struct{})}
	if v.ticks, err = proc.Ticks(v.pid); err != nil {
		t.Fatal(err)
	}
	go func() {
		cmd.Process.Wait()
		close(v.ended)
	}()
	t.Cleanup(func() {
		syscall.Kill(-v.pid, syscall.SIGKILL)
		<-v.ended
		End(t.Context(), Hold, v.pid, v.ticks)
	})
	return v
}

func (v *victim) job(kind Kind) Job { return Job{Kind: kind, Pid: v.pid, Ticks: v.ticks} }

// begin starts a tracer, which ends with the test.
func (v *victim) begin(job Job) {
	v.Helper()
	if err := Start(v.Context(), job); err != nil {
		v.Fatal(err)
	}
	v.Cleanup(func() { v.end(job.Kind) })
}

func (v *victim) end(kind Kind) {
	v.Helper()
	if err := End(v.Context(), kind, v.pid, v.ticks); err != nil && v.Context().Err() == nil {
		v.Error(err)
	}
}

// says asks the victim one thing and waits for its answer.
func (v *victim) says(question string) string {
	v.Helper()
	fmt.Fprintln(v.in, question)
	line, err := v.out.ReadString('\n')
	if err != nil {
		v.Fatalf("%s: %v", question, err)
	}
	return strings.TrimSpace(line)
}

// states are those of all threads of all processes of the victim's group.
func (v *victim) states() string {
	tasks, err := filepath.Glob("/proc/[0-9]*/task/[0-9]*")
	if err != nil {
		v.Fatal(err)
	}
	var states strings.Builder
	for _, task := range tasks {
		var one int
		fmt.Sscan(filepath.Base(task), &one)
		if group, err := syscall.Getpgid(one); err != nil || group != v.pid {
			continue
		}
		if state, err := proc.State(one); err == nil {
			states.WriteString(state)
		}
	}
	return states.String()
}

func (v *victim) eventually(what string, holds func() bool) {
	v.Helper()
	deadline := time.After(10 * time.Second)
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-deadline:
			v.Fatalf("it is still not so that %s", what)
		}
	}
}

// spawnForEver begins threads and processes all the time, some of which last: not as
// fast as it can, which on a busy machine is faster than anybody can take hold.
func spawnForEver() {
	for {
		for range 4 {
			go func() {
				runtime.LockOSThread() // which ends with us
				<-time.After(50 * time.Millisecond)
			}()
		}
		exec.Command("true").Run()
		<-time.After(5 * time.Millisecond)
	}
}

func TestWhatBeginsMeanwhileIsHeldToo(t *testing.T) {
	v := start(t, os.Args[0], "victim-spawns")
	v.eventually("it has many threads", func() bool { return len(v.states()) > 8 })
	v.begin(v.job(Hold))
	if states := v.states(); strings.Trim(states, "tZX") != "" || states == "" {
		t.Errorf("threads in the states %s", states)
	}
	v.end(Hold)
	v.eventually("it goes on", func() bool { return strings.ContainsAny(v.states(), "RS") })
}

func TestAShellAndItsChildrenAreHeld(t *testing.T) {
	v := start(t, "sh", "-c", "sleep 300 & sleep 300; true")
	v.eventually("the shell has its two children", func() bool { return len(v.states()) == 3 })
	v.begin(v.job(Hold))
	if states := v.states(); states != "ttt" {
		t.Errorf("processes in the states %s", states)
	}
	v.end(Hold)
	v.eventually("all go on", func() bool { return v.states() == "SSS" })
}

// Supervision must see the end of what it kills: a tracer that does not take note of
// it keeps the dead from its parent.
func TestWhatIsKilledWhileItIsHeldIsToldToItsParent(t *testing.T) {
	v := start(t, "sleep", "300")
	v.begin(v.job(Hold))
	began := time.Now()
	syscall.Kill(v.pid, syscall.SIGKILL)
	select {
	case <-v.ended:
	case <-time.After(5 * time.Second):
		t.Fatal("its parent was not told")
	}
	t.Logf("told after %s", time.Since(began))
	v.eventually("the tracer has ended", func() bool {
		found, err := role.Find(name(Hold, v.pid, v.ticks))
		return err == nil && len(found) == 0
	})
}

func TestItExitsWithTheCodeAndItsParentIsTold(t *testing.T) {
	for _, program := range [][]string{{"sleep", "300"}, {os.Args[0], "victim-spawns"}, {"sh", "-c", "while :; do :; done"}} {
		v := start(t, program[0], program[1:]...)
		job := v.job(Exit)
		job.Code = 3
		if err := Start(t.Context(), job); err != nil {
			t.Fatal(err)
		}
		<-v.ended
		if proc.Alive(v.pid, v.ticks) {
			t.Errorf("%s lives", program[0])
		}
	}
	cmd := exec.Command("sleep", "300")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ticks, _ := proc.Ticks(cmd.Process.Pid)
	if err := Start(t.Context(), Job{Kind: Exit, Pid: cmd.Process.Pid, Ticks: ticks, Code: 3}); err != nil {
		cmd.Process.Kill()
		t.Error(err)
	}
	if cmd.Wait(); cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("it ended with %s", cmd.ProcessState)
	}
}

// A debugger's process is left as it is, by every kind.
func TestWhatIsTracedAlreadyIsRefusedUnchanged(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	v := start(t, "sh", "-c", "sleep 300 & sleep 300; true")
	v.eventually("the shell has its two children", func() bool { return len(v.states()) == 3 })
	children, _ := proc.Group(v.pid)
	held := children[len(children)-1] // one of the group, and not the first
	if err := ask(ptraceSeize, held, 0, 0); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []Kind{Hold, DiskFull, DiskSlow} {
		job := v.job(kind)
		job.Data = t.TempDir()
		if err := Start(t.Context(), job); !errors.Is(err, ErrTraced) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if states := v.states(); states != "SSS" {
		t.Errorf("left in the states %s", states)
	}
	if by, _ := proc.Tracer(held); by != os.Getpid() {
		t.Errorf("its tracer is %d now", by)
	}
	if err := End(t.Context(), Hold, v.pid, v.ticks); err != nil {
		t.Error(err)
	}
	if by, _ := proc.Tracer(held); by != os.Getpid() {
		t.Error("undo took a stranger's tracer away")
	}
}

// obeyWrites does what it is told in a directory, each time by a new thread.
func obeyWrites(dir string) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR2)
	orders := bufio.NewScanner(os.Stdin)
	inside, _ := os.Create(filepath.Join(dir, "inside"))
	outside, _ := os.Create(dir + "-outside")
	for orders.Scan() {
		said := make(chan error)
		go func() {
			runtime.LockOSThread() // which ends with us
			switch orders.Text() {
			case "write":
				_, err := inside.Write([]byte("order"))
				said <- err
			case "pwrite":
				_, err := inside.WriteAt([]byte("order"), 4096)
				said <- err
			case "fallocate":
				said <- syscall.Fallocate(int(inside.Fd()), 0, 0, 1<<16)
			case "copy":
				from, _ := os.Open(os.Args[0])
				_, err := io.CopyN(inside, from, 1<<16) // copy_file_range, sendfile or splice
				said <- err
			case "child":
				child := exec.Command("sh", "-c", "echo order > "+filepath.Join(dir, "child"))
				said <- child.Run()
			case "sync":
				said <- inside.Sync()
			case "create":
				made, err := os.Create(filepath.Join(dir, "more"))
				made.Close()
				said <- err
			case "outside":
				_, err := outside.Write([]byte("order"))
				said <- err
			case "signal":
				syscall.Kill(os.Getpid(), syscall.SIGUSR2)
				<-signals
				said <- nil
			}
		}()
		fmt.Println(<-said)
	}
}

func writer(t *testing.T) (v *victim, data string) {
	data = filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	return start(t, os.Args[0], "victim-writes", data), data
}

func TestAFullDiskIsFullBelowTheDataDirectoryOnly(t *testing.T) {
	v, data := writer(t)
	job := v.job(DiskFull)
	job.Data = data
	if said := v.says("write"); said != "<nil>" {
		t.Fatal(said)
	}
	v.begin(job)
	for _, order := range []string{"write", "pwrite", "fallocate", "copy"} {
		if said := v.says(order); !strings.Contains(said, "no space left on device") {
			t.Errorf("%s: %s", order, said)
		}
	}
	if said := v.says("child"); said == "<nil>" {
		t.Error("a child that began since writes")
	}
	for _, order := range []string{"create", "outside", "sync", "signal"} {
		if said := v.says(order); said != "<nil>" {
			t.Errorf("%s: %s", order, said)
		}
	}
	if info, err := os.Stat(filepath.Join(data, "inside")); err != nil || info.Size() != 5 {
		t.Errorf("the file holds %v bytes (%v), and only the first write was made", info.Size(), err)
	}
	v.end(DiskFull)
	for _, order := range []string{"write", "pwrite", "fallocate", "copy", "child"} {
		if said := v.says(order); said != "<nil>" {
			t.Errorf("%s after the undo: %s", order, said)
		}
	}
}

func TestASlowDiskIsSlowBelowTheDataDirectoryOnly(t *testing.T) {
	const slower = 200 * time.Millisecond
	v, data := writer(t)
	job := v.job(DiskSlow)
	job.Data, job.Delay = data, slower
	v.begin(job)
	took := func(order string) time.Duration {
		began := time.Now()
		if said := v.says(order); said != "<nil>" {
			t.Errorf("%s: %s", order, said)
		}
		return time.Since(began)
	}
	for _, order := range []string{"write", "pwrite", "fallocate", "sync"} {
		if d := took(order); d < slower || d > 4*slower {
			t.Errorf("%s took %s", order, d)
		}
	}
	for _, order := range []string{"outside", "create", "signal"} {
		if d := took(order); d > slower {
			t.Errorf("%s took %s", order, d)
		}
	}
	fmt.Fprintln(v.in, "write") // in the middle of which the tracer dies
	v.eventually("the call waits", func() bool { return strings.Contains(v.states(), "t") })
	v.end(DiskSlow)
	if line, err := v.out.ReadString('\n'); err != nil || line != "<nil>\n" {
		t.Errorf("the call that waited when its tracer died: %q, %v", line, err)
	}
}

// What a signal has stopped stays stopped while its calls are followed, and goes on
// when it is told to.
func TestAStopBySignalIsKept(t *testing.T) {
	v, data := writer(t)
	job := v.job(DiskFull)
	job.Data = data
	v.begin(job)
	syscall.Kill(v.pid, syscall.SIGSTOP)
	v.eventually("it is stopped", func() bool { return strings.Trim(v.states(), "tT") == "" })
	v.end(DiskFull)
	v.eventually("it is stopped without a tracer", func() bool { return strings.Trim(v.states(), "T") == "" })
	syscall.Kill(v.pid, syscall.SIGCONT)
	if said := v.says("write"); said != "<nil>" {
		t.Error(said)
	}
}

func TestAJobThatMeansNothingIsRefused(t *testing.T) {
	v := start(t, "sleep", "300")
	gone := v.job(Hold)
	gone.Ticks++
	for what, job := range map[string]Job{"no data": v.job(DiskFull), "of no kind": v.job("boredom"), "gone": gone} {
		if err := Start(t.Context(), job); err == nil {
			t.Errorf("%s: a tracer began", what)
		}
	}
	if states := v.states(); states != "S" {
		t.Errorf("left in the state %s", states)
	}
	if err := Renew(Hold, v.pid, v.ticks); err == nil {
		t.Error("renewed what was never begun")
	}
}

func TestThisHostCanHoldAProcess(t *testing.T) {
	if err := Try(t.Context()); err != nil && !errors.Is(err, ErrForbidden) {
		t.Error(err)
	}
}
