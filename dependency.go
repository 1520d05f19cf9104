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
	Required bool          `json:"required"`      // without it the caller cannot serve
	For      []string      `json:"for,omitempty"` // what of the caller needs it: paths, each with all that begins with it; empty: everything
	Timeout  time.Duration `json:"timeout"`       // for the whole answer; 1 s unless the file says otherwise
	Fallback *Fallback     `json:"fallback,omitempty"`
	// Completed says that On runs once, and that the caller starts after it: no
	// request ever takes this edge.
	Completed bool `json:"completed,omitempty"`
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
// marked Holdfast-Degraded. Stale comes first where there is a copy, then Body
// or File, of which at most one is set.
type Fallback struct {
	Body  string        `json:"body,omitempty"`  // JSON, answered with status 200
	File  string        `json:"file,omitempty"`  // absolute path, read when it is needed; at most 1 MiB
	Stale time.Duration `json:"stale,omitempty"` // a copy of the last good answer to the same GET, at most this old
}
