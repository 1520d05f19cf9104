package acknowledge

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
)

// A desk is an incident and who has it, and counts what it was told.
type desk struct {
	t     *testing.T
	key   Key
	now   time.Time
	what  Incident
	known bool
	fails error
	ends  bool // when somebody acknowledges and it fails
	told  []event.Acknowledged
}

func newDesk(t *testing.T) *desk {
	return &desk{
		t: t, key: Key{1, 2, 3}, now: time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC), known: true,
		what: Incident{Subject: "SEV1 shop: cart.crash on cart-1", Body: "1 of 2 <b>cannot</b> pay"},
	}
}

func (d *desk) page() http.Handler {
	return Page(Options{
		Key:  func() (Key, error) { return d.key, nil },
		Look: func(holdfast.IncidentID) (Incident, bool) { return d.what, d.known },
		Acknowledge: func(_ context.Context, in event.Acknowledged) error {
			if d.fails != nil {
				d.what.Over = d.ends
				return d.fails
			}
			d.told = append(d.told, in)
			d.what.By = in.By
			return nil
		},
		Now: func() time.Time { return d.now },
	})
}

// link is one that was just sent to ana.
func (d *desk) link() string {
	return d.key.Link("https://ops.example.com/", Claim{Incident: "20261127-1", By: "ana", Until: d.now.Add(LinkFor)})
}

// asks opens a link, or presses its button.
func (d *desk) asks(method, link string) *httptest.ResponseRecorder {
	d.t.Helper()
	w := httptest.NewRecorder()
	d.page().ServeHTTP(w, httptest.NewRequest(method, link, nil))
	return w
}

// says insists on a status and a title, and on how often somebody acknowledged.
func (d *desk) says(w *httptest.ResponseRecorder, status int, title string, times int) {
	d.t.Helper()
	if w.Code != status || !strings.Contains(w.Body.String(), "<h1>"+title+"</h1>") {
		d.t.Errorf("it says %d, want %d and %q:\n%s", w.Code, status, title, w.Body)
	}
	if len(d.told) != times {
		d.t.Errorf("%d acknowledgements, want %d: %v", len(d.told), times, d.told)
	}
}

func TestLookingChangesNothingAndTheButtonAcknowledgesOnce(t *testing.T) {
	d := newDesk(t)
	for range 3 {
		d.says(d.asks("GET", d.link()), 200, "Nobody has it yet", 0)
		d.says(d.asks("HEAD", d.link()), 200, "Nobody has it yet", 0)
	}
	w := d.asks("GET", d.link())
	if text := w.Body.String(); !strings.Contains(text, "1 of 2 &lt;b&gt;cannot&lt;/b&gt; pay") || !strings.Contains(text, `<form method="post">`) || strings.Contains(text, "<script") {
		t.Errorf("the page is not what is wrong and a button:\n%s", text)
	}
	if policy := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("the page may load, be kept or tell where it was: %v", w.Header())
	}
	d.says(d.asks("POST", d.link()), 200, "You have it", 1)
	if want := (event.Acknowledged{Incident: "20261127-1", By: "ana", Via: "link"}); d.told[0] != want {
		t.Errorf("it tells %v, want %v", d.told[0], want)
	}
	d.says(d.asks("POST", d.link()), 200, "You have it", 1)
	bens := d.key.Link("https://ops.example.com", Claim{Incident: "20261127-1", By: "ben", Until: d.now.Add(LinkFor)})
	d.says(d.asks("POST", bens), 200, "ana has it", 1)
}

func TestALinkThatIsGoodForNothingChangesNothing(t *testing.T) {
	d := newDesk(t)
	good, err := url.Parse(d.link())
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"incident": "20261127-2", "by": "ben", "until": "99999999999", "sign": "AAAA"} {
		forged, query := *good, good.Query()
		query.Set(name, value)
		forged.RawQuery = query.Encode()
		d.says(d.asks("POST", forged.String()), 403, "This link was not made here", 0)
		query.Del(name)
		forged.RawQuery = query.Encode()
		d.says(d.asks("POST", forged.String()), 403, "This link was not made here", 0)
	}
	d.says(d.asks("POST", Key{9}.Link("https://ops.example.com", Claim{Incident: "20261127-1", By: "ana", Until: d.now.Add(LinkFor)})), 403, "This link was not made here", 0)
	d.says(d.asks("POST", "https://ops.example.com/"), 404, "There is nothing here", 0)
	d.says(d.asks("DELETE", d.link()), 405, "This page has one button", 0)

	link := d.link()
	d.what.Over = true
	d.says(d.asks("POST", link), 410, "It is over", 0)
	d.known = false
	d.says(d.asks("POST", link), 410, "Incident 20261127-1 is not known here any more", 0)
	d.known, d.what.Over = true, false
	d.now = d.now.Add(LinkFor)
	d.says(d.asks("POST", link), 410, "This link is too old", 0)
	d.now = d.now.Add(-time.Second)
	d.says(d.asks("POST", link), 200, "You have it", 1)
}

func TestWhatIsNotRecordedIsNotClaimed(t *testing.T) {
	d := newDesk(t)
	d.fails = errors.New("no")
	d.says(d.asks("POST", d.link()), 503, "It could not be recorded", 0)
	d.ends = true
	d.says(d.asks("POST", d.link()), 410, "It is over", 0)
}

// Two claims whose parts only join up to the same text are not one.
func TestPartsOfAClaimDoNotRunTogether(t *testing.T) {
	until := time.Unix(1_800_000_000, 0)
	a := Key{}.sign(Claim{Incident: "1", By: "1ana", Until: until})
	if b := (Key{}).sign(Claim{Incident: "11", By: "ana", Until: until}); a == b {
		t.Error("two claims have one signature")
	}
}

func TestTheKeyIsMadeOnceAndKeptToItsOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acknowledge.key")
	first, err := KeyAt(path)()
	if err != nil || first == (Key{}) {
		t.Fatalf("the key is %v, %v", first, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
	if again, err := KeyAt(path)(); err != nil || again != first {
		t.Errorf("it is another one now: %v", err)
	}
	if err := os.WriteFile(path, []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if anew, err := KeyAt(path)(); err != nil || anew == first || anew == (Key{}) {
		t.Errorf("what is torn is believed: %v", err)
	}
}

// The first page goes to several at once, each with a link.
func TestAllWhoAskForTheFirstKeyGetOne(t *testing.T) {
	ask := KeyAt(filepath.Join(t.TempDir(), "acknowledge.key"))
	keys := make(chan Key)
	for range 8 {
		go func() {
			key, err := ask()
			if err != nil {
				t.Error(err)
			}
			keys <- key
		}()
	}
	first := <-keys
	for range 7 {
		if key := <-keys; key != first || key == (Key{}) {
			t.Error("two keys were made")
		}
	}
}

func TestAServerListensWhereItIsToldAndNowhereInTheEnd(t *testing.T) {
	s := NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // what was opened before may be answered a moment longer
	answers := func(address string) bool {
		response, err := client.Get("http://" + address)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		return string(text) == "here"
	}
	must(s.Listen("127.0.0.1:0"))
	first := s.Address()
	for range maxVisitors + 5 { // who leaves makes room
		if !answers(first) {
			t.Fatalf("nobody answers at %s", first)
		}
	}
	must(s.Listen("127.0.0.1:00"))
	if second := s.Address(); !answers(second) || second == first {
		t.Errorf("nobody answers at %s", second)
	}
	if answers(first) {
		t.Errorf("it still answers at %s", first)
	}
	if err := s.Listen("192.0.2.1:1"); err == nil || !answers(s.Address()) {
		t.Errorf("an address that is not ours: %v, and it listens at %q", err, s.Address())
	}
	_, port, _ := net.SplitHostPort(s.Address())
	must(s.Listen(":" + port)) // more than before, and itself in the way
	if !answers("127.0.0.1:" + port) {
		t.Errorf("nobody answers at %s", s.Address())
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	defer taken.Close()
	if err := s.Listen(taken.Addr().String()); err == nil || !answers("127.0.0.1:"+port) {
		t.Errorf("an address that somebody has: %v, and it listens at %q", err, s.Address())
	}
	last := "127.0.0.1:" + port
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) || s.Address() != "" || answers(last) {
		t.Errorf("it ended with %v and listens at %q", err, s.Address())
	}
}

// Strangers find an address that is declared. Whatever they send, nothing is
// acknowledged, and nobody who was woken is kept waiting.
func TestStrangersKeepNobodyOut(t *testing.T) {
	d := newDesk(t)
	s := NewServer(d.page())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	if err := s.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	link := d.key.Link("http://"+s.Address(), Claim{Incident: "20261127-1", By: "ana", Until: d.now.Add(LinkFor)})
	path := strings.TrimPrefix(link, "http://"+s.Address())
	for _, begun := range []string{"", "POST /ack HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nI ha", "GET / HTTP/1.1\r\nX-Slow: "} {
		for range maxVisitors {
			stuck, err := net.Dial("tcp", s.Address())
			if err != nil {
				t.Fatal(err)
			}
			defer stuck.Close()
			_, _ = io.WriteString(stuck, begun)
		}
	}
	client := &http.Client{Timeout: within / 2, Transport: &http.Transport{DisableKeepAlives: true}}
	for _, stranger := range []struct {
		method, path string
		status       int
	}{
		{"POST", "/ack", 403}, {"POST", "/../../etc/passwd?" + strings.Repeat("a", 4<<10), 404}, {"POST", path + strings.Repeat("&x=1", maxHead/2), 431}, {"OPTIONS", path, 405}, {"HEAD", path, 200}, {"GET", path, 200},
	} {
		request, err := http.NewRequest(stranger.method, "http://"+s.Address()+stranger.path, strings.NewReader(strings.Repeat("a", 2*maxBody)))
		if err != nil {
			t.Fatal(err)
		}
		request.Host = "evil.example"
		response, err := client.Do(request)
		if err != nil {
			t.Fatalf("%s %.40s: %v", stranger.method, stranger.path, err)
		}
		response.Body.Close()
		if response.StatusCode != stranger.status {
			t.Errorf("%s %.40s is answered %d, want %d", stranger.method, stranger.path, response.StatusCode, stranger.status)
		}
	}
	if len(d.told) != 0 {
		t.Errorf("strangers acknowledged: %v", d.told)
	}
	response, err := client.Post(link, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 200 || len(d.told) != 1 {
		t.Errorf("ana is answered %d, and %v is told", response.StatusCode, d.told)
	}
}
