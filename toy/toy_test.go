package toy

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// role makes the test binary a service of the shop.
const role = "TOY_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(role) == "service" {
		if err := Run(context.Background(), os.Args[1:], os.Getenv, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A service is one of the shop, running.
type service struct {
	t      *testing.T
	cmd    *exec.Cmd
	lines  chan string // what it prints; closed when it has ended
	url    string
	exited error
}

// start runs a service on a free port.
func start(t *testing.T, env []string, args ...string) *service {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append([]string{role + "=service", "PORT=0", "PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0"}, env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, cmd: cmd, lines: make(chan string)}
	go func() {
		defer close(s.lines)
		for printed := bufio.NewScanner(out); printed.Scan(); {
			s.lines <- printed.Text()
		}
		s.exited = cmd.Wait()
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		s.ended()
	})
	return s
}

// line waits for a line that begins with prefix and returns the rest.
func (s *service) line(prefix string) string {
	s.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				s.t.Fatalf("ended (%v) without a line %q", s.exited, prefix)
			}
			if rest, found := strings.CutPrefix(line, prefix); found {
				return rest
			}
		case <-deadline:
			s.t.Fatalf("waited in vain for a line %q", prefix)
		}
	}
}

// listening waits until it listens.
func (s *service) listening(replica string) *service {
	s.t.Helper()
	s.url = "http://" + s.line(replica+" listens on ")
	return s
}

// ended waits until it has ended and returns how.
func (s *service) ended() error {
	for range s.lines {
	}
	return s.exited
}

func get(t *testing.T, url string) (int, page) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var p page
	if json.Unmarshal(text, &p) != nil {
		p.Error = strings.TrimSpace(string(text))
	}
	return response.StatusCode, p
}

func TestTheShop(t *testing.T) {
	t.Parallel()
	catalog := start(t, []string{"REPLICA=catalog-2"}, "catalog").listening("catalog-2")
	cart := start(t, nil, "cart").listening("cart")
	front := start(t, []string{"CATALOG_URL=" + catalog.url, "CART_URL=" + cart.url + "/"}, "storefront").listening("storefront")

	status, p := get(t, front.url+"/")
	if status != 200 || !strings.Contains(string(p.Catalog), `"catalog-2"`) || !strings.Contains(string(p.Cart), `"brass compass"`) || p.Replica != "storefront" {
		t.Fatalf("got %d %+v", status, p)
	}
	if status, p := get(t, catalog.url+"/"); status != 200 || p.Replica != "catalog-2" || len(p.Items) == 0 {
		t.Errorf("catalog: got %d %+v", status, p)
	}
	if status, _ := get(t, front.url+"/nowhere"); status != 404 {
		t.Errorf("an unknown page: got %d", status)
	}

	cart.cmd.Process.Kill()
	cart.ended()
	if status, p := get(t, front.url+"/"); status != 502 || !strings.HasPrefix(p.Error, "cart: ") {
		t.Errorf("without its cart: got %d %+v, want 502 that names the cart", status, p)
	}
	if status, _ := get(t, front.url+"/healthz"); status != 200 {
		t.Errorf("/healthz without the cart: got %d, want 200: it is well itself", status)
	}
}

// Each page of the storefront fails with what it needs, and with nothing else.
func TestPagesNeedDifferentThings(t *testing.T) {
	t.Parallel()
	payments := start(t, nil, "payments").listening("payments")
	well := map[string]*service{
		"catalog":         start(t, nil, "catalog").listening("catalog"),
		"cart":            start(t, []string{"PAYMENTS_URL=" + payments.url}, "cart").listening("cart"),
		"recommendations": start(t, nil, "recommendations").listening("recommendations"),
	}
	for lost, broken := range map[string][]string{"": nil, "catalog": {"/", "/browse"}, "cart": {"/", "/basket"}, "recommendations": {"/", "/browse"}} {
		var env []string
		for name, s := range well {
			if url := s.url; name != lost {
				env = append(env, strings.ToUpper(name)+"_URL="+url)
			} else {
				env = append(env, strings.ToUpper(name)+"_URL=http://127.0.0.1:1")
			}
		}
		front := start(t, env, "storefront").listening("storefront")
		for _, path := range []string{"/", "/browse", "/basket", "/about"} {
			want := 200
			if slices.Contains(broken, path) {
				want = 502
			}
			if status, p := get(t, front.url+path); status != want || want == 502 && !strings.HasPrefix(p.Error, lost+": ") {
				t.Errorf("without %q %s answers %d %+v, want %d", lost, path, status, p, want)
			}
		}
	}
	if _, p := get(t, well["cart"].url+"/"); !strings.Contains(string(p.Payments), "invoice") {
		t.Errorf("the cart's page has no payments: %+v", p)
	}
	payments.cmd.Process.Kill()
	payments.ended()
	if status, p := get(t, well["cart"].url+"/"); status != 502 || !strings.HasPrefix(p.Error, "payments: ") {
		t.Errorf("a cart without payments: %d %+v", status, p)
	}
}

func TestAStorefrontAloneServes(t *testing.T) {
	t.Parallel()
	front := start(t, nil, "storefront").listening("storefront")
	if status, p := get(t, front.url+"/"); status != 200 || p.Catalog != nil || p.Cart != nil {
		t.Errorf("got %d %+v", status, p)
	}
}

func TestABadAnswerOfADependencyIsNamed(t *testing.T) {
	t.Parallel()
	for name, catalog := range map[string]http.HandlerFunc{
		"answered 503":                        func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) },
		"answered something that is not JSON": func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>") },
	} {
		server := httptest.NewServer(catalog)
		defer server.Close()
		front := start(t, []string{"CATALOG_URL=" + server.URL}, "storefront").listening("storefront")
		if status, p := get(t, front.url+"/"); status != 502 || !strings.HasPrefix(p.Error, "catalog: "+name) {
			t.Errorf("got %d %q, want 502 and %q", status, p.Error, name)
		}
	}
}

// TestStoppingFinishesWhatIsInFlight stops a storefront while its catalog lets
// it wait.
func TestStoppingFinishesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-release
		io.WriteString(w, "{}")
	}))
	defer slow.Close()
	front := start(t, []string{"CATALOG_URL=" + slow.URL}, "storefront").listening("storefront")
	status := make(chan int, 1)
	go func() {
		defer close(status)
		response, err := http.Get(front.url + "/")
		if err != nil {
			t.Error(err)
			return
		}
		response.Body.Close()
		status <- response.StatusCode
	}()
	<-asked
	front.cmd.Process.Signal(syscall.SIGTERM)
	for { // until it no longer listens
		response, err := http.Get(front.url + "/healthz")
		if err != nil {
			break
		}
		response.Body.Close()
	}
	close(release)
	if got := <-status; got != 200 {
		t.Errorf("the request in flight got %d, want 200", got)
	}
	if err := front.ended(); err != nil {
		t.Errorf("stopped with %v", err)
	}
}

func TestHabits(t *testing.T) {
	t.Parallel()
	t.Run("exit-after", func(t *testing.T) {
		s := start(t, nil, "cart", "--exit-after", "200ms")
		began := time.Now()
		s.listening("cart")
		var exit *exec.ExitError
		if err := s.ended(); !errors.As(err, &exit) || exit.ExitCode() != 1 || time.Since(began) > 10*time.Second {
			t.Errorf("ended with %v after %s", err, time.Since(began))
		}
	})
	t.Run("start-delay", func(t *testing.T) {
		began := time.Now()
		start(t, nil, "cart", "--start-delay", "300ms").listening("cart")
		if took := time.Since(began); took < 300*time.Millisecond {
			t.Errorf("listened after %s", took)
		}
	})
	t.Run("a delayed start is stopped", func(t *testing.T) {
		s := start(t, nil, "cart", "--start-delay", "1h", "--flood", "100")
		s.line("flood") // it runs
		s.cmd.Process.Signal(syscall.SIGTERM)
		if err := s.ended(); err != nil {
			t.Errorf("ended with %v", err)
		}
	})
	t.Run("never-listen", func(t *testing.T) {
		s := start(t, nil, "cart", "--never-listen", "--exit-after", "200ms")
		for line := range s.lines {
			t.Errorf("it says %q", line)
		}
		if s.ended() == nil {
			t.Error("a service that failed as told ended well")
		}
	})
	t.Run("ignore-term", func(t *testing.T) {
		s := start(t, nil, "cart", "--ignore-term").listening("cart")
		for range 3 {
			s.cmd.Process.Signal(syscall.SIGTERM)
			if status, _ := get(t, s.url+"/"); status != 200 {
				t.Errorf("got %d", status)
			}
		}
	})
}

// adjust asks for other manners and returns the status of the answer.
func adjust(t *testing.T, url, manners string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+"/manners?"+manners, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

// TestHabitsOfAnswering are those of a service that runs as it should.
func TestHabitsOfAnswering(t *testing.T) {
	t.Parallel()
	t.Run("fail-share", func(t *testing.T) {
		s := start(t, nil, "cart", "--fail-share", "0.3").listening("cart")
		failed := 0
		for range 100 {
			if status, _ := get(t, s.url+"/"); status == 500 {
				failed++
			}
		}
		if status, _ := get(t, s.url+"/healthz"); status != 200 || failed != 30 {
			t.Errorf("%d of 100 failed, want 30; /healthz %d, want 200", failed, status)
		}
	})
	t.Run("adjustable", func(t *testing.T) {
		s := start(t, nil, "cart", "--adjustable").listening("cart")
		for _, c := range []struct {
			manners      string
			status, then int
		}{
			{manners: "fail-share=1&delay=50ms", status: 204, then: 500},
			{manners: "fail-share=2", status: 400, then: 500},
			{manners: "delay=soon", status: 400, then: 500},
			{manners: "fail-share=0", status: 204, then: 200},
		} {
			if status := adjust(t, s.url, c.manners); status != c.status {
				t.Errorf("%s: got %d, want %d", c.manners, status, c.status)
			}
			began := time.Now()
			if status, _ := get(t, s.url+"/"); status != c.then || time.Since(began) < 50*time.Millisecond {
				t.Errorf("after %s: got %d after %s, want %d after 50ms", c.manners, status, time.Since(began), c.then)
			}
		}
		if status, _ := get(t, s.url+"/healthz"); status != 200 {
			t.Errorf("/healthz %d, want 200", status)
		}
	})
	t.Run("nobody adjusts what is not adjustable", func(t *testing.T) {
		s := start(t, nil, "cart").listening("cart")
		if status := adjust(t, s.url, "fail-share=1"); status < 400 {
			t.Errorf("got %d", status)
		}
		if status, _ := get(t, s.url+"/"); status != 200 {
			t.Errorf("got %d, want 200", status)
		}
	})
	t.Run("flood", func(t *testing.T) {
		s := start(t, nil, "cart", "--flood", "2000")
		began := time.Now()
		for range 1000 {
			if rest := s.line("flood"); len(rest) != 94 {
				t.Fatalf("a line of %d bytes", len(rest)+5)
			}
		}
		if took := time.Since(began); took < 400*time.Millisecond {
			t.Errorf("1000 lines in %s, want half a second", took)
		}
	})
}

func TestAChildIsLeftBehind(t *testing.T) {
	t.Parallel()
	s := start(t, nil, "cart", "--setsid-child")
	pid, err := strconv.Atoi(s.line("child "))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(pid, syscall.SIGKILL)
	s.listening("cart")
	s.cmd.Process.Kill()
	s.ended()
	if err := syscall.Kill(pid, 0); err != nil {
		t.Errorf("the child went with its parent: %v", err)
	}
	if group, err := syscall.Getpgid(pid); err != nil || group != pid {
		t.Errorf("the child is in group %d (%v), want its own", group, err)
	}
}

func TestRunRefuses(t *testing.T) {
	for _, c := range []struct{ args, port, want string }{
		{args: "", want: "which service"},
		{args: "till", want: `no service "till"`},
		{args: "cart", want: "PORT is not set"},
		{args: "cart extra", want: `what is "extra"`},
		{args: "cart --fail-share 2", want: "want 0 to 1"},
		{args: "cart --flood -1", want: "below 0"},
		{args: "cart --fly", want: "not defined"},
		{args: "cart", port: "70000", want: "invalid port"},
	} {
		getenv := func(name string) string { return map[string]string{"PORT": c.port}[name] }
		if err := Run(t.Context(), strings.Fields(c.args), getenv, io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %q", c.args, err, c.want)
		}
	}
}

// With one worker an answer waits for the one before it: that is its capacity.
func TestWorkersBoundWhatItBears(t *testing.T) {
	s := start(t, nil, "catalog", "--workers", "1", "--work", "100ms").listening("catalog")
	began := time.Now()
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() { s.text(t, "/") })
	}
	asking.Wait()
	if took := time.Since(began); took < 400*time.Millisecond {
		t.Errorf("four answers of 100ms by one worker took %v", took)
	}
}
