package faulttest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/fault/proxy"
	"holdfast/internal/proc"
	"holdfast/internal/tcp"
	"holdfast/internal/unixsock"
)

// These as the first argument make the test binary a fault proxy, or a service
// that answers. Both end with their input, and so with the test.
const (
	proxyVerb = "faulttest-proxy"
	serveVerb = "faulttest-serve"
)

// HealthPath is the path that a victim's Spare names.
const HealthPath = "/health"

func untilInputEnds() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // ends with the process at the latest
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return ctx, cancel
}

func actProxy(dir string) error {
	ctx, cancel := untilInputEnds()
	defer cancel()
	control, err := unixsock.Listen(filepath.Join(dir, proxy.SocketName))
	if err != nil {
		return err
	}
	return proxy.Run(ctx, control, proxy.Options{Record: filepath.Join(dir, "fronts.json"), Log: os.Stderr})
}

// actServer answers. With a data directory it writes to a file there for every
// answer but the health path's, and fails what it cannot write.
func actServer(data string) error {
	ctx, cancel := untilInputEnds()
	defer cancel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	store := io.Discard
	if data != "" {
		if store, err = os.Create(filepath.Join(data, "orders")); err != nil {
			return err
		}
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != HealthPath {
			if _, err := io.WriteString(store, answer); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		}
		io.WriteString(w, answer)
	})}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// answer is what a victim in a path says when it is well.
const answer = "all is well here"

// another starts the test binary as another process, in a group of its own.
func another(t testing.TB, args ...string) (cmd *exec.Cmd, said io.Reader) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(self, args...)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if _, err := cmd.StdinPipe(); err != nil { // ends with us, and so does it
		t.Fatal(err)
	}
	if said, err = cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd, said
}

// InPaths are n replicas behind one fault proxy of their own.
func InPaths(t *testing.T, n int) []holdfast.Victim { return inPaths(t, InPath, n) }

// inPaths starts n services behind one fault proxy. What is struck in a path is
// a replica of the same service as its bystander; what strikes a service has
// another service beside it.
func inPaths(t *testing.T, struck Struck, n int) []holdfast.Victim {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("silence, and telling a victim from a stranger, need Linux")
	}
	dir, err := os.MkdirTemp("", "path") // a test's own directory is too deep for a socket elsewhere
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	another(t, proxyVerb, dir)
	client := proxy.Dial(filepath.Join(dir, proxy.SocketName))
	Eventually(t, "the fault proxy answers", func() bool {
		_, err := client.State(t.Context())
		return err == nil
	})
	var all []holdfast.Victim
	for i := range n {
		victim := holdfast.Victim{
			ID:    holdfast.ReplicaID{Service: "victim", Ordinal: i + 1, Incarnation: 1},
			Proxy: filepath.Join(dir, proxy.SocketName),
			Spare: HealthPath,
		}
		if struck == Service {
			victim.ID = holdfast.ReplicaID{Service: holdfast.ServiceName(fmt.Sprintf("victim-%c", 'a'+i)), Ordinal: 1, Incarnation: 1}
		}
		server, said := another(t, serveVerb)
		line, err := bufio.NewReader(said).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		victim.Address = strings.TrimSpace(line)
		if _, err := client.Lay(t.Context(), []proxy.Path{{ID: victim.ID, Address: victim.Address, Protocol: holdfast.HTTP}}); err != nil {
			t.Fatal(err)
		}
		if struck == Service {
			victim.ID = holdfast.ReplicaID{Service: victim.ID.Service}
			all = append(all, victim)
			continue
		}
		victim.Pid = server.Process.Pid
		if victim.Ticks, err = proc.Ticks(victim.Pid); err != nil {
			t.Fatal(err)
		}
		all = append(all, victim)
	}
	return all
}

// front is where the path to a victim begins, or to the first of a service. Where
// no proxy stands, that is its own address.
func front(victim holdfast.Victim) (string, error) {
	if victim.Proxy == "" {
		return victim.Address, nil
	}
	state, err := proxy.Dial(victim.Proxy).State(context.Background())
	if err != nil {
		return "", err
	}
	for _, path := range state.Paths {
		if path.ID == victim.ID || victim.ID.Ordinal == 0 && path.ID.Service == victim.ID.Service {
			return path.Front, nil
		}
	}
	return "", proxy.ErrNoPath
}

// ask asks a victim on a connection of its own, as its gateway would.
func ask(victim holdfast.Victim, path string, patience time.Duration) (status int, took time.Duration, err error) {
	address, err := front(victim)
	if err != nil {
		return 0, 0, err
	}
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	began := time.Now()
	got, err := client.Get("http://" + address + path)
	if err != nil {
		return 0, time.Since(began), err
	}
	defer got.Body.Close()
	if _, err := io.ReadAll(got.Body); err != nil {
		return got.StatusCode, time.Since(began), err
	}
	return got.StatusCode, time.Since(began), nil
}

// groupsOf are the control groups that are named for a victim.
func groupsOf(victim holdfast.Victim) (dirs []string) {
	suffix := fmt.Sprintf("-%d-%d", victim.Pid, victim.Ticks)
	filepath.WalkDir("/sys/fs/cgroup", func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() && strings.Contains(filepath.Base(path), suffix) {
			dirs = append(dirs, path)
		}
		return nil
	})
	return dirs
}

// ownGroup tells whether a victim is in one of them, by what the kernel says of it.
func ownGroup(victim holdfast.Victim) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", victim.Pid))
	return err == nil && strings.Contains(string(text), fmt.Sprintf("-%d-%d", victim.Pid, victim.Ticks))
}

// Effects says of every fault of the catalogue how it is seen from outside.
func Effects() map[holdfast.FaultName]Effect {
	dead := func(v holdfast.Victim) bool { return !proc.Alive(v.Pid, v.Ticks) }
	fails := func(how ...error) func(holdfast.Victim) bool {
		return func(v holdfast.Victim) bool {
			_, _, err := ask(v, "/", long)
			for _, want := range how {
				if errors.Is(err, want) {
					return true
				}
			}
			return false
		}
	}
	effects := map[holdfast.FaultName]Effect{
		"kill":  {Bitten: dead, Healed: dead}, // what is dead is not put back
		"storm": {Bitten: dead, Healed: dead},
		"exit":  {Bitten: dead, Healed: dead},
		"oom":   {Bitten: dead, Healed: func(v holdfast.Victim) bool { return dead(v) && len(groupsOf(v)) == 0 }},
		"starve": {
			Bitten: func(v holdfast.Victim) bool { return len(groupsOf(v)) == 1 && ownGroup(v) },
			Healed: func(v holdfast.Victim) bool { return len(groupsOf(v)) == 0 && !dead(v) },
		},
		"hold": {Bitten: Held, Healed: func(v holdfast.Victim) bool { return !dead(v) && !Held(v) }, Traced: true},
		"disk-full": {Bitten: func(v holdfast.Victim) bool {
			status, _, err := ask(v, "/", long)
			return err == nil && status == http.StatusInternalServerError && spared(v)
		}, Healed: well, Struck: Disk, Traced: true},
		"disk-slow": {Bitten: func(v holdfast.Victim) bool {
			status, took, err := ask(v, "/", long)
			return err == nil && status == http.StatusOK && took >= time.Second && spared(v)
		}, Healed: well, Struck: Disk, Traced: true},
		"stop":  {Bitten: Stopped, Healed: func(v holdfast.Victim) bool { return !dead(v) && !Stopped(v) }},
		"delay": inPath(late(time.Second, "/")),
		"fail": inPath(func(v holdfast.Victim) bool {
			status, _, err := ask(v, "/", long)
			return err == nil && status == http.StatusInternalServerError && spared(v)
		}),
		"silence": inPath(timesOut),
		"refuse":  inPath(fails(syscall.ECONNREFUSED)),
		"reset":   inPath(fails(syscall.ECONNRESET)),
		"halve": inPath(func(v holdfast.Victim) bool {
			return fails(io.ErrUnexpectedEOF)(v) && spared(v)
		}),
		"sever": {Bitten: timesOut, Healed: well, Struck: Service}, // refused at first, and silent soon after
	}
	effects["flood"] = Effect{
		Bitten: func(v holdfast.Victim) bool { return tcp.Connected(v.Address) },
		Healed: func(v holdfast.Victim) bool { return !tcp.Connected(v.Address) }, Struck: Door,
	}
	maps.Copy(effects, linkEffects())
	return effects
}

// lapses holds a leased fault to its lease: renewed it stays in force beyond
// it, and then it is gone.
func lapses(t *testing.T, make func() holdfast.Fault, effect Effect) {
	t.Parallel()
	leased, ok := make().(holdfast.Leased)
	if !ok {
		t.Fatal("it is not leased")
	}
	victim := victims(t, effect, 1)[0]
	if err := leased.Renew(t.Context(), victim); err == nil {
		t.Error("renewed what was never injected")
	}
	if err := leased.Inject(t.Context(), victim); err != nil {
		t.Fatal(err)
	}
	last := renewed(t, leased, victim, holdfast.Lease+time.Second)
	if !effect.Bitten(victim) {
		t.Error("it does not bite beyond the lease, although it was renewed")
	}
	Eventually(t, "nothing of the fault is left", func() bool { return effect.Healed(victim) })
	if took := time.Since(last); took < holdfast.Lease/2 {
		t.Errorf("gone %v after it was renewed, the lease is %v", took, holdfast.Lease)
	}
	Eventually(t, "what has lapsed cannot be renewed", func() bool { return leased.Renew(t.Context(), victim) != nil })
	if err := leased.Undo(t.Context(), victim); err != nil { // it may have left a trace without effect
		t.Errorf("undo what had lapsed: %v", err)
	}
}

// renewed renews a fault for a time and says when it did last.
func renewed(t *testing.T, leased holdfast.Leased, victim holdfast.Victim, length time.Duration) (last time.Time) {
	t.Helper()
	enough := time.NewTimer(length)
	defer enough.Stop()
	tick := time.NewTicker(holdfast.Lease / 6)
	defer tick.Stop()
	for {
		if err := leased.Renew(t.Context(), victim); err != nil {
			t.Fatal(err)
		}
		last = time.Now()
		select {
		case <-enough.C:
			return last
		case <-tick.C:
		}
	}
}

// tracerLost takes the tracer away: dead, it has let go, and stopped, it is ended
// by an undo that does not wait for it, and renewed by nobody.
func tracerLost(t *testing.T, make func() holdfast.Fault, effect Effect) {
	t.Parallel()
	leased := make().(holdfast.Leased)
	for _, loss := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		victim := victims(t, effect, 1)[0]
		if err := leased.Inject(t.Context(), victim); err != nil {
			t.Fatal(err)
		}
		Eventually(t, "the fault bites", func() bool { return effect.Bitten(victim) })
		by, err := proc.Tracer(victim.Pid)
		if err != nil || by == 0 {
			t.Fatalf("traced by %d: %v", by, err)
		}
		syscall.Kill(by, loss)
		Eventually(t, "it is not renewed any more", func() bool { return leased.Renew(t.Context(), victim) != nil })
		if loss == syscall.SIGKILL {
			Eventually(t, "nothing of the fault is left", func() bool { return effect.Healed(victim) })
		}
		began := time.Now()
		if err := leased.Undo(t.Context(), victim); err != nil || time.Since(began) > 1500*time.Millisecond {
			t.Errorf("after the tracer's %v undone after %v: %v", loss, time.Since(began), err)
		}
		Eventually(t, "nothing of the fault is left", func() bool { return effect.Healed(victim) })
	}
}

// struckByStuckProxy strikes a victim and then stops the proxy in the path to it.
func struckByStuckProxy(t *testing.T, make func() holdfast.Fault, effect Effect) (holdfast.Victim, proxy.Identity) {
	t.Helper()
	victim := inPaths(t, effect.Struck, 1)[0]
	if err := make().Inject(t.Context(), victim); err != nil {
		t.Fatal(err)
	}
	state, err := proxy.Dial(victim.Proxy).State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	syscall.Kill(state.Pid, syscall.SIGSTOP)
	Eventually(t, "the proxy is stopped", func() bool { return Stopped(holdfast.Victim{Pid: state.Pid, Ticks: state.Ticks}) })
	return victim, state.Identity
}

// proxyLost undoes at a proxy that is stuck, which must not be waited for
// beyond what a warden has, and at one that is dead, which took the fault with
// it.
func proxyLost(t *testing.T, make func() holdfast.Fault, effect Effect) {
	t.Parallel()
	victim, stuck := struckByStuckProxy(t, make, effect)
	began := time.Now()
	err := make().Undo(t.Context(), victim)
	if took := time.Since(began); err == nil || took > 1500*time.Millisecond {
		t.Errorf("a proxy that is stopped: %v after %v, want an error within 1.5 s", err, took)
	}
	syscall.Kill(stuck.Pid, syscall.SIGKILL)
	Eventually(t, "the proxy is gone", func() bool { return make().Undo(t.Context(), victim) == nil })
	if err := make().Inject(t.Context(), victim); err == nil {
		t.Error("injected without a proxy")
	}
}

// proxyNoMatter undoes what the kernel carries out while the proxy in the path is
// stuck, and when it is dead.
func proxyNoMatter(t *testing.T, make func() holdfast.Fault, effect Effect) {
	t.Parallel()
	victim, stuck := struckByStuckProxy(t, make, effect)
	began := time.Now()
	err := make().Undo(t.Context(), victim)
	if took := time.Since(began); err != nil || took > time.Second {
		t.Errorf("with a proxy that is stopped: %v after %v", err, took)
	}
	syscall.Kill(stuck.Pid, syscall.SIGCONT)
	Eventually(t, "nothing of the fault is left", func() bool { return effect.Healed(victim) })
	syscall.Kill(stuck.Pid, syscall.SIGKILL)
	Eventually(t, "the proxy is gone", func() bool { return !proc.Alive(stuck.Pid, stuck.Ticks) })
	if err := make().Undo(t.Context(), victim); err != nil {
		t.Errorf("with a proxy that is dead: %v", err)
	}
	if err := make().Inject(t.Context(), victim); err == nil {
		t.Error("injected without a proxy")
	}
}
