//go:build linux

package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// Visitors ask for the published page at a rate, whether or not the last answer
// has come, and keep count of what they saw.
type visitors struct {
	*system
	client *http.Client
	stop   context.CancelFunc
	asking sync.WaitGroup

	mu     sync.Mutex
	inside int
	asked  int
	hurt   []hurt
	worst  time.Duration
}

// A hurt visitor got no whole answer.
type hurt struct {
	began, ended time.Time
	why          string
	refused      bool
}

// visitors begin to ask. Each comes anew when fresh, else they keep their
// connections.
func (s *system) visitors(perSecond int, fresh bool) *visitors {
	ctx, stop := context.WithCancel(context.Background())
	v := &visitors{system: s, stop: stop}
	v.client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: fresh, MaxIdleConnsPerHost: 100}}
	v.asking.Go(func() { v.come(ctx, time.Second/time.Duration(perSecond)) })
	s.Cleanup(func() { v.leave() })
	return v
}

func (v *visitors) come(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			v.asking.Go(v.ask)
		}
	}
}

func (v *visitors) ask() {
	began := time.Now()
	v.mu.Lock()
	v.inside++
	v.mu.Unlock()
	err := v.visit()
	ended := time.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.inside--
	v.asked++
	v.worst = max(v.worst, ended.Sub(began))
	if err != nil {
		v.hurt = append(v.hurt, hurt{began: began, ended: ended, why: err.Error(), refused: errors.Is(err, syscall.ECONNREFUSED)})
	}
}

func (v *visitors) visit() error {
	response, err := v.client.Get("http://" + v.address() + "/")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status + " " + string(text))
	}
	return err
}

// seen is how many have asked so far and how many of them were hurt.
func (v *visitors) seen() (asked, hurt int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.asked, len(v.hurt)
}

// more waits until n more have been answered.
func (v *visitors) more(n int) {
	v.Helper()
	asked, _ := v.seen()
	await(v.T, "more visitors were answered", func() bool { now, _ := v.seen(); return now >= asked+n })
}

// queueEnds waits until those who had to wait have been answered.
func (v *visitors) queueEnds() {
	v.Helper()
	await(v.T, "nobody waits", func() bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.inside <= 1
	})
}

// leave ends the visits, waits for the last answer and says what was seen.
func (v *visitors) leave() []hurt {
	v.stop()
	v.asking.Wait()
	v.client.CloseIdleConnections()
	return v.hurt
}

// unhurt ends the visits and holds that nobody was hurt.
func (v *visitors) unhurt() {
	v.Helper()
	for i, h := range v.leave() {
		v.Errorf("hurt %d of %d: after %s: %s", i+1, v.asked, h.ended.Sub(h.began), h.why)
	}
	v.Logf("%d asked, %d hurt, the slowest waited %s", v.asked, len(v.hurt), v.worst.Round(time.Millisecond))
}

// unhurtAfter waits for some visits and holds that nobody was hurt.
func (v *visitors) unhurtAfter(visits int) {
	v.Helper()
	v.more(visits)
	v.unhurt()
}
