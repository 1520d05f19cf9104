// Package load asks a system what its users would ask, at the instants they
// would ask it, whether it answers or not, and keeps what they saw.
//
// The model is open: arrivals follow a schedule and never wait for answers, and
// a request's time counts from the instant it was due. A generator that waits
// for answers asks least when the system is worst, and so passes what it should
// fail.
//
// The generator is a process of its own (Run), so that neither the system nor
// whoever judges it can slow its clock. Start, Snapshot and Stop are its
// parent's side. What it reports is stamped with CLOCK_BOOTTIME in nanoseconds,
// which is one clock for every process of the machine.
package load

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"holdfast"
)

// The limits of a plan. They bound the memory of generator and parent, which
// keep one Result per arrival.
const (
	maxFor      = 10 * time.Minute
	maxTimeout  = time.Minute
	maxRate     = 10_000
	maxArrivals = 300_000 // 500/s for the longest load
	maxTargets  = 100
	maxWatch    = 100
	maxCap      = 10_000
	maxWeight   = 1_000_000
	maxName     = 200
	maxWords    = 1 << 10  // bytes that a tcp target is told and must answer
	maxPlan     = 64 << 10 // bytes as JSON
)

// A Plan is everything a generator needs to know. Rate, For, Timeout, Late, Cap
// and one target or session must be set. The same plan gives the same schedule.
type Plan struct {
	Seed     uint64            `json:"seed"`
	Rate     float64           `json:"rate"`               // arrivals per second over all targets and sessions; one arrival runs one session
	Arrivals holdfast.Arrivals `json:"arrivals,omitempty"` // constant unless said
	Ramp     time.Duration     `json:"ramp,omitempty"`     // over which the rate rises from nothing, evenly
	For      time.Duration     `json:"for"`                // hard end; at most 10 minutes
	Targets  []Target          `json:"targets,omitempty"`
	Sessions []Session         `json:"sessions,omitempty"`
	Timeout  time.Duration     `json:"timeout"`         // from the intended instant to the end of the answer; at most a minute
	Late     time.Duration     `json:"late"`            // a good answer later than this is late
	Fresh    holdfast.Share    `json:"fresh"`           // of the arrivals on connections of their own; the rest share kept ones
	HTTP2    holdfast.Share    `json:"http2,omitempty"` // of the arrivals, whatever they ask over HTTP, with prior knowledge; the rest speak HTTP/1.1
	Cap      int               `json:"cap"`             // requests under way at most; an arrival beyond it is failed and counted
	Watch    []Watch           `json:"watch,omitempty"`
	Probes   []Probe           `json:"probes,omitempty"`
}

// A Target is one thing users ask for: GET URL over http or https, or, for
// tcp://host:port, a connection, on which Send is written and Expect waited for
// where they are set. Of all arrivals it gets its Weight's part of the sum of
// all weights, those of sessions included.
type Target struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	Host string `json:"host,omitempty"` // that is asked for, where it is another than the URL's
	// Protocol is what is spoken there, where it is not HTTP/1.1: a grpc target is
	// asked by a call of its health service, and what fails is said by its status.
	Protocol holdfast.Protocol `json:"protocol,omitempty"`
	Send     string            `json:"send,omitempty"`   // tcp only
	Expect   string            `json:"expect,omitempty"` // tcp only
	Weight   int               `json:"weight"`           // at least 1
}

// A Watch is a process whose stops and exit the generator is to witness, named
// by pid and start time in clock ticks since boot.
type Watch struct {
	Pid   int    `json:"pid"`
	Ticks uint64 `json:"ticks"`
}

// Check returns everything that is wrong with a plan, or nil.
func (p Plan) Check() error {
	var wrong []error
	demand := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	demand(p.Rate > 0 && p.Rate <= maxRate, "rate %v/s: want more than 0 and at most %d/s", p.Rate, maxRate)
	demand(p.For > 0 && p.For <= maxFor, "for %s: want more than 0 and at most %s", p.For, maxFor)
	demand(p.Rate*p.For.Seconds()*p.PerArrival() <= maxArrivals, "%v/s for %s: more than %d requests", p.Rate, p.For, maxArrivals)
	demand(p.Arrivals == "" || p.Arrivals == holdfast.Constant || p.Arrivals == holdfast.Poisson, "arrivals %q: want %s or %s", p.Arrivals, holdfast.Constant, holdfast.Poisson)
	demand(p.Ramp >= 0 && p.Ramp <= p.For, "ramp %s: want 0 to %s, for which the load lasts", p.Ramp, p.For)
	demand(p.Timeout > 0 && p.Timeout <= maxTimeout, "timeout %s: want more than 0 and at most %s", p.Timeout, maxTimeout)
	demand(p.Late > 0, "late %s: want more than 0", p.Late)
	demand(p.Fresh >= 0 && p.Fresh <= 1, "fresh %v: want a share from 0 to 1", float64(p.Fresh))
	demand(p.HTTP2 >= 0 && p.HTTP2 <= 1, "HTTP/2 %v: want a share from 0 to 1", float64(p.HTTP2))
	demand(p.Cap > 0 && p.Cap <= maxCap, "cap %d: want 1 to %d", p.Cap, maxCap)
	demand(len(p.Targets)+len(p.Sessions) > 0, "neither a target nor a session: want one at least")
	demand(len(p.Targets) <= maxTargets, "%d targets: want at most %d", len(p.Targets), maxTargets)
	demand(len(p.Watch) <= maxWatch, "%d processes to watch: want at most %d", len(p.Watch), maxWatch)
	for _, target := range p.Targets {
		demand(len(target.Name) > 0 && len(target.Name) <= maxName, "target %q: want a name of 1 to %d bytes", target.Name, maxName)
		demand(target.Weight > 0 && target.Weight <= maxWeight, "target %s: weight %d: want 1 to %d", target.Name, target.Weight, maxWeight)
		demand(target.askable(), "target %s: %q: want http[s]://host[:port]/path or tcp://host:port", target.Name, target.URL)
		demand(target.Protocol == "" || slices.Contains(holdfast.Protocols(), target.Protocol), "target %s: protocol %q", target.Name, target.Protocol)
		demand(len(target.Send)+len(target.Expect) <= maxWords, "target %s: what it is told and must say is longer than %d bytes", target.Name, maxWords)
	}
	wrong = append(wrong, p.checkSessions(), p.checkProbes())
	if err := errors.Join(wrong...); err != nil {
		return fmt.Errorf("plan of the load: %w", err)
	}
	return nil
}

func (t Target) askable() bool {
	if strings.ContainsFunc(t.Host, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return false
	}
	at, err := url.Parse(t.URL)
	if err != nil || at.Hostname() == "" {
		return false
	}
	return at.Scheme == "http" || at.Scheme == "https" || at.Scheme == "tcp" && at.Port() != ""
}
