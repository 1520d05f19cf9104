package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast/fault/faulttest"
	"holdfast/internal/proc"
)

// role makes the test binary a generator's process.
const role = "HOLDFAST_LOAD_TEST_ROLE"

func TestMain(m *testing.M) {
	faulttest.Main()
	if os.Getenv(role) == "generator" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		if err := Run(ctx, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// plan is a load that is over soon unless stopped.
func plan(url string) Plan {
	return Plan{
		Seed:    1,
		Rate:    200,
		For:     time.Minute,
		Targets: []Target{{Name: "front", URL: url, Weight: 1}},
		Timeout: 3 * time.Second,
		Late:    100 * time.Millisecond,
		Fresh:   0.2,
		Cap:     2000,
	}
}

func self() []string { return []string{os.Args[0]} }

func environment(more ...string) []string {
	return append(more, role+"=generator", "GORACE=atexit_sleep_ms=0")
}

func now() time.Duration { return proc.Now() }

func start(t *testing.T, plan Plan, env ...string) *Generator {
	t.Helper()
	g, err := Start(t.Context(), self(), environment(env...), plan)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Stop(context.Background()) })
	return g
}

func stop(t *testing.T, g *Generator) Record {
	t.Helper()
	record, err := g.Stop(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return record
}

// watched says, of each process to be watched, whether it is held.
func watched(g *Generator) []Watched {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.record.Watched)
}

// until waits for something to become true.
func until(t *testing.T, what string, true func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !true() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func needsLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("start times and states of processes are read from /proc")
	}
}

func serve(t testing.TB, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func TestALoadKeepsItsRate(t *testing.T) {
	t.Parallel()
	var served atomic.Int64
	p := plan(serve(t, func(w http.ResponseWriter, r *http.Request) { served.Add(1) }))
	p.For = 2 * time.Second
	g := start(t, p)
	until(t, "the load to end by itself", func() bool { return g.Snapshot() != nil && len(g.Snapshot()) == 400 })
	record := stop(t, g)
	if len(record.Results) != 400 || served.Load() != 400 {
		t.Fatalf("%d results of %d requests served, want 400 of both", len(record.Results), served.Load())
	}
	for n, result := range record.Results {
		if due := record.Began + int64(n)*int64(5*time.Millisecond); result.Intended != due {
			t.Fatalf("arrival %d due at %d, want %d", n, result.Intended, due)
		}
		if result.Failed { // late they may be, on a busy machine
			t.Fatalf("a healthy server failed somebody: %+v", result)
		}
		if result.Sent < result.Intended || result.Ended < result.Sent {
			t.Fatalf("not in order: %+v", result)
		}
	}
	if record.P50 <= 0 || record.P50 > record.P99 || record.P99 > record.Max || record.LagP99 > record.LagMax {
		t.Errorf("quantiles out of order: %+v", summary(record))
	}
	fresh := 0
	for _, result := range record.Results {
		if result.Fresh {
			fresh++
		}
	}
	if fresh < 50 || fresh > 110 {
		t.Errorf("%d of 400 on a fresh connection, want about 80", fresh)
	}
	t.Logf("%s", summary(record))
}

func summary(r Record) string {
	return fmt.Sprintf("%d results, lag p99 %s max %s, took p50 %s p99 %s max %s, %+v",
		len(r.Results), r.LagP99, r.LagMax, r.P50, r.P99, r.Max, Impact(r.Results))
}

// TestAStallIsSeenByThoseWhoDoNotWait is the reason for the open model: a server
// that stands still for one second of four stands still for a quarter of its
// users, of whom a closed loop asks almost none.
//
// What a busy machine cannot change is asserted always; what it can, only when
// the generator was on time.
func TestAStallIsSeenByThoseWhoDoNotWait(t *testing.T) {
	const late = 100 * time.Millisecond
	var closed Tally
	var ended sync.WaitGroup
	other := &stall{began: proc.Now()}
	ended.Go(func() { closed = closedLoop(serve(t, other.serve), 10, 4*time.Second, late) })
	stalled := &stall{began: proc.Now()}
	p := plan(serve(t, stalled.serve))
	p.For, p.Late = 4*time.Second, late
	g := start(t, p)
	until(t, "the load to end by itself", func() bool { return len(g.Snapshot()) == 800 })
	record := stop(t, g)
	ended.Wait()
	open := Impact(record.Results)
	t.Logf("open: %s; closed: %+v", summary(record), closed)

	first, last := int64(stalled.began+stallFrom), int64(stalled.began+stallTo-late)
	for _, result := range record.Results {
		if result.Intended > first && result.Intended < last && !result.Late {
			t.Errorf("due %s into the stall, and not late: %+v", time.Duration(result.Intended-first), result)
		}
	}
	if whole, ok := Whole(record.Results, record.Began, time.Second); ok && whole < last {
		t.Errorf("whole %s before the last who must have waited", time.Duration(last-whole))
	}
	if calm := record.LagMax < 15*time.Millisecond; calm && (open.Share() < 0.2 || open.Share() > 0.3 || closed.Share() > 0.02) {
		t.Errorf("open %s, closed %s; want a quarter, and hardly any", open.Share(), closed.Share())
	}
}

const (
	stallFrom = 1500 * time.Millisecond
	stallTo   = 2500 * time.Millisecond
)

// A stall is a server that answers in 2 ms, but for one second nobody.
type stall struct{ began time.Duration }

func (s *stall) serve(w http.ResponseWriter, r *http.Request) {
	wait := 2 * time.Millisecond
	if since := proc.Now() - s.began; since > stallFrom && since < stallTo {
		wait = stallTo - since
	}
	<-time.After(wait)
}

// closedLoop is what most load generators do, for comparison.
func closedLoop(url string, workers int, length, late time.Duration) (sum Tally) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
	defer client.CloseIdleConnections()
	var mu sync.Mutex
	var all sync.WaitGroup
	end := time.Now().Add(length)
	for range workers {
		all.Go(func() {
			for time.Now().Before(end) {
				began := time.Now()
				response, err := client.Get(url)
				if err == nil {
					io.Copy(io.Discard, response.Body)
					response.Body.Close()
				}
				mu.Lock()
				sum.count(Result{Failed: err != nil, Late: err == nil && time.Since(began) > late})
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return sum
}

func TestTheCapIsReported(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	p := plan(serve(t, func(w http.ResponseWriter, r *http.Request) { <-release }))
	p.Cap, p.For = 20, 300*time.Millisecond
	g := start(t, p)
	until(t, "arrivals beyond the cap", func() bool { return len(g.Snapshot()) == 40 })
	close(release)
	record := stop(t, g)
	if record.Capped != 40 || len(record.Results) != 60 {
		t.Fatalf("capped %d of %d, want 40 of 60", record.Capped, len(record.Results))
	}
	if last := record.Results[59]; !last.Failed || last.Error != notSent {
		t.Errorf("an arrival that was not sent did not fail: %+v", last)
	}
}

func anybody(Result) bool { return true }

// TestWhoeverWaitsIsNotWhole holds back one answer among many good ones.
func TestWhoeverWaitsIsNotWhole(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	release := make(chan struct{})
	p := plan(serve(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 20 {
			<-release
		}
	}))
	p.Timeout, p.Late = 20*time.Second, 19*time.Second
	g := start(t, p)
	until(t, "what has come back to be whole", func() bool {
		_, ok := Whole(g.Snapshot(), g.Began(), time.Second/2)
		return ok
	})
	if at, ok := g.WholeOf(anybody, g.Began(), time.Second/2); ok {
		t.Errorf("whole at %s while somebody waits", time.Duration(at-g.Began()))
	}
	close(release)
	until(t, "users to be whole", func() bool { _, ok := g.WholeOf(anybody, g.Began(), time.Second/2); return ok })
}

func TestAGeneratorEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	g, err := Start(ctx, []string{os.Args[0]}, []string{role + "=generator"}, plan(serve(t, func(w http.ResponseWriter, r *http.Request) {})))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	<-g.Done()
	if _, err := g.Stop(t.Context()); err == nil {
		t.Error("a record cut off is given out as whole")
	}
}

func TestTheWitnessSeesAKill(t *testing.T) {
	needsLinux(t)
	t.Parallel()
	victim := exec.Command("sleep", "60")
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	defer victim.Wait()
	defer victim.Process.Kill()
	ticks, err := proc.Ticks(victim.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	p := plan(serve(t, func(w http.ResponseWriter, r *http.Request) {}))
	p.Watch = []Watch{{Pid: victim.Process.Pid, Ticks: ticks}, {Pid: victim.Process.Pid, Ticks: ticks + 1}}
	g := start(t, p)
	if held := watched(g); len(held) != 2 || held[0].Error != "" || held[1].Error != proc.ErrGone.Error() {
		t.Fatalf("watched before the load: %+v, want the first held and the second gone", held)
	}
	before := int64(proc.Now())
	victim.Process.Kill()
	until(t, "the exit to be witnessed", func() bool { return len(g.Exits()) == 1 })
	after := int64(proc.Now())
	record := stop(t, g)
	if exit := record.Exits[0]; exit.Pid != victim.Process.Pid || exit.Seen < before || exit.Seen > after {
		t.Errorf("witnessed %+v, want pid %d between %d and %d", exit, victim.Process.Pid, before, after)
	}
	t.Logf("seen after %s", time.Duration(record.Exits[0].Seen-before))
}

func TestAKilledGeneratorIsAnErrorAndNoHang(t *testing.T) {
	needsLinux(t)
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			g := start(t, plan(serve(t, func(w http.ResponseWriter, r *http.Request) {})))
			until(t, "some results", func() bool { return len(g.Snapshot()) > 10 })
			g.command.Process.Signal(signal)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if signal == syscall.SIGSTOP {
				until(t, "the generator to stand still", func() bool {
					state, _ := proc.State(g.command.Process.Pid)
					return state == "T"
				})
				// It cannot be told from a slow one but by patience.
				ctx, cancel = context.WithTimeout(ctx, 200*time.Millisecond)
				defer cancel()
			} else {
				<-g.Done()
			}
			record, err := g.Stop(ctx)
			if err == nil || len(record.Results) <= 10 {
				t.Fatalf("got %d results and %v, want what there is and an error", len(record.Results), err)
			}
			if again, err := g.Stop(ctx); err == nil || len(again.Results) != len(record.Results) {
				t.Errorf("the second Stop differs: %d results, %v", len(again.Results), err)
			}
			if _, err := proc.Ticks(g.command.Process.Pid); !errors.Is(err, proc.ErrGone) {
				t.Errorf("the process is still there: %v", err)
			}
			t.Log(err)
		})
	}
}

func TestStartSaysWhyThereIsNoLoad(t *testing.T) {
	t.Parallel()
	good := plan("http://127.0.0.1:1/")
	for name, c := range map[string]struct {
		argv []string
		plan Plan
		want string
	}{
		"no such program": {argv: []string{"/nowhere/holdfast"}, plan: good, want: "no such file"},
		"a stranger":      {argv: []string{"sh", "-c", "echo it is not me >&2; exit 3"}, plan: good, want: "it is not me"},
		"a talker":        {argv: []string{"echo", "hello"}, plan: good, want: "cannot be read"},
		"a bad plan":      {argv: []string{os.Args[0]}, plan: Plan{}, want: "plan of the load"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Start(t.Context(), c.argv, []string{"PATH=" + os.Getenv("PATH")}, c.plan); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestAFailureIsNotAskedAgain counts executions. The second request of every
// connection is executed and its connection closed without an answer: net/http
// asks again, unasked, and its user never learns that there was a failure.
func TestAFailureIsNotAskedAgain(t *testing.T) {
	t.Parallel()
	asked := func(ask func(url string)) (executed int64) {
		var count atomic.Int64
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var conns sync.WaitGroup
		conns.Go(func() {
			for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
				conns.Go(func() { answerOnce(conn, &count) })
			}
		})
		ask("http://" + listener.Addr().String() + "/")
		listener.Close()
		conns.Wait()
		return count.Load()
	}
	var record Record
	if executed := asked(func(url string) {
		p := plan(url)
		p.Fresh, p.Rate, p.For = 0, 100, 400*time.Millisecond
		g := start(t, p)
		until(t, "40 results", func() bool { return len(g.Snapshot()) == 40 })
		record = stop(t, g)
	}); executed != 40 {
		t.Errorf("40 requests were executed %d times", executed)
	}
	if failed := Impact(record.Results).Failed; failed < 5 || failed > 20 {
		t.Errorf("%d failed, want about half", failed)
	}
	if i := slices.IndexFunc(record.Results, func(r Result) bool { return r.Failed }); i >= 0 && record.Results[i].Error != "answer: connection closed" {
		t.Errorf("failed with %q", record.Results[i].Error)
	}
	if executed := asked(func(url string) {
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		for range 10 {
			if response, err := client.Get(url); err != nil {
				t.Errorf("net/http: %v", err)
			} else {
				response.Body.Close()
			}
		}
	}); executed <= 10 {
		t.Errorf("net/http's 10 requests were executed %d times: then this server proves nothing", executed)
	}
}

// answerOnce answers the first request of a connection and executes the second
// without an answer.
func answerOnce(conn net.Conn, executed *atomic.Int64) {
	defer conn.Close()
	request := make([]byte, 4096)
	for n := range 2 {
		if _, err := conn.Read(request); err != nil {
			return
		}
		executed.Add(1)
		if n == 0 {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	}
}
