package main

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/proc"
)

// Tests of this package run the program as a person does: as a process, in a
// folder with a file.

// programVariable is where TestMain says what it has built.
const programVariable = "HOLDFAST_TESTED_PROGRAM"

// TestMain is the program itself where the tests are started as one of its roles:
// what asks whether a process can be held has this program hold one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		main()
	}
	os.Exit(withProgram(m.Run))
}

// withProgram builds the program once for all tests.
func withProgram(tests func() int) int {
	dir, err := os.MkdirTemp("", "holdfast-tested-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "holdfast")
	if said, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, said)
		return 1
	}
	os.Setenv(programVariable, program)
	flag.Parse()
	if at := flag.Lookup("test.parallel"); at.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		_ = at.Value.Set(strconv.Itoa(sideBySide)) // unless somebody asked for another number
	}
	return tests()
}

const (
	// patience is how long a test waits for what must come. It is long because
	// the machine may be busy with something else, and costs nothing otherwise.
	patience = 2 * time.Minute
	// glance is how often a test looks at what nobody can tell it of.
	glance = 20 * time.Millisecond
	// lease is how long anything of a drill may outlive who started it.
	lease = 5 * time.Second
)

// A house is a folder with a holdfast.yaml, in which a test runs the program.
// When the test ends nothing may live there: what does fails it, and is ended.
type house struct {
	t       *testing.T
	dir     string
	program string   // as a person in the folder calls it
	environ []string // beside the test's own
}

// newHouse makes a folder in which file is holdfast.yaml, and ./holdfast the
// program.
func newHouse(t *testing.T, file string) *house {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, dir: dir, program: os.Getenv(programVariable)}
	h.write(defaultFile, file)
	if err := os.Symlink(h.program, filepath.Join(dir, "holdfast")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.isEmptyWithin(lease) })
	return h
}

func (h *house) write(name, text string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// run runs the program to its end.
func (h *house) run(args ...string) said {
	h.t.Helper()
	return h.start(args...).ends()
}

// start starts the program. A test that ends before it ends it as Ctrl-C does.
func (h *house) start(args ...string) *underway {
	h.t.Helper()
	return h.startProgram(h.program, args...)
}

// startProgram starts what in turn becomes the program.
func (h *house) startProgram(program string, args ...string) *underway {
	h.t.Helper()
	r := &underway{t: h.t, ended: make(chan struct{}), cmd: exec.Command(program, args...)}
	r.cmd.Dir = h.dir
	r.cmd.Env = append(os.Environ(), h.environ...)
	r.cmd.Stdout, r.cmd.Stderr = &r.stdout, &r.stderr
	// A group of its own: what the terminal sends to the tests is not for it.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	go func() {
		defer close(r.ended)
		_ = r.cmd.Wait() // its code is what is looked at
	}()
	h.t.Cleanup(r.abandon)
	return r
}

// living are the processes of the folder: they work in it or name it.
func (h *house) living() map[int]string {
	found := map[int]string{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		h.t.Skip("no /proc: what lives cannot be seen")
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		cwd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if within(cwd, h.dir) || strings.Contains(string(line), h.dir) {
			found[pid] = strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, dir+string(os.PathSeparator))
}

// role are the pids of a role's processes in the folder: "gateway", "toy
// catalog".
func (h *house) role(name string) []int {
	var pids []int
	for pid, line := range h.living() {
		if _, args, ok := strings.Cut(line, " "); ok && (args == name || strings.HasPrefix(args, name+" ")) {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// isEmptyWithin fails the test when something of the folder lives on, and ends
// it.
func (h *house) isEmptyWithin(limit time.Duration) {
	h.t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for {
		left := h.living()
		if len(left) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			for pid, line := range left {
				h.t.Errorf("still there %s after the end: pid %d, %s", limit, pid, line)
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
			return
		}
	}
}

// await waits until something holds, and fails the test when it never does.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited %s in vain until %s", patience, what)
		}
	}
}

// lives tells a process from one that ended and that nobody has reaped.
func lives(pid int) bool {
	ticks, err := proc.Ticks(pid)
	return err == nil && proc.Alive(pid, ticks)
}

// freePort is a port that nobody had a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	for {
		// Below the range in which the kernel gives ports away by itself, and
		// above the one replicas are given theirs from.
		port := 30_000 + rand.IntN(2_700)
		if listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			listener.Close()
			return port
		}
	}
}

// underway is a command that has been started.
type underway struct {
	t              *testing.T
	cmd            *exec.Cmd
	ended          chan struct{}
	stdout, stderr page
}

func (r *underway) pid() int { return r.cmd.Process.Pid }

func (r *underway) signal(signal syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(signal); err != nil {
		r.t.Fatal(err)
	}
}

// says waits until the command has printed a text, to either stream.
func (r *underway) says(text string) {
	r.t.Helper()
	await(r.t, fmt.Sprintf("it says %q; it said:\n%s%s", text, &r.stdout, &r.stderr), func() bool {
		if strings.Contains(r.stdout.String()+r.stderr.String(), text) {
			return true
		}
		select {
		case <-r.ended:
			if strings.Contains(r.stdout.String()+r.stderr.String(), text) {
				return true
			}
			r.t.Fatalf("it ended and had not said %q:\n%s%s", text, &r.stdout, &r.stderr)
		default:
		}
		return false
	})
}

// ends waits for the end of the command.
func (r *underway) ends() said {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(patience):
		r.t.Fatalf("%v has not ended after %s; it said:\n%s%s", r.cmd.Args[1:], patience, &r.stdout, &r.stderr)
	}
	return said{t: r.t, code: r.cmd.ProcessState.ExitCode(), stdout: r.stdout.String(), stderr: r.stderr.String()}
}

// abandon ends a command that a test left, in order first and then not.
func (r *underway) abandon() {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		_ = r.cmd.Process.Signal(signal)
		_ = r.cmd.Process.Signal(syscall.SIGCONT)
		select {
		case <-r.ended:
			return
		case <-time.After(30 * time.Second):
		}
	}
}

// said is what a command said, and the code it ended with.
type said struct {
	t              *testing.T
	code           int
	stdout, stderr string
}

func (s said) all() string { return s.stdout + s.stderr }

// exits insists on the exit code.
func (s said) exits(code int) said {
	s.t.Helper()
	if s.code != code {
		s.t.Fatalf("exit %d, want %d; it said:\n%s", s.code, code, s.all())
	}
	return s
}

// tells insists on texts, in either stream, wherever their lines are broken.
func (s said) tells(texts ...string) said {
	s.t.Helper()
	said := unbroken(s.all())
	for _, text := range texts {
		if !strings.Contains(said, unbroken(text)) {
			s.t.Errorf("it does not say %q:\n%s", text, s.all())
		}
	}
	return s
}

// unbroken is a text in one line, with one blank where there were more.
func unbroken(text string) string { return strings.Join(strings.Fields(text), " ") }

// A page is what a stream of a command holds so far.
type page struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *page) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(text)
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}
