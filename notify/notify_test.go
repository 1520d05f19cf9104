package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"holdfast"
	"holdfast/event"
	"holdfast/oncall"
)

// A world is a sender with providers that do as they are told, and a mind that
// writes down what it hears and owes what the test says.
type world struct {
	t      *testing.T
	sender *Sender
	began  time.Time
	stop   func()

	mu    sync.Mutex
	owed  []oncall.Owed
	deaf  bool // the mind's record stands still: it does not take into account that something is attempted
	heard []string
	fails map[holdfast.MessageKey]error
	takes time.Duration
	under int // sends under way
	most  int
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, began: time.Now(), fails: map[holdfast.MessageKey]error{}}
	w.sender = New(Options{
		Notifier: func(name holdfast.ChannelName) (holdfast.Notifier, bool) { return w, name != "gone" },
		Compose:  func(o oncall.Owed) holdfast.Message { return holdfast.Message{Key: o.Key} },
		Tell: func(ctx context.Context, in event.Body) error {
			w.hear(in)
			return ctx.Err()
		},
		Now: func() time.Duration { return time.Since(w.began) },
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.sender.Run(ctx) }()
	w.stop = func() { cancel(); <-ended }
	return w
}

func (w *world) hear(in event.Body) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = append(w.heard, event.Text(in))
	attempted, ok := in.(event.Attempted)
	if !ok || w.deaf {
		return
	}
	w.owed = slices.Clone(w.owed)
	for i := range w.owed {
		w.owed[i].Attempted = w.owed[i].Attempted || w.owed[i].Key == attempted.Key
	}
	w.sender.Owe(w.owed)
}

// Send is a provider's.
func (w *world) Send(ctx context.Context, m holdfast.Message) (string, error) {
	w.mu.Lock()
	w.under++
	w.most = max(w.most, w.under)
	fails, takes := w.fails[m.Key], w.takes
	w.mu.Unlock()
	defer func() { w.mu.Lock(); w.under--; w.mu.Unlock() }()
	select {
	case <-time.After(takes):
		return "", fails
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// mends lets a message that failed be taken from now on.
func (w *world) mends(key holdfast.MessageKey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.fails, key)
}

// owes is what the mind owes from now on, and what is heard of it until all is quiet.
func (w *world) owes(owed ...oncall.Owed) []string {
	w.mu.Lock()
	w.owed = owed
	w.mu.Unlock()
	w.sender.Owe(owed)
	return w.hears()
}

func (w *world) hears() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.heard
	w.heard = nil
	return all
}

func owed(key, to string) oncall.Owed {
	return oncall.Owed{Paged: event.Paged{Key: holdfast.MessageKey(key), Via: "ntfy", To: to}}
}

func (w *world) want(got []string, want ...string) {
	w.t.Helper()
	if !slices.Equal(got, want) {
		w.t.Errorf("heard %q, want %q", got, want)
	}
}

func TestWhatIsOwedIsHandedOverOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		first := owed("a", "ana")
		w.want(w.owes(first), "attempted a", "delivered a in 0s")
		w.want(w.owes(first)) // the mind has not taken it into account yet
		time.Sleep(time.Hour)
		w.want(w.hears())
		w.want(w.owes())
	})
}

func TestToOneAddressOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.takes = time.Second
		got := w.owes(owed("a", "ana"), owed("b", "ana"), owed("c", "ben"))
		slices.Sort(got)
		w.want(got, "attempted a", "attempted c")
		time.Sleep(time.Second)
		got = w.hears()
		slices.Sort(got)
		w.want(got, "attempted b", "delivered a in 1s", "delivered c in 1s")
	})
}

func TestManyAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.takes = time.Second
		var all []oncall.Owed
		for i := range 100 {
			all = append(all, owed(fmt.Sprint("m", i), fmt.Sprint("p", i)))
			all[i].Via = holdfast.ChannelName(fmt.Sprint("v", i%10))
		}
		w.owes(all...)
		time.Sleep(time.Minute)
		if got := w.hears(); len(got) != 200-16 { // the first sixteen were heard attempted above
			t.Errorf("heard %d", len(got))
		}
		if w.most != maxAtOnce {
			t.Errorf("%d were under way together", w.most)
		}
	})
}

// A provider that hangs holds up those it is to tell, and nobody who is told by another.
func TestAProviderThatHangsHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.takes = time.Hour // nobody answers before they are given up
		var all []oncall.Owed
		for i := range 100 {
			all = append(all, owed(fmt.Sprint("m", i), fmt.Sprint("p", i)))
		}
		mail := owed("mail", "ana@example.com")
		mail.Via = "mail"
		if got := w.owes(append(all, mail)...); !slices.Contains(got, "attempted mail") || w.most != maxByOne+1 {
			t.Errorf("with %d under way: %q", w.most, got)
		}
	})
}

func TestAFailureIsToldAndTriedAgainWhenTheMindSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.fails["a"] = holdfast.Later{After: 7 * time.Second}
		w.want(w.owes(owed("a", "ana")), "attempted a", "undelivered a: the provider asks to wait 7s")
		again := owed("a", "ana")
		again.NotBefore = 7 * time.Second
		w.want(w.owes(again))
		w.mends("a")
		time.Sleep(7 * time.Second)
		w.want(w.hears(), "attempted a", "delivered a in 0s")
	})
}

func TestWhatIsRefusedIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.fails["a"] = fmt.Errorf("%w: token revoked", holdfast.ErrRejected)
		w.want(w.owes(owed("a", "ana")), "attempted a", "undelivered a for good: the provider does not take this message: token revoked")
		gone := owed("b", "ana")
		gone.Via = "gone"
		w.want(w.owes(gone), "attempted b", "undelivered b for good: the provider does not take this message: the file names no channel gone")
	})
}

func TestAProviderThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.takes = time.Hour
		w.want(w.owes(owed("a", "ana")), "attempted a")
		time.Sleep(attempt)
		w.want(w.hears(), "undelivered a as far as is known: "+context.DeadlineExceeded.Error())
	})
}

// Whoever ends us in the middle of a send hears nothing of it: it is owed still.
func TestWhatIsCutOffIsNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.takes = time.Hour
		w.want(w.owes(owed("a", "ana")), "attempted a")
		w.stop()
		w.want(w.hears())
	})
}

// What is owed no more is not begun.
func TestWhatIsSupersededIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.takes = time.Second
		w.want(w.owes(owed("a", "ana"), owed("b", "ana")), "attempted a")
		w.want(w.owes(owed("a", "ana")))
		time.Sleep(time.Minute)
		w.want(w.hears(), "delivered a in 1s")
	})
}

// What is sent again after a kill was attempted before, and is not recorded to be so
// a second time.
func TestWhatMayHaveArrivedIsSentAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.deaf = true
		again := owed("a", "ana")
		again.Attempted = true
		w.want(w.owes(again), "delivered a in 0s")
	})
}

// Nothing is sent before it is recorded that it is attempted; but a disk that stands
// still keeps nobody asleep.
func TestTheRecordIsWaitedForAndNotForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.deaf = true
		w.want(w.owes(owed("a", "ana")), "attempted a")
		time.Sleep(patience - time.Millisecond)
		w.want(w.hears())
		time.Sleep(time.Millisecond)
		w.want(w.hears(), "delivered a in 0s")
	})
}

// What is owed no more once it is recorded is not begun.
func TestWhatIsOverBeforeItIsSentIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.deaf = true
		w.want(w.owes(owed("a", "ana")), "attempted a")
		w.want(w.owes(), "undelivered a: it was not owed any more, and not sent")
		time.Sleep(time.Minute)
		w.want(w.hears())
	})
}

// Whether somebody may have been told decides whether they are told that it is over.
func TestWhatIsSureOfAFailure(t *testing.T) {
	dns := &net.DNSError{Err: "no such host", Name: "ntfy.example.com"}
	for what, c := range map[string]struct {
		err    error
		unsure bool
	}{
		"no answer in time":       {context.DeadlineExceeded, true},
		"the connection was cut":  {fmt.Errorf("post: %w", io.ErrUnexpectedEOF), true},
		"it was reset":            {&net.OpError{Op: "read", Err: syscall.ECONNRESET}, true},
		"nobody is there":         {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, false},
		"nobody answers the call": {&net.OpError{Op: "dial", Err: context.DeadlineExceeded}, false},
		"its name is unknown":     {&net.OpError{Op: "dial", Err: dns}, false},
		"names are not answered":  {dns, false},
		"it says no":              {fmt.Errorf("%w: the token is revoked", holdfast.ErrRejected), false},
		"it says later":           {holdfast.Later{After: time.Minute}, false},
		"it says that it is ill":  {errors.New("the provider answered 500"), false},
	} {
		if got := failed(owed("a", "ana"), c.err); got.Unsure != c.unsure || got.Key != "a" {
			t.Errorf("%s: %+v", what, got)
		}
		before := owed("a", "ana")
		before.Attempted = true
		if !failed(before, c.err).Unsure {
			t.Errorf("%s, and an earlier try may have arrived: that is forgotten", what)
		}
	}
}

// What a provider says is written down as one line that does nothing to a terminal.
func TestWhatAProviderSaysIsOneLine(t *testing.T) {
	said := short("\x1b[2Jit\r\nsaid " + strings.Repeat("é", maxWhy))
	if strings.ContainsAny(said, "\x1b\r\n") || !utf8.ValidString(said) || len(said) > maxWhy+len("…") || !strings.Contains(said, "it said é") {
		t.Errorf("it is %q", said)
	}
}
