package heartbeat

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const secret = "https://hc.example.com/ping/9f3a-secret"

// An outside is a server elsewhere that waits for beats.
type outside struct {
	status int
	fails  error
	beats  []time.Time
}

func (o *outside) RoundTrip(r *http.Request) (*http.Response, error) {
	if o.fails != nil {
		return nil, o.fails
	}
	o.beats = append(o.beats, time.Now())
	w := httptest.NewRecorder()
	w.Header().Set("Location", "https://elsewhere.example.com/")
	w.WriteHeader(o.status)
	return w.Result(), nil
}

// A stage runs audits in a bubble of time. The test holds it while no time passes.
type stage struct {
	sync.Mutex
	outside
	wrong map[string]error
	none  bool
	said  []Finding
	last  Finding
}

func (s *stage) run(t *testing.T) {
	s.status = 200
	s.wrong = map[string]error{}
	check := func(name string) Check {
		return Check{Name: name, Passes: func(context.Context) error {
			s.Lock()
			defer s.Unlock()
			return s.wrong[name]
		}}
	}
	s.Lock()
	go func() {
		_ = Run(t.Context(), Options{
			Checks: func() []Check {
				s.Lock()
				defer s.Unlock()
				if s.none {
					return nil
				}
				return []Check{check("loop"), check("outbox")}
			},
			Beat: func(ctx context.Context) error {
				s.Lock()
				defer s.Unlock()
				return Beat(ctx, s, secret)
			},
			Found: func(f Finding, anew bool) {
				s.Lock()
				defer s.Unlock()
				s.last = f
				if anew {
					s.said = append(s.said, f)
				}
			},
		})
	}()
}

func (s *stage) passes(d time.Duration) {
	s.Unlock()
	defer s.Lock()
	passes(d)
}

func passes(d time.Duration) {
	time.Sleep(d) // in a bubble
	synctest.Wait()
}

func TestItBeatsOnceAMinuteAndOnlyWhileEverythingPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{}
		began := time.Now()
		s.run(t)
		defer s.Unlock()
		s.passes(10 * time.Second)
		s.passes(2 * time.Minute)
		if want := []time.Time{began.Add(10 * time.Second), began.Add(70 * time.Second), began.Add(130 * time.Second)}; !slices.Equal(s.beats, want) {
			t.Fatalf("it beat at %v, want %v", s.beats, want)
		}
		s.wrong["outbox"] = errors.New("3 messages are late")
		s.wrong["loop"] = errors.New("the loop is stuck")
		s.passes(5 * time.Minute)
		if len(s.beats) != 3 {
			t.Errorf("it beat %d times although two checks failed", len(s.beats)-3)
		}
		if len(s.said) != 1 || s.said[0].Why != "the loop is stuck; 3 messages are late" {
			t.Errorf("it says %v, want both reasons, once", s.said)
		}
		delete(s.wrong, "loop")
		s.passes(2 * time.Minute)
		if len(s.said) != 2 || !slices.Equal(s.said[1].Failed, []string{"outbox"}) || len(s.beats) != 3 {
			t.Errorf("it says %v and beat %d times", s.said, len(s.beats))
		}
		delete(s.wrong, "outbox")
		s.passes(time.Minute)
		if len(s.said) != 3 || s.said[2].Why != "" || len(s.beats) != 4 {
			t.Errorf("all is well again: it says %v and beat %d times", s.said, len(s.beats))
		}
		s.none = true
		s.passes(5 * time.Minute)
		if len(s.beats) != 4 {
			t.Error("it beats although there is nothing to audit")
		}
	})
}

func TestABeatThatIsNotTakenIsSaidWithoutItsAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{}
		s.run(t)
		defer s.Unlock()
		s.status = 301
		s.passes(11 * time.Second)
		if len(s.said) != 1 || !strings.Contains(s.said[0].Why, "the heartbeat is not taken: 301") || len(s.beats) != 1 {
			t.Errorf("of a redirection it says %v, after %d requests", s.said, len(s.beats))
		}
		s.status = 500
		s.passes(time.Minute)
		s.fails = errors.New("connection refused")
		s.passes(time.Minute)
		if len(s.said) != 1 || s.last.Why != "the heartbeat does not arrive: connection refused" {
			t.Errorf("it says %v, and last %q", s.said, s.last.Why)
		}
		if strings.Contains(s.last.Why, "secret") {
			t.Error("the address is in it")
		}
	})
	if err := Beat(t.Context(), nil, "https://hc.example.com/\x00secret"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("of what is no address it says %v", err)
	}
}

// A check that does not return is a check that failed: the audit goes on.
func TestACheckThatHangsFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		found := make(chan Finding, 2)
		go func() {
			_ = Run(t.Context(), Options{
				Checks: func() []Check {
					return []Check{{Name: "journal", Passes: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}}
				},
				Beat:  func(context.Context) error { t.Error("it beats"); return nil },
				Found: func(f Finding, _ bool) { found <- f },
			})
		}()
		passes(10*time.Second + within)
		if f := <-found; !slices.Equal(f.Failed, []string{"journal"}) {
			t.Errorf("it found %v", f)
		}
	})
}

func TestAStepOfTheClockIsNoticedOnce(t *testing.T) {
	wall, boot := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC), time.Hour
	c := &Clocks{Now: func() (time.Time, time.Duration) { return wall, boot }}
	passes := func(after, stepped time.Duration) bool {
		wall, boot = wall.Add(after+stepped), boot+after
		return c.Passes(t.Context()) == nil
	}
	for i, try := range []struct {
		after, stepped time.Duration
		want           bool
	}{
		{0, 0, true}, {time.Minute, 0, true}, {time.Minute, 4 * time.Second, true}, {time.Minute, time.Hour, false}, {time.Minute, 0, true},
		{time.Minute, -time.Hour, false}, {8 * time.Hour, 0, true}, // the second is a machine that slept: both clocks count it
	} {
		if got := passes(try.after, try.stepped); got != try.want {
			t.Errorf("audit %d passes: %v", i, got)
		}
	}
	wall = time.Unix(0, 0)
	if c.Passes(t.Context()) == nil {
		t.Error("1970 is believed")
	}
}
