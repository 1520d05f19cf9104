package load

import (
	"hash/fnv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"holdfast"
)

// A Result is one request as its user saw it. Instants are CLOCK_BOOTTIME in
// nanoseconds.
type Result struct {
	Target   string `json:"target"`             // of a session's step its name
	Bare     bool   `json:"bare,omitempty"`     // connected to and told words, not asked over HTTP
	Call     bool   `json:"call,omitempty"`     // a call of gRPC: it failed where the status at its end says so
	Fresh    bool   `json:"fresh,omitempty"`    // on a connection of its own
	Protocol string `json:"protocol,omitempty"` // "h2"; HTTP/1.1 where nothing is said and it is not bare

	// Set for a step of a session.
	Session holdfast.SessionName `json:"session,omitempty"`
	Run     string               `json:"run,omitempty"`   // {{id}}
	Step    int                  `json:"step,omitempty"`  // counted from 1
	Of      int                  `json:"of,omitempty"`    // how many steps the session has
	Write   bool                 `json:"write,omitempty"` // it left something behind, if it was carried out

	Intended int64  `json:"intended"` // when it was due; its time counts from here. Of a later step: when the answer before it ended
	Sent     int64  `json:"sent"`     // when it was taken in hand, before any connecting
	Ended    int64  `json:"ended"`
	Status   int    `json:"status,omitempty"`   // 0 where no answer came
	Error    string `json:"error,omitempty"`    // "connect: connection refused", "answer: timeout"
	Failed   bool   `json:"failed,omitempty"`   // no whole answer in time, or a status of 500 or more; of a step, an answer that is not as expected
	Late     bool   `json:"late,omitempty"`     // not failed, but later than the plan allows
	Degraded bool   `json:"degraded,omitempty"` // marked as given in a dependency's place
	Instead  string `json:"instead,omitempty"`  // of a degraded one its mark: "stale 3s", "fallback", "fallback old-api"
	Sum      uint64 `json:"sum,omitempty"`      // of a degraded one, of its whole body; see Sum
	Body     string `json:"body,omitempty"`     // head of a failed answer's body, at most 200 bytes, printable
}

// Sum tells one body from another, as far as nobody makes two alike on purpose
// (FNV-1a, 64 bits).
func Sum(body []byte) uint64 {
	sum := fnv.New64a()
	sum.Write(body)
	return sum.Sum64()
}

// Hurt tells whether the user had reason to complain.
func (r Result) Hurt() bool { return r.Failed || r.Late }

// A Class is how a request ended for its user.
type Class string

// The classes. Every result is in exactly one.
const (
	Good     Class = "good"
	Degraded Class = "degraded" // answered in time, in a dependency's place
	Late     Class = "late"     // answered, degraded or not, later than the plan allows
	Failed   Class = "failed"
)

// Class is how the request ended.
func (r Result) Class() Class {
	switch {
	case r.Failed:
		return Failed
	case r.Late:
		return Late
	case r.Degraded:
		return Degraded
	}
	return Good
}

// Asked says what was asked for, as a person reads it: "GET front",
// "a connection to cache", "shopping/2 POST storefront:8080/cart over HTTP/2".
func (r Result) Asked() string {
	text := "GET " + r.Target
	switch {
	case r.Session != "":
		text = r.Target
	case r.Bare:
		return "a connection to " + r.Target
	case r.Call:
		return "a call of " + r.Target
	}
	if r.Protocol == "h2" {
		text += " over HTTP/2"
	}
	return text
}

// Took is the time from the instant the request was due to its end.
func (r Result) Took() time.Duration { return time.Duration(r.Ended - r.Intended) }

// notSent is the error of an arrival beyond the cap.
const notSent = "not sent: too many requests under way"

// Watched says whether a process of the plan could be taken hold of before the
// load began.
type Watched struct {
	Watch
	Error string `json:"error,omitempty"` // why not; empty where it is watched
}

// An Exit is a process's end as the generator witnessed it, from the kernel and
// independently of who caused it and who handled it.
type Exit struct {
	Pid  int   `json:"pid"`
	Seen int64 `json:"seen"`
}

// A Record is everything a load brought to light.
type Record struct {
	Began   int64         `json:"began"` // instant the schedule counts from
	Ended   int64         `json:"ended"` // instant the last straggler had ended
	Results []Result      `json:"results"`
	Watched []Watched     `json:"watched,omitempty"`
	Exits   []Exit        `json:"exits,omitempty"`
	States  []StateChange `json:"states,omitempty"`
	Wants   []Want        `json:"wants,omitempty"`
	Probed  []Probed      `json:"probed,omitempty"`
	Capped  int           `json:"capped"` // arrivals not sent because Cap was reached; they are among Results, failed

	// How late the generator itself was: Sent − Intended. A generator that lags
	// measures itself, and what it measured decides nothing.
	LagP99 time.Duration `json:"lag_p99"`
	LagMax time.Duration `json:"lag_max"`

	// Time of the answers that did not fail, late ones included.
	P50 time.Duration `json:"p50"`
	P99 time.Duration `json:"p99"`
	Max time.Duration `json:"max"`
}

// sum fills in what follows from the results.
func (r *Record) sum() {
	lag, took := scale(), scale()
	for _, result := range r.Results {
		if result.Error == notSent {
			continue
		}
		record(lag, time.Duration(result.Sent-result.Intended))
		if !result.Failed {
			record(took, result.Took())
		}
	}
	r.LagP99, r.LagMax = time.Duration(lag.ValueAtQuantile(99)), time.Duration(lag.Max())
	r.P50, r.P99, r.Max = time.Duration(took.ValueAtQuantile(50)), time.Duration(took.ValueAtQuantile(99)), time.Duration(took.Max())
}

// scale counts times from a microsecond to an hour, more than any load lasts,
// to one part in a thousand.
func scale() *hdrhistogram.Histogram {
	return hdrhistogram.New(int64(time.Microsecond), int64(time.Hour), 3)
}

// record counts one time. What is out of scale is counted at its end rather
// than left out: a machine that slept must not look fast.
func record(in *hdrhistogram.Histogram, d time.Duration) {
	_ = in.RecordValue(int64(min(max(d, 0), time.Hour)))
}
