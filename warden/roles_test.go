package warden

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/fault"
	"holdfast/fault/faulttest"
	"holdfast/internal/proc"
)

// The test binary is every process of a run: the warden is the real one, prove
// and the copy's keeper are as simple as can be.
func TestMain(m *testing.M) {
	faulttest.Main(faults()...)
	flag.Parse()
	var err error
	switch flag.Arg(0) {
	case "role-warden":
		err = Run(context.Background(), faults())
	case "role-prove":
		err = actProve(os.Args[2])
	case "role-keeper":
		err = actKeeper(os.Args[2], os.Args[3], os.Args[4])
	default:
		flag.Set("test.parallel", "16") // they wait for processes; few compute
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func faults() []holdfast.Fault { return fault.All() }

func self() string {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return path
}

// wardenArgv is how a warden is started here: a race-built process takes 1 s to
// exit unless it is told otherwise.
func wardenArgv() []string {
	return []string{"/usr/bin/env", "GORACE=atexit_sleep_ms=0", self(), "role-warden"}
}

// A stage is a run as the tests set it up.
type stage struct {
	Dir    string          `json:"dir"` // state directory: ledgers, logs, pids
	Keep   string          `json:"keep"`
	Keeper string          `json:"keeper"` // obedient, or stubborn: ends nothing when its lifeline does
	Fault  string          `json:"fault"`
	Victim holdfast.Victim `json:"victim"`
}

func (s stage) ledger() string { return filepath.Join(s.Dir, "run"+Suffix) }

func (s stage) copy() Copy {
	return Copy{
		Argv: []string{self(), "role-keeper", s.Keeper, s.Dir, s.Keep},
		Env:  append(proc.Baseline(os.Environ()), "GORACE=atexit_sleep_ms=0"), // see wardenArgv
		Dir:  s.Dir,
		Log:  filepath.Join(s.Dir, "keeper.log"),
		Keep: s.Keep,
	}
}

// newStage makes one, and sees to it that nothing outlives the test.
func newStage(t *testing.T, keeper string) stage {
	t.Helper()
	s := stage{
		Dir:    t.TempDir(),
		Keep:   fmt.Sprintf("k%d-%d", os.Getpid(), time.Now().UnixNano()),
		Keeper: keeper,
		Fault:  "stop",
		Victim: faulttest.Victim(t),
	}
	t.Cleanup(func() {
		for _, process := range s.processes() {
			kill(process)
		}
		(remains{keep: s.Keep}).end(context.Background(), 0)
		(remains{keep: "load-" + s.Keep}).end(context.Background(), 0)
		if log, err := os.ReadFile(filepath.Join(s.Dir, "run.log")); err == nil && len(log) > 0 {
			t.Logf("the warden said:\n%s", log)
			if strings.Contains(string(log), "DATA RACE") || strings.Contains(string(log), "panic") {
				t.Error("the warden broke")
			}
		}
	})
	return s
}

// processes are those the fake keeper wrote down: itself, its replicas, and one
// that carries no mark.
func (s stage) processes() []Identity {
	text, err := os.ReadFile(filepath.Join(s.Dir, "pids"))
	if err != nil {
		return nil
	}
	var all []Identity
	if json.Unmarshal(text, &all) != nil {
		return nil
	}
	return all
}

func (s stage) serving() bool { return len(s.processes()) > 0 }

// over says that nothing of the copy lives; the unmarked are counted where the
// warden lived to see to them.
func (s stage) over(unmarked bool) bool {
	all := s.processes()
	if !unmarked {
		all = all[:len(all)-1]
	}
	return !slices.ContainsFunc(all, Identity.alive) && len(marked(s.Keep)) == 0
}

func (s stage) healed() bool {
	return proc.Alive(s.Victim.Pid, s.Victim.Ticks) && !faulttest.Stopped(s.Victim)
}

// run is the ledger's first line.
func (s stage) run(t *testing.T) run {
	t.Helper()
	a, err := readAccount(s.ledger())
	if err != nil || a.run == nil {
		t.Fatalf("the ledger has no first line: %v", err)
	}
	return *a.run
}

// text is the ledger as it stands.
func (s stage) text(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(s.ledger())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// startProve starts a prove of its own process and returns it in the middle of
// its fault.
func startProve(t *testing.T, s stage) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self(), "role-prove", string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil { // ends with us, and so does it
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	if said, err := bufio.NewReader(out).ReadString('\n'); said != "struck\n" {
		t.Fatalf("prove said %q: %v", said, err)
	}
	return cmd
}

// actProve injects under a warden and then does nothing at all: what it does
// not put back others must.
func actProve(text string) error {
	var s stage
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	w, err := Start(ctx, wardenArgv(), s.ledger(), faults())
	if err != nil {
		return err
	}
	// Another child of prove's, such as its load: it outlives prove, and must not
	// hold the bond open in its stead.
	load := exec.Command("sleep", "30")
	load.Env = append(proc.Baseline(os.Environ()), proc.Mark+"=load-"+s.Keep+"/load")
	if err := load.Start(); err != nil {
		return err
	}
	if err := w.StartCopy(ctx, s.copy()); err != nil {
		return err
	}
	for !s.serving() {
		pause(ctx, lookEvery)
	}
	if err := strikeVictim(ctx, w, s); err != nil {
		return err
	}
	fmt.Println("struck")
	io.Copy(io.Discard, os.Stdin)
	return nil
}

func strikeVictim(ctx context.Context, w *Warden, s stage) error {
	id, err := w.Arm(ctx, Entry{Fault: holdfast.FaultName(s.Fault), Victim: s.Victim})
	if err != nil {
		return err
	}
	f, _ := find(faults(), holdfast.FaultName(s.Fault))
	if err := f.Inject(ctx, s.Victim); err != nil {
		return err
	}
	if leased, ok := f.(holdfast.Leased); ok {
		go renew(leased, s.Victim)
	}
	return w.Injected(ctx, id)
}

// renew keeps a fault in force for as long as this process runs.
func renew(leased holdfast.Leased, victim holdfast.Victim) {
	for leased.Renew(context.Background(), victim) == nil {
		pause(context.Background(), holdfast.Lease/6)
	}
}

// actKeeper starts a replica, one in a session of its own and one that lost its
// mark, and keeps its end of the bond. The stubborn one ignores every wish that
// it end.
func actKeeper(manner, dir, keep string) error {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
	lifeline, err := connection(controlFD)
	if err != nil {
		return err
	}
	own, err := identify(os.Getpid())
	if err != nil {
		return err
	}
	all := []Identity{own}
	for _, mark := range []string{keep + "/catalog-1#1", keep + "/catalog-2#1", ""} {
		replica, err := startReplica(mark)
		if err != nil {
			return err
		}
		all = append(all, replica)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "pids~"), text, 0o600); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(dir, "pids~"), filepath.Join(dir, "pids")); err != nil {
		return err
	}
	go showLife(lifeline)
	io.Copy(io.Discard, lifeline)
	if manner == "stubborn" {
		select {}
	}
	for _, replica := range all[1:] {
		kill(replica)
	}
	return nil
}

func startReplica(mark string) (Identity, error) {
	cmd := exec.Command("sleep", "300")
	cmd.Env = proc.Baseline(os.Environ())
	if mark != "" {
		cmd.Env = append(cmd.Env, proc.Mark+"="+mark)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return Identity{}, err
	}
	return identify(cmd.Process.Pid)
}

// showLife goes on after the other end is gone: the process must not end of it.
func showLife(lifeline net.Conn) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		lifeline.Write([]byte{'.'})
		<-tick.C
	}
}
