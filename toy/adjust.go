package toy

import (
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// manners are the habits that can change while a service runs.
type manners struct {
	failShare float64       // of the answers
	delay     time.Duration // before each answer
}

// An adjustable service answers as its present manners say; /healthz stays well,
// as it does in services that fail in earnest. With open, PUT
// /manners?fail-share=0.3&delay=1s changes them.
type adjustable struct {
	now   atomic.Pointer[manners]
	asked atomic.Int64
	open  bool
	// places has one free for each answer that may be worked on now: what bounds how
	// many a second there are at most. nil is no bound.
	places chan struct{}
	well   http.Handler
}

func newAdjustable(h habits, well http.Handler) *adjustable {
	a := &adjustable{open: h.adjustable, well: well}
	if h.workers > 0 {
		a.places = make(chan struct{}, h.workers)
	}
	a.now.Store(&manners{failShare: h.failShare, delay: h.work})
	return a
}

func (a *adjustable) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/healthz":
		a.well.ServeHTTP(w, r)
		return
	case a.open && r.Method == http.MethodPut && r.URL.Path == "/manners":
		a.adjust(w, r)
		return
	}
	if !a.takePlace(r) {
		return
	}
	defer a.leavePlace()
	now := a.now.Load()
	if now.delay > 0 {
		timer := time.NewTimer(now.delay)
		defer timer.Stop()
		select {
		case <-r.Context().Done():
			return
		case <-timer.C:
		}
	}
	// Evenly spread rather than drawn, so that a share of a tenth is every tenth.
	n := float64(a.asked.Add(1))
	if int64(n*now.failShare) > int64((n-1)*now.failShare) {
		http.Error(w, "failed, as told", http.StatusInternalServerError)
		return
	}
	a.well.ServeHTTP(w, r)
}

// takePlace waits for one of those who work, false when the caller has gone.
func (a *adjustable) takePlace(r *http.Request) bool {
	if a.places == nil {
		return true
	}
	select {
	case a.places <- struct{}{}:
		return true
	case <-r.Context().Done():
		return false
	}
}

func (a *adjustable) leavePlace() {
	if a.places != nil {
		<-a.places
	}
}

func (a *adjustable) adjust(w http.ResponseWriter, r *http.Request) {
	next := *a.now.Load()
	query := r.URL.Query()
	var err error
	if text := query.Get("fail-share"); text != "" {
		next.failShare, err = strconv.ParseFloat(text, 64)
	}
	if text := query.Get("delay"); text != "" && err == nil {
		next.delay, err = time.ParseDuration(text)
	}
	if err != nil || next.failShare < 0 || next.failShare > 1 || next.delay < 0 {
		http.Error(w, fmt.Sprintf("manners %s: want fail-share=0 to 1 and delay=1s (%v)", r.URL.RawQuery, err), http.StatusBadRequest)
		return
	}
	a.now.Store(&next)
	w.WriteHeader(http.StatusNoContent)
}
