package alertmanager

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/notify/notifytest"
)

// A room is where a real Alertmanager tells what it was told.
type room struct {
	*httptest.Server
	mu   sync.Mutex
	last map[string]string // of each severity, firing or resolved
	news chan struct{}
}

func newRoom(t *testing.T) *room {
	r := &room{last: map[string]string{}, news: make(chan struct{}, 1)}
	r.Server = httptest.NewServer(http.HandlerFunc(r.hear))
	t.Cleanup(r.Close)
	return r
}

func (r *room) hear(_ http.ResponseWriter, request *http.Request) {
	var told struct {
		Alerts []struct {
			Status string            `json:"status"`
			Labels map[string]string `json:"labels"`
		} `json:"alerts"`
	}
	if json.NewDecoder(request.Body).Decode(&told) != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range told.Alerts {
		r.last[a.Labels["severity"]] = a.Status
	}
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// firing are the severities that are, and over those that were.
func (r *room) firing() (firing, over []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for severity, status := range r.last {
		if status == "firing" {
			firing = append(firing, severity)
		} else {
			over = append(over, severity)
		}
	}
	slices.Sort(firing)
	slices.Sort(over)
	return firing, over
}

// until waits for just these to fire, and for those that are to be over to be so.
func (r *room) until(t *testing.T, want []string, past ...string) {
	t.Helper()
	late := time.After(30 * time.Second)
	for {
		firing, over := r.firing()
		if slices.Equal(firing, want) && !slices.ContainsFunc(past, func(s string) bool { return !slices.Contains(over, s) }) {
			return
		}
		select {
		case <-r.news:
		case <-late:
			t.Fatalf("firing %v, over %v; want %v firing and %v over", firing, over, want, past)
		}
	}
}

const config = `route: {receiver: room, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers: [{name: room, webhook_configs: [{url: %q, send_resolved: true}]}]
`

// start runs Debian's Alertmanager on loopback, alone, and waits until it is ready.
func start(t *testing.T, program string, tells string) (address string) {
	dir := t.TempDir()
	file := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, tells), 0o600); err != nil {
		t.Fatal(err)
	}
	// It cannot say which port it chose: one that was free a moment ago is its.
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().String()
	free.Close()
	run := exec.CommandContext(t.Context(), program, "--config.file="+file, "--storage.path="+dir, "--web.listen-address="+port, "--cluster.listen-address=")
	run.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	run.Cancel = func() error { return run.Process.Signal(os.Interrupt) }
	run.WaitDelay = 5 * time.Second
	if err := run.Start(); err != nil {
		t.Skipf("the installed %s does not start: %v", program, err)
	}
	t.Cleanup(func() {
		_ = run.Process.Kill()
		_ = run.Wait()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !ready(ctx, "http://"+port) {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			t.Skipf("%s was not ready within 30s", program)
		}
	}
	return "http://" + port
}

func ready(ctx context.Context, address string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/-/ready", nil)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// ahead is how far the clock of who sends is before Alertmanager's own. What is over
// must not fire until then.
const ahead = 3 * time.Second

// A real Alertmanager fires what is bad, by its severity alone, and resolves it.
func TestARealAlertmanager(t *testing.T) {
	program, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		t.Skip("prometheus-alertmanager is not installed (Debian: apt-get install prometheus-alertmanager)")
	}
	room := newRoom(t)
	n := New(holdfast.Channel{Kind: holdfast.ChannelAlertmanager, Address: holdfast.Place(start(t, program, room.URL))}, notifytest.Secrets)
	defer n.Close()
	send := func(change func(*holdfast.Message)) {
		t.Helper()
		m := notifytest.Trouble()
		m.At = time.Now().Add(ahead)
		change(&m)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if _, err := n.Send(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	send(func(m *holdfast.Message) { m.Severity = holdfast.SEV3 })
	room.until(t, []string{"SEV3"})
	send(func(m *holdfast.Message) { m.Severity = holdfast.SEV1 })
	room.until(t, []string{"SEV1"}, "SEV3")
	send(func(m *holdfast.Message) { m.Purpose = holdfast.Acknowledge })
	room.until(t, []string{"SEV1"}, "SEV3")
	send(func(m *holdfast.Message) { m.Severity, m.Purpose = holdfast.SEV1, holdfast.Resolve })
	room.until(t, nil, "SEV1", "SEV3")
	for _, never := range []string{"SEV2", "SEV4"} {
		if firing, over := room.firing(); slices.Contains(firing, never) || slices.Contains(over, never) {
			t.Errorf("%s was told of, and never was", never)
		}
	}
}
