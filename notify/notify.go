// Package notify hands over what people are owed: each message to its provider, at
// least once, the most urgent first, and tells the mind what became of it.
package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/oncall"
)

const (
	// attempt bounds one handing over. A provider that needs longer is one that does
	// not answer, and there is another way to somebody.
	attempt = 20 * time.Second
	// maxAtOnce bounds those under way together, each to another address.
	maxAtOnce = 16
	// maxByOne bounds those by one channel: three that hang leave room for a fourth,
	// which is the other way to the same people.
	maxByOne = 5
	// maxWhy bounds what is written down of a failure.
	maxWhy = 400
	// patience is how long it is waited for the record that a message is attempted:
	// a disk that stands still keeps nobody asleep.
	patience = 2 * time.Second
)

// Options are what handing over needs. All fields are needed.
type Options struct {
	// Notifier is who speaks to a channel; false where the file names none of that
	// name any more.
	Notifier func(holdfast.ChannelName) (holdfast.Notifier, bool)
	// Compose writes a message from what is known now.
	Compose func(oncall.Owed) holdfast.Message
	// Tell reports to the mind.
	Tell func(context.Context, event.Body) error
	// Now is the boot clock.
	Now func() time.Duration
}

// A Sender hands over what it was last told is owed. Owe may be called by one
// goroutine while Run runs in another.
type Sender struct {
	o    Options
	news chan struct{}

	mu   sync.Mutex
	owed []oncall.Owed
}

// New makes a sender; Run runs it.
func New(o Options) *Sender { return &Sender{o: o, news: make(chan struct{}, 1)} }

// Owe says what is owed now, in the order in which it is to be handed over. It
// replaces what was owed before, and does not wait.
func (s *Sender) Owe(owed []oncall.Owed) {
	s.mu.Lock()
	s.owed = owed
	s.mu.Unlock()
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// address is where a message goes: to one, one message goes at a time.
type address struct {
	via holdfast.ChannelName
	to  string
}

// A handover is a message under way.
type handover struct {
	oncall.Owed
	// goes is told true when the record says that it is attempted, and false when it
	// is not owed any more.
	goes chan bool
}

func (h handover) at() address { return address{via: h.Via, to: h.To} }

// hears what is owed now.
func (h handover) hears(owed []oncall.Owed) {
	i := slices.IndexFunc(owed, func(o oncall.Owed) bool { return o.Key == h.Key })
	if i >= 0 && !owed[i].Attempted {
		return
	}
	select {
	case h.goes <- i >= 0:
	default: // it was told already
	}
}

// rounds are what a sender has under way, owned by Run.
type rounds struct {
	busy  map[address]handover
	told  map[holdfast.MessageKey]time.Duration // reported to the mind, and not yet taken into account by it; when, by the boot clock
	under sync.WaitGroup
	done  chan handover
}

// Run hands over until ctx ends, waits for what is under way, and returns ctx's
// error.
func (s *Sender) Run(ctx context.Context) error {
	r := &rounds{busy: map[address]handover{}, told: map[holdfast.MessageKey]time.Duration{}, done: make(chan handover, maxAtOnce)}
	defer r.under.Wait()
	for {
		s.mu.Lock()
		owed := s.owed
		s.mu.Unlock()
		r.hear(owed)
		var again <-chan time.Time
		if rest, waits := s.start(ctx, owed, r); waits {
			again = time.After(rest)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.news:
		case <-again:
		case h := <-r.done:
			delete(r.busy, h.at())
			r.told[h.Key] = s.o.Now()
		}
	}
}

// hear takes in what is owed now: what is not owed any more is forgotten.
func (r *rounds) hear(owed []oncall.Owed) {
	still := map[holdfast.MessageKey]bool{}
	for _, o := range owed {
		still[o.Key] = true
	}
	maps.DeleteFunc(r.told, func(key holdfast.MessageKey, _ time.Duration) bool { return !still[key] })
	for _, h := range r.busy {
		h.hears(owed)
	}
}

// by is how many are under way by a channel.
func (r *rounds) by(via holdfast.ChannelName) int {
	n := 0
	for at := range r.busy {
		if at.via == via {
			n++
		}
	}
	return n
}

// start hands over what can be, and says how long it is until something else can, if
// that is known.
func (s *Sender) start(ctx context.Context, owed []oncall.Owed, r *rounds) (time.Duration, bool) {
	now := s.o.Now()
	rest, waits := time.Duration(0), false
	for _, o := range owed {
		h := handover{Owed: o, goes: make(chan bool, 1)}
		_, taken := r.busy[h.at()]
		reported, settled := r.told[o.Key]
		switch {
		case len(r.busy) >= maxAtOnce || r.by(o.Via) >= maxByOne || taken:
		case settled && o.NotBefore <= reported: // the mind has not heard of it yet
		case o.NotBefore > now:
			if left := o.NotBefore - now; !waits || left < rest {
				rest, waits = left, true
			}
		default:
			r.busy[h.at()] = h
			delete(r.told, o.Key)
			r.under.Go(func() {
				s.hand(ctx, h)
				r.done <- h
			})
		}
	}
	return rest, waits
}

// hand hands one message over and tells what became of it. What is under way when
// ctx ends is owed still: nothing is told of it.
func (s *Sender) hand(ctx context.Context, h handover) {
	if !s.attempted(ctx, h) {
		return
	}
	began := s.o.Now()
	receipt, err := s.send(ctx, h.Owed)
	if ctx.Err() != nil && err != nil {
		return
	}
	if err == nil {
		_ = s.o.Tell(ctx, event.Delivered{Key: h.Key, Receipt: short(receipt), Took: s.o.Now() - began})
		return
	}
	_ = s.o.Tell(ctx, failed(h.Owed, err))
}

// attempted has it recorded that a message is attempted, and tells whether it is to
// go: whoever is killed in the middle has to know, when it is over meanwhile, that
// somebody may have been told that it is bad.
func (s *Sender) attempted(ctx context.Context, h handover) bool {
	if h.Attempted {
		return true
	}
	if s.o.Tell(ctx, event.Attempted{Key: h.Key}) != nil {
		return false
	}
	select {
	case goes := <-h.goes:
		if !goes {
			_ = s.o.Tell(ctx, event.Undelivered{Key: h.Key, Why: "it was not owed any more, and not sent"})
		}
		return goes
	case <-time.After(patience):
		return true
	case <-ctx.Done():
		return false
	}
}

// failed is what is told of a message that the provider did not take over, as far as
// is known: an earlier try, of which nothing is known, may have arrived whatever
// became of this one.
func failed(o oncall.Owed, err error) event.Undelivered {
	rejected := errors.Is(err, holdfast.ErrRejected)
	told := event.Undelivered{Key: o.Key, Why: short(err.Error()), Rejected: rejected, Unsure: o.Attempted || !rejected && unsure(err)}
	var later holdfast.Later
	if errors.As(err, &later) {
		told.Again = later.After
	}
	return told
}

// unsure tells whether a provider may have taken a message over although it did not
// say so: something was sent, and its answer did not come. What it answered, and what
// never reached it, is sure.
func unsure(err error) bool {
	var unknown *net.DNSError
	var way *net.OpError
	if errors.As(err, &unknown) || errors.As(err, &way) && way.Op == "dial" {
		return false
	}
	var cut net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &cut)
}

func (s *Sender) send(ctx context.Context, o oncall.Owed) (string, error) {
	notifier, ok := s.o.Notifier(o.Via)
	if !ok {
		return "", fmt.Errorf("%w: the file names no channel %s", holdfast.ErrRejected, o.Via)
	}
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	return notifier.Send(ctx, s.o.Compose(o))
}

// short is what is written down of what a provider said: one line that does nothing to
// a terminal, and has an end.
func short(text string) string {
	text = event.Plain(strings.Join(strings.Fields(text), " "))
	if len(text) <= maxWhy {
		return text
	}
	return strings.ToValidUTF8(text[:maxWhy], "") + "…"
}
