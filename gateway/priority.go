package gateway

import (
	"net/http"
	"slices"
	"time"

	"holdfast"
)

// What callers say of a request, and replicas are told of it, so that a service
// can pass it on.
const (
	priorityField = "Holdfast-Priority" // one of holdfast.Priorities
	timeoutField  = "Holdfast-Timeout"  // what is left of the caller's time: "830ms"
)

// A rank is a priority as a number; the least is refused last.
type rank int

const (
	critical rank = iota
	normal
	sheddable
	background
	ranks int = iota
)

func (r rank) priority() holdfast.Priority { return holdfast.Priorities()[r] }

// rankOf is the rank of a priority, or otherwise where it is none.
func rankOf(p holdfast.Priority, otherwise rank) rank {
	if p == "" {
		return otherwise
	}
	if i := slices.Index(holdfast.Priorities(), p); i >= 0 {
		return rank(i)
	}
	return otherwise
}

// rankFor is what a request counts for. A service's word holds, unless the edge
// itself says less; on a published port anybody may have written it, and it only
// lowers.
func rankFor(r *http.Request, entry *holdfast.RouteEntry) rank {
	own := rankOf(entry.Priority, normal)
	said := r.Header[priorityField]
	if len(said) != 1 {
		return own
	}
	if entry.Caller != "" && entry.Priority == "" {
		return rankOf(holdfast.Priority(said[0]), own)
	}
	return max(own, rankOf(holdfast.Priority(said[0]), own))
}

// shorten makes the route's timeout what the caller has left, if that is less,
// and says whether anything is left. From a published port nobody's word is
// taken: there it is we who begin to count.
func shorten(r *http.Request, entry *holdfast.RouteEntry) bool {
	said := r.Header[timeoutField]
	if entry.Caller == "" || len(said) != 1 {
		return true
	}
	left, err := time.ParseDuration(said[0])
	if err != nil {
		return true
	}
	if left <= 0 {
		return false
	}
	if entry.Timeout == 0 || left < entry.Timeout {
		entry.Timeout = left
	}
	return true
}
