package load

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/proc"

	"holdfast"
)

// probed is a plan whose probe asks an address ten times a second or more.
func probed(url, address, path string) Plan {
	p := plan(url)
	p.Rate = 20
	p.Probes = []Probe{{Name: "victim", Address: address, Path: path, Every: 20 * time.Millisecond, Timeout: 300 * time.Millisecond}}
	return p
}

// outcomes are those of one way of asking.
func outcomes(g *Generator, kept bool) []Probed {
	var found []Probed
	for _, outcome := range g.Probed() {
		if outcome.Kept == kept {
			found = append(found, outcome)
		}
	}
	return found
}

func TestProbesSayHowAVictimAnswers(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") })
	well := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	for _, c := range []struct {
		name   string
		says   func(net.Conn)
		status int
		failed Failure
	}{
		{name: "well", says: func(conn net.Conn) { io.WriteString(conn, well) }, status: 200},
		{name: "a failure is an answer", says: func(conn net.Conn) { io.WriteString(conn, strings.Replace(well, "200", "500", 1)) }, status: 500},
		{name: "nothing", says: func(conn net.Conn) { io.Copy(io.Discard, conn) }, failed: NoAnswer},
		{name: "half and no more", says: func(conn net.Conn) {
			io.WriteString(conn, well[:len(well)-1])
			io.Copy(io.Discard, conn)
		}, status: 200, failed: NoAnswer},
		{name: "half", says: func(conn net.Conn) {
			io.WriteString(conn, well[:len(well)-1])
			conn.Close()
		}, status: 200, failed: CutShort},
		{name: "no byte", says: func(conn net.Conn) { conn.Close() }, failed: CutShort},
		{name: "reset", says: func(conn net.Conn) {
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}, failed: Broken},
	} {
		t.Run(c.name, func(t *testing.T) {
			heads := make(chan string, 1000)
			s := play(t, func(conn net.Conn, requests *bufio.Reader) {
				for {
					lines, err := heard(requests)
					if err != nil {
						return
					}
					heads <- lines[0]
					c.says(conn)
				}
			})
			address := s.listener.Addr().String()
			g := start(t, probed(url, address, "/health?deep"))
			until(t, "both ways have asked", func() bool { return len(outcomes(g, false)) > 2 && len(outcomes(g, true)) > 2 })
			record := stop(t, g)
			s.route(t) // for its clean-up
			for _, outcome := range record.Probed {
				if outcome.Probe != "victim" || outcome.Status != c.status || outcome.Failed != c.failed || outcome.At == 0 || outcome.Took <= 0 {
					t.Errorf("%+v; want %d %q", outcome, c.status, c.failed)
				}
			}
			if head := <-heads; head != "GET /health?deep HTTP/1.1" {
				t.Errorf("asked %q", head)
			}
		})
	}
}

func TestAProbeKeepsOneConnectionAndMakesOthers(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") })
	s := play(t, func(conn net.Conn, requests *bufio.Reader) {
		for {
			if _, err := heard(requests); err != nil {
				return
			}
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	g := start(t, probed(url, s.listener.Addr().String(), "/"))
	until(t, "both ways have asked", func() bool { return len(outcomes(g, false)) > 5 && len(outcomes(g, true)) > 5 })
	stop(t, g)
	fresh := len(outcomes(g, false))
	if made := s.connections(); made < fresh || made > fresh+3 { // one that is kept, and those cut at the end
		t.Errorf("%d connections for %d on their own and one kept", made, fresh)
	}
	s.route(t)
}

func TestProbesToldFromEachOther(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") })
	gone := play(t, nil)
	address := gone.listener.Addr().String()
	gone.route(t)
	gone.listener.Close()
	p := probed(url, address, "/")
	// A port that drops what comes: a backlog of none that is full.
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	full := (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: at.(*syscall.SockaddrInet4).Port}).String()
	for range 2 { // the second waits for ever where the first has filled it
		if conn, err := net.DialTimeout("tcp", full, 100*time.Millisecond); err == nil {
			defer conn.Close()
		}
	}
	p.Probes = append(p.Probes,
		Probe{Name: "full", Address: full, Path: "/", Every: 20 * time.Millisecond, Timeout: 200 * time.Millisecond},
		Probe{Name: "open", Address: strings.TrimPrefix(strings.TrimSuffix(url, "/"), "http://"), Every: 20 * time.Millisecond, Timeout: time.Second})
	g := start(t, p)
	named := func(name string) (found []Probed) {
		for _, outcome := range g.Probed() {
			if outcome.Probe == name {
				found = append(found, outcome)
			}
		}
		return found
	}
	until(t, "all are heard of", func() bool { return len(named("victim")) > 2 && len(named("full")) > 2 && len(named("open")) > 2 })
	stop(t, g)
	for name, want := range map[string]Failure{"victim": Refused, "full": Unreachable, "open": ""} {
		for _, outcome := range named(name) {
			if outcome.Failed != want || name == "open" && outcome.Kept {
				t.Errorf("%+v; want %q", outcome, want)
			}
		}
	}
}

// TestAHangingProbeHidesNothing: what is asked while an earlier one waits is
// asked on time.
func TestAHangingProbeHidesNothing(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") })
	silent := play(t, func(conn net.Conn, requests *bufio.Reader) { io.Copy(io.Discard, requests) })
	p := probed(url, silent.listener.Addr().String(), "/")
	p.Probes[0].Timeout = 500 * time.Millisecond
	g := start(t, p)
	until(t, "ten asked in one another's time", func() bool { return len(outcomes(g, false)) >= 10 })
	stop(t, g)
	silent.route(t)
	fresh := outcomes(g, false)
	if first, tenth := fresh[0].At, fresh[9].At; time.Duration(tenth-first) > 450*time.Millisecond {
		t.Errorf("the tenth was asked %v after the first, want it before the first was given up", time.Duration(tenth-first))
	}
}

func TestAStopIsWitnessed(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") })
	cmd := exec.Command("sleep", "300")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	ticks, err := proc.Ticks(cmd.Process.Pid)
	if err != nil || ticks == 0 {
		t.Skip("needs /proc")
	}
	p := plan(url)
	p.Rate, p.Watch = 20, []Watch{{Pid: cmd.Process.Pid, Ticks: ticks}}
	g := start(t, p)
	for n, signal := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT, syscall.SIGSTOP} {
		before := int64(proc.Now())
		cmd.Process.Signal(signal)
		until(t, signal.String()+" is seen", func() bool { return len(g.States()) == n+1 })
		seen := g.States()[n]
		if seen.Pid != cmd.Process.Pid || seen.Stopped() != (signal == syscall.SIGSTOP) || seen.Seen < before {
			t.Errorf("%s: saw %+v", signal, seen)
		}
	}
	cmd.Process.Kill()
	until(t, "the exit is seen", func() bool { return len(g.Exits()) == 1 })
	if record := stop(t, g); len(record.States) < 3 || len(record.States) > 4 {
		t.Errorf("states: %+v", record.States)
	}
}

func TestWhatIsNoProbe(t *testing.T) {
	good := probed("http://127.0.0.1:1/", "127.0.0.1:1", "/")
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Plan){
		"no name":     func(p *Plan) { p.Probes[0].Name = "" },
		"no port":     func(p *Plan) { p.Probes[0].Address = "127.0.0.1" },
		"no host":     func(p *Plan) { p.Probes[0].Address = "a b:1" },
		"no path":     func(p *Plan) { p.Probes[0].Path = "health" },
		"too often":   func(p *Plan) { p.Probes[0].Every = time.Millisecond },
		"no patience": func(p *Plan) { p.Probes[0].Timeout = 0 },
		"for ever":    func(p *Plan) { p.Probes[0].Timeout = time.Hour },
		"too many":    func(p *Plan) { p.Probes = make([]Probe, maxProbes+1) },
		"too many in all": func(p *Plan) {
			p.Probes[0].Every, p.For = minEvery, 10*time.Minute
			p.Probes = append(p.Probes, p.Probes...)
		},
	} {
		p := probed("http://127.0.0.1:1/", "127.0.0.1:1", "/")
		if spoil(&p); p.Check() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// What a probe says of its requests reaches whoever sheds by it, on both ways.
func TestAProbeSaysHowImportantItIs(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") })
	var said atomic.Int64
	asked := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(holdfast.PriorityField) == string(holdfast.Background) {
			said.Add(1)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
	})
	p := probed(url, strings.TrimPrefix(asked, "http://"), "/")
	p.Probes[0].Priority = holdfast.Background
	g := start(t, p)
	until(t, "both ways have asked", func() bool { return len(outcomes(g, false)) > 2 && len(outcomes(g, true)) > 2 })
	stop(t, g)
	for _, outcome := range g.Probed() {
		if outcome.Status != http.StatusOK {
			t.Errorf("a request did not say it: %+v", outcome)
		}
	}
	if said.Load() < 6 {
		t.Errorf("%d requests said it", said.Load())
	}
}
