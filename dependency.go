package holdfast

import (
	"slices"
	"strings"
	"time"
)

// An Edge is one service's need of another: "storefront/catalog".
type Edge struct {
	From ServiceName `json:"from"`
	To   ServiceName `json:"to"`
}

// String is the edge as it begins a mode's name and names a listener.
func (e Edge) String() string { return string(e.From) + "/" + string(e.To) }

// A Dependency is an edge as its caller declares it.
type Dependency struct {
	On       ServiceName   `json:"on"`
	Required bool          `json:"required"`           // without it the caller cannot serve
	For      []string      `json:"for,omitempty"`      // what of the caller needs it: paths, each with all that begins with it; empty: everything
	Timeout  time.Duration `json:"timeout"`            // for the whole answer; StandardTimeout unless the file says otherwise
	Priority Priority      `json:"priority,omitempty"` // of the caller's requests, unless what they are made for says less; empty is Normal
	Fallback *Fallback     `json:"fallback,omitempty"`
	Repetition
	// Completed says that On runs once, and that the caller starts after it: no
	// request ever takes this edge.
	Completed bool `json:"completed,omitempty"`
}

// A Repetition is what a gateway may do when a replica does not answer a request,
// or not soon, or badly: ask another one.
type Repetition struct {
	// Retries is how many second tries of one request there are at most, those
	// included that are made beside a replica that is late. What counts is what
	// was written: a connection that is refused, or never comes about, has carried
	// nothing, and the request goes to another replica also with 0, which says that
	// no byte of a request is ever written twice. Nil is one after a failure, a
	// second one while few fail, and up to two beside a replica that is late.
	Retries *int `json:"retries,omitempty"`
	// Idempotent says that any request may be carried out twice, as a GET may, or,
	// with false, that none may, not even a GET. Nil is by method, and by an
	// Idempotency-Key.
	Idempotent *bool `json:"idempotent,omitempty"`
}

// MaxRetries bounds Retries. Whatever the number is, second tries are a share of
// a service's requests, RetryShare, beyond a small reserve.
const (
	MaxRetries = 3
	RetryShare = 0.20 // Finagle's and Linkerd's; those beside a replica that is late are taken from it, too
)

// Repeats says whether anything that was written may be written again.
func (r Repetition) Repeats() bool {
	return (r.Retries == nil || *r.Retries > 0) && (r.Idempotent == nil || *r.Idempotent)
}

// StandardTimeout is an edge's time-out where the file has none.
const StandardTimeout = time.Second

// FallbackShare is how much of an edge's time-out is waited for an answer where
// the gateway has one of its own; the rest is for that to reach the caller.
const FallbackShare = 0.8

// Wait is how long the caller is kept waiting at most.
func (d Dependency) Wait() time.Duration {
	if d.Fallback != nil && (d.Fallback.Body != "" || d.Fallback.File != "") {
		return time.Duration(FallbackShare * float64(d.Timeout))
	}
	return d.Timeout
}

// Serves says whether a route of the caller needs the dependency. The route that
// is everything needs what any part of it does.
func (d Dependency) Serves(route string) bool {
	if len(d.For) == 0 || route == "" {
		return true
	}
	return slices.ContainsFunc(d.For, func(path string) bool { return Below(path, route) || Below(route, path) })
}

// Below says whether a path is another one or goes on from it: "/cart/1" is below
// "/cart" and below "/", and "/carts" is not below "/cart".
func Below(path, above string) bool {
	rest, below := strings.CutPrefix(path, strings.TrimSuffix(above, "/"))
	return below && (rest == "" || rest[0] == '/')
}

// A Fallback is what the gateway answers in a dependency's place when no replica
// of it does. It is tried within the edge's timeout, and what it answers is
// marked Holdfast-Degraded. Stale comes first where there is a copy, then Body,
// File or Service, of which at most one is set.
type Fallback struct {
	Body    string        `json:"body,omitempty"`    // JSON, answered with status 200
	File    string        `json:"file,omitempty"`    // absolute path, read when it is needed; at most 1 MiB
	Service ServiceName   `json:"service,omitempty"` // asked instead, once, with what is left of the timeout
	Stale   time.Duration `json:"stale,omitempty"`   // a copy of the last good answer to the same GET, at most this old
}
