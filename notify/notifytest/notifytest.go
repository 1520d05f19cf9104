// Package notifytest is the contract of the Notifier port, as a test.
package notifytest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast"
)

// A Mood is how a provider feels.
type Mood string

// The moods there are.
const (
	Well    Mood = "well"
	Refuses Mood = "refuses" // for good
	Later   Mood = "later"   // it says in how many seconds: Wait
	Broken  Mood = "broken"  // for now
	Hangs   Mood = "hangs"   // it takes everything and answers nothing
	Cuts    Mood = "cuts"    // it closes the connection in the middle
	Babbles Mood = "babbles" // it answers what means nothing
	Blabs   Mood = "blabs"   // it refuses, and says all that it was told in its answer
	Moved   Mood = "moved"   // it sends whoever comes elsewhere, where nobody may go
)

// Wait is what a provider asks for that is asked for Later.
const Wait = 7 * time.Second

// Password is every secret of a test. It must never be seen.
const Password = "tk_hunter2_never_to_be_seen"

// Secrets knows one secret.
func Secrets(ref holdfast.Secret) (string, error) {
	if ref == "env:GONE" {
		return "", errors.New("env:GONE is not set")
	}
	return Password, nil
}

// A Provider is one that a notifier is tried on.
type Provider struct {
	New  func(t *testing.T) holdfast.Notifier // that speaks to it
	Feel func(Mood)
	// Took is what it took over since it was asked last, as one text each.
	Took func() []string
	// Moods are those it can have; nil is all of them.
	Moods []Mood
}

// Trouble is what is told: every bound, sign and script that a message may hold.
func Trouble() holdfast.Message {
	return holdfast.Message{
		Key: "20261127-3/1.1/ana/x/trigger", Purpose: holdfast.Trigger, Incident: "20261127-3", System: "shop", Severity: holdfast.SEV1, Urgency: holdfast.Page,
		Subject: "checkout fails for 31 % of users — café <b>&\"'`", Body: "What users see: 31 % of requests fail.\n\nDo this now: <https://example.com/a?b=1&c=2>\n.\n..\nEnd — ✓", To: "ana@example.com",
		At: time.Date(2026, 11, 27, 3, 4, 5, 0, time.UTC), Links: []holdfast.Link{{Text: "Acknowledge", URL: "https://ops.example.com/ack?x=1&y=2"}, {Text: "Runbook", URL: "https://example.com/runbook"}},
	}
}

// Run tries a notifier on its provider.
func Run(t *testing.T, p Provider) {
	t.Run("is told", func(t *testing.T) { told(t, p) })
	for mood, judge := range map[Mood]func(*testing.T, error){
		Refuses: rejected, Broken: again, Cuts: again, Babbles: failed, Blabs: rejected, Moved: failed,
		Later: func(t *testing.T, err error) {
			var later holdfast.Later
			if !errors.As(err, &later) || later.After != Wait {
				t.Errorf("it asked to wait %v: %v", Wait, err)
			}
		},
	} {
		if !p.has(mood) {
			continue
		}
		t.Run(string(mood), func(t *testing.T) {
			p.Feel(mood)
			defer p.Feel(Well)
			_, err := p.send(t, Trouble(), 10*time.Second)
			judge(t, err)
			quiet(t, err)
		})
	}
	if p.has(Hangs) {
		t.Run("hangs", func(t *testing.T) { hangs(t, p) })
	}
	t.Run("is told by several at once", func(t *testing.T) { severally(t, p) })
}

func (p Provider) has(mood Mood) bool {
	return p.Moods == nil || slices.Contains(p.Moods, mood)
}

func (p Provider) send(t *testing.T, m holdfast.Message, within time.Duration) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	return p.New(t).Send(ctx, m)
}

func told(t *testing.T, p Provider) {
	for _, purpose := range []holdfast.Purpose{holdfast.Trigger, holdfast.Acknowledge, holdfast.Resolve} {
		m := Trouble()
		m.Purpose = purpose
		if _, err := p.send(t, m, 10*time.Second); err != nil {
			t.Fatalf("%s: %v", purpose, err)
		}
		got := p.Took()
		if len(got) != 1 || !strings.Contains(got[0], "20261127-3") {
			t.Fatalf("%s: told %q", purpose, got)
		}
		if purpose == holdfast.Trigger && (!strings.Contains(got[0], "31 % of users — café") || !strings.Contains(got[0], "End — ✓")) {
			t.Errorf("%s: told %q", purpose, got)
		}
	}
}

func rejected(t *testing.T, err error) {
	if !errors.Is(err, holdfast.ErrRejected) {
		t.Errorf("refused for good: %v", err)
	}
}

func again(t *testing.T, err error) {
	if err == nil || errors.Is(err, holdfast.ErrRejected) {
		t.Errorf("it may be tried again: %v", err)
	}
}

func failed(t *testing.T, err error) {
	if err == nil {
		t.Error("what means nothing was taken for a yes")
	}
}

// quiet: no secret is in what is said of a failure, and no part of one that would do.
func quiet(t *testing.T, err error) {
	if err != nil && (strings.Contains(err.Error(), Password[:12]) || strings.Contains(err.Error(), base64.StdEncoding.EncodeToString([]byte(Password))[:12])) {
		t.Errorf("a secret is seen: %v", err)
	}
}

func hangs(t *testing.T, p Provider) {
	p.Feel(Hangs)
	defer p.Feel(Well)
	began := time.Now()
	_, err := p.send(t, Trouble(), 300*time.Millisecond)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v to give up after 300ms", took)
	}
	again(t, err)
	quiet(t, err)
}

func severally(t *testing.T, p Provider) {
	p.Took()
	n := p.New(t)
	var all sync.WaitGroup
	const callers = 8
	for i := range callers {
		all.Go(func() {
			m := Trouble()
			m.Key = holdfast.MessageKey(fmt.Sprint(m.Key, i))
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			if _, err := n.Send(ctx, m); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := p.Took(); len(got) != callers {
		t.Errorf("%d took over what %d sent", len(got), callers)
	}
}

// Web is a provider that is spoken to over HTTP: its address, and a Provider without
// New. Takes reads one request and says what is wrong with it, or what it is.
func Web(t *testing.T, takes func(*http.Request, []byte) (text, answer string, err error)) (string, Provider) {
	var mu sync.Mutex
	mood := Well
	var took []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("somebody went where the provider sent them, with %v", r.Header)
	}))
	t.Cleanup(elsewhere.Close)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		mu.Lock()
		now := mood
		mu.Unlock()
		if now == Moved {
			http.Redirect(w, r, elsewhere.URL+r.URL.String(), http.StatusTemporaryRedirect) // it says the address in its text, too
			return
		}
		if answers(w, r, now) {
			return
		}
		if now == Blabs {
			http.Error(w, fmt.Sprintf("Cannot POST %s (%s) with %s and %q", r.URL, html.EscapeString(r.URL.String()), r.Header.Get("Authorization"), body), http.StatusNotFound)
			return
		}
		text, answer, err := takes(r, body)
		if err != nil {
			t.Errorf("what came is not what the provider takes: %v\n%s", err, body)
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		mu.Lock()
		took = append(took, text)
		mu.Unlock()
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL, Provider{
		Feel: func(m Mood) { mu.Lock(); defer mu.Unlock(); mood = m },
		Took: func() []string {
			mu.Lock()
			defer mu.Unlock()
			all := took
			took = nil
			return all
		},
	}
}

// answers as the mood is; false where it is well.
func answers(w http.ResponseWriter, r *http.Request, mood Mood) bool {
	switch mood {
	case Refuses:
		http.Error(w, "token revoked", http.StatusUnauthorized)
	case Later:
		w.Header().Set("Retry-After", "7")
		http.Error(w, "slow down", http.StatusTooManyRequests)
	case Broken:
		http.Error(w, "oops", http.StatusInternalServerError)
	case Hangs:
		<-r.Context().Done()
	case Cuts:
		panic(http.ErrAbortHandler)
	case Babbles:
		http.Redirect(w, r, "/login", http.StatusFound)
	default:
		return false
	}
	return true
}
