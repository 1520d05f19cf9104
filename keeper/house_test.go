package keeper

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/internal/proc"
)

// patience is how long a test waits for what must come. It is long because the
// machine may be busy; nothing waits it out unless it fails.
const patience = 15 * time.Second

// TestMain lets the test binary be every process the tests need: a keeper takes
// its whole process over, so it has to be one of its own.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 || strings.HasPrefix(os.Args[1], "-") {
		flag.Parse()
		flag.Set("test.parallel", "8") // they wait more than they work
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var err error
	switch os.Args[1] {
	case "keeper":
		err = beKeeper(ctx, os.Args[2])
	case "agent":
		err = beAgent(ctx, os.Args[2])
	case "gateway":
		err = beGateway(ctx, os.Args[2], true)
	case "enter":
		if err := Enter(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "holdfast:", err)
			os.Exit(ExitNotEntered)
		}
	case "heavy":
		err = beHeavy(ctx)
	case "mute-gateway":
		err = beGateway(ctx, os.Args[2], false)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// keeperOrders are what a test's keeper is started with.
type keeperOrders struct {
	State    string
	Roles    []Role
	Lifeline bool // on descriptor 3
	Stderr   bool // log to stderr instead of the file
	Guests   []string
}

func beKeeper(ctx context.Context, orders string) error {
	var o keeperOrders
	if err := json.Unmarshal([]byte(orders), &o); err != nil {
		return err
	}
	log, err := appendTo(filepath.Join(o.State, "keeper.log"))
	if err != nil {
		return err
	}
	options := Options{State: o.State, Roles: o.Roles, Log: log, Guests: o.Guests, Enter: []string{os.Args[0], "enter"}}
	if o.Lifeline {
		options.Lifeline = os.NewFile(3, "lifeline")
	}
	if o.Stderr {
		options.Log = os.Stderr
	}
	return Run(ctx, options)
}

// beAgent beats, and looks for a new keeper when it lost one.
func beAgent(ctx context.Context, socket string) error {
	return again(ctx, func() error {
		client, err := Dial(ctx, socket, Agent, 1)
		if err != nil {
			return err
		}
		defer client.Close()
		return beat(ctx, client)
	})
}

func beat(ctx context.Context, client *Client) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := client.Beat(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-client.Lost():
			return ErrLost
		case <-tick.C:
		}
	}
}

// again repeats until ctx ends.
func again(ctx context.Context, do func() error) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		do()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// beGateway answers every connection with its pid. When it lost its keeper it
// serves on, and hands its sockets to the next if it is a faithful one.
func beGateway(ctx context.Context, socket string, faithful bool) error {
	g := &testGateway{serving: map[string]*testListener{}}
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	return again(ctx, func() error {
		client, err := Dial(ctx, socket, "gateway", 0)
		if err != nil {
			return err
		}
		defer client.Close()
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		go beat(ctx, client)
		if faithful {
			if err := client.Return(ctx, g.all()); err != nil {
				return err
			}
		} else if len(g.serving) > 0 {
			<-client.Lost()
		}
		if faithful {
			go func() {
				if client.Serving(ctx) == nil {
					g.serve(nil)
					stop()
					leave()
				}
			}()
		}
		return client.Sockets(ctx, g.serve)
	})
}

type testListener struct {
	Socket
	listener net.Listener
}

type testGateway struct {
	mu      sync.Mutex
	serving map[string]*testListener
}

func (g *testGateway) all() []Socket {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []Socket
	for _, l := range g.serving {
		all = append(all, l.Socket)
	}
	return all
}

func (g *testGateway) serve(set []Socket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	wanted := map[string]bool{}
	for _, s := range set {
		key := string(s.Listener.Name) + s.Listener.Address
		wanted[key] = true
		if g.serving[key] != nil {
			s.File.Close()
			continue
		}
		listener, err := net.FileListener(s.File)
		if err != nil {
			panic(err)
		}
		g.serving[key] = &testListener{Socket: s, listener: listener}
		go answerWithPid(listener)
	}
	for key, l := range g.serving {
		if !wanted[key] {
			l.listener.Close()
			l.File.Close()
			delete(g.serving, key)
		}
	}
}

func answerWithPid(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		fmt.Fprintln(conn, os.Getpid())
		conn.Close()
	}
}

// A house is a state directory with, most of the time, a keeper.
type house struct {
	t      testing.TB
	orders keeperOrders
	cmd    *exec.Cmd
	ended  chan struct{} // closed when cmd has been waited for
	err    error         // what Wait said
}

func newHouse(t testing.TB, roles ...string) *house {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc, a subreaper and pidfds")
	}
	dir, err := os.MkdirTemp("", "keeper")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, orders: keeperOrders{State: dir}}
	for _, name := range roles {
		h.orders.Roles = append(h.orders.Roles, Role{
			Name: RoleName(strings.TrimPrefix(name, "mute-")),
			Run:  []string{os.Args[0], name, h.socket()},
			Log:  h.path(name + ".log"),
		})
	}
	t.Cleanup(h.clear)
	return h
}

func (h *house) path(name string) string { return filepath.Join(h.orders.State, name) }
func (h *house) socket() string          { return h.path(SocketName) }

// begin starts a keeper and waits until it answers.
func (h *house) begin(files ...*os.File) *Client {
	h.t.Helper()
	h.launch(os.Stderr, files...)
	return h.dial("test", 0)
}

func (h *house) launch(stderr *os.File, files ...*os.File) {
	h.t.Helper()
	orders, err := json.Marshal(h.orders)
	if err != nil {
		h.t.Fatal(err)
	}
	h.cmd = exec.Command(os.Args[0], "keeper", string(orders))
	h.cmd.Stderr, h.cmd.ExtraFiles = stderr, files
	h.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0") // a second otherwise, in every process of ours
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := h.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	cmd, ended := h.cmd, make(chan struct{})
	h.ended = ended
	go func() {
		h.err = cmd.Wait()
		close(ended)
	}()
}

// dial connects; the connection ends with the test.
func (h *house) dial(as RoleName, epoch uint64) *Client {
	h.t.Helper()
	var client *Client
	eventually(h.t, "the keeper answers", func() bool {
		var err error
		client, err = Dial(h.t.Context(), h.socket(), as, epoch)
		return err == nil
	})
	h.t.Cleanup(func() { client.Close() })
	return client
}

// kill ends the keeper as the kernel would.
func (h *house) kill() {
	h.t.Helper()
	h.cmd.Process.Kill()
	h.awaitEnd()
}

func (h *house) awaitEnd() {
	h.t.Helper()
	select {
	case <-h.ended:
	case <-time.After(patience):
		h.t.Fatal("the keeper did not end")
	}
}

func (h *house) keep() string {
	text, _ := os.ReadFile(h.path("keep"))
	return strings.TrimSpace(string(text))
}

// marked is everything that carries the house's mark.
func (h *house) marked() map[int]string {
	h.t.Helper()
	marked, err := proc.Marked(h.keep(), "")
	if err != nil {
		h.t.Fatal(err)
	}
	return marked
}

// clear ends what the test left, and fails it when the keeper's own way to do
// that leaves anything.
func (h *house) clear() {
	if h.cmd != nil {
		h.cmd.Process.Signal(syscall.SIGCONT)
		h.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-h.ended:
		case <-time.After(patience):
			h.t.Error("the keeper did not end on SIGTERM")
			h.cmd.Process.Kill()
		}
	}
	for pid, name := range h.marked() {
		if h.cmd != nil && h.cmd.ProcessState != nil && h.cmd.ProcessState.Exited() {
			h.t.Errorf("%s (pid %d) outlived its keeper's end", name, pid)
		}
		syscall.Kill(pid, syscall.SIGKILL)
	}
	if h.t.Failed() {
		log, _ := os.ReadFile(h.path("keeper.log"))
		h.t.Logf("keeper.log:\n%s", log)
	}
	os.RemoveAll(h.orders.State)
}

// spec is a replica that runs a shell script.
func (h *house) spec(name string, incarnation holdfast.Incarnation, script string) holdfast.ProcessSpec {
	id, err := holdfast.ParseReplicaID(fmt.Sprintf("%s#%d", name, incarnation))
	if err != nil {
		h.t.Fatal(err)
	}
	return holdfast.ProcessSpec{
		ID:         id,
		Run:        []string{"sh", "-c", script},
		Env:        proc.Baseline(os.Environ()),
		Dir:        h.orders.State,
		Log:        h.path(name + ".log"),
		StopSignal: "SIGTERM",
		StopGrace:  2 * time.Second,
	}
}

func start(t testing.TB, c *Client, spec holdfast.ProcessSpec) holdfast.Process {
	t.Helper()
	p, err := c.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if p.Pid == 0 || p.Ticks == 0 || p.Began == 0 || p.Exit != nil {
		t.Fatalf("started %+v, want a living process with pid, ticks and time", p)
	}
	return p
}

// A chronicle is what a follower was told.
type chronicle struct {
	mu   sync.Mutex
	told []holdfast.Process
}

func follow(t testing.TB, c *Client) *chronicle {
	t.Helper()
	told := &chronicle{}
	done := make(chan struct{})
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		defer close(done)
		c.Follow(ctx, func(p holdfast.Process) {
			told.mu.Lock()
			defer told.mu.Unlock()
			told.told = append(told.told, p)
		})
	}()
	t.Cleanup(func() { stop(); <-done })
	return told
}

// find waits until the follower was told of a state, and returns it.
func (c *chronicle) find(t testing.TB, what string, is func(holdfast.Process) bool) holdfast.Process {
	t.Helper()
	var found holdfast.Process
	eventually(t, what, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, p := range c.told {
			if is(p) {
				found = p
				return true
			}
		}
		return false
	})
	return found
}

func exited(id holdfast.ReplicaID) func(holdfast.Process) bool {
	return func(p holdfast.Process) bool { return p.ID == id && p.Exit != nil }
}

func gone(id holdfast.ReplicaID) func(holdfast.Process) bool {
	return func(p holdfast.Process) bool { return p.ID == id && p.Gone }
}

// eventually waits for something the test cannot be told of.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !is(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("in %s not seen: %s", patience, what)
		}
	}
}

// pidIn waits for a pid that a script wrote into a file.
func pidIn(t testing.TB, path string) int {
	t.Helper()
	var pid int
	eventually(t, "a pid in "+filepath.Base(path), func() bool {
		text, _ := os.ReadFile(path)
		line, _, whole := bytes.Cut(text, []byte("\n"))
		pid, _ = strconv.Atoi(string(line))
		return whole && pid > 0
	})
	return pid
}

func alive(pid int) bool {
	state, err := proc.State(pid)
	return err == nil && state != "Z"
}

// served is the pid of who answers at an address.
func served(t testing.TB, address string) int {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(patience))
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func roleState(t testing.TB, c *Client, name RoleName) RoleState {
	t.Helper()
	roles, err := c.Roles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range roles {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("no role %s in %v", name, roles)
	return RoleState{}
}

func wantRefusal(t *testing.T, err error, want holdfast.Refusal) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want: %v", err, want)
	}
}
