package holdfast

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// GatewayName names a gateway; several may serve one system.
type GatewayName string

// ListenerName names a socket traffic arrives at: "storefront:8080" for a
// published port, "storefront/catalog" for an edge.
type ListenerName string

// A Listener is a socket the keeper holds and the gateways serve.
type Listener struct {
	Name    ListenerName `json:"name"`
	Address string       `json:"address"` // host:port; port 0 asks for any, and is answered with the one given
}

// A RoutingTable is all that a gateway needs to know, and it keeps the last
// good one on disk. Revision only grows: a gateway refuses an older one.
type RoutingTable struct {
	Revision uint64          `json:"revision"`
	System   SystemName      `json:"system"`
	Routes   []RouteEntry    `json:"routes"`
	Services []RoutedService `json:"services"`
	// Secured are the listeners that are spoken to by TLS, and with which
	// certificates: the first one that fits the name that is asked for.
	Secured map[ListenerName][]Certificate `json:"secured,omitempty"`
	Limits  RequestLimits                  `json:"limits,omitzero"`
}

// A RouteEntry says which service the requests of a listener are for, and on
// whose behalf they come. A listener may have several, each for other hosts and
// paths: of those that a request meets, the one with the most exact host holds,
// and of these the one with the longest path.
type RouteEntry struct {
	Listener ListenerName `json:"listener"`
	Host     string       `json:"host,omitempty"` // as in PublishedRoute
	Path     string       `json:"path,omitempty"`
	Service  ServiceName  `json:"service"`
	Caller   ServiceName  `json:"caller,omitempty"` // empty on published ports
	Treatment
}

// Name is the route in results, counts and sentences: "storefront:8080",
// "storefront/catalog", "gateway:8080/api", "gateway:8080 shop.example/api".
func (e RouteEntry) Name() string { return routeName(e.Listener, e.Host, e.Path) }

// Meets says whether a request for a host and a path is one of those that the
// route is for. The host is in lower case and without its port.
func (e RouteEntry) Meets(host, path string) bool {
	if e.Path != "" && !Below(path, e.Path) {
		return false
	}
	if rest, wild := strings.CutPrefix(e.Host, "*"); wild {
		label, fits := strings.CutSuffix(host, rest)
		return fits && label != "" && !strings.Contains(label, ".")
	}
	return e.Host == "" || e.Host == host
}

// Compare orders the routes of a listener: of those that a request meets, the
// first one is its route. An exact host comes before a wild one, that before
// none, and then a longer path before a shorter one.
func (e RouteEntry) Compare(other RouteEntry) int {
	return cmp.Or(
		cmp.Compare(exactness(other.Host), exactness(e.Host)),
		cmp.Compare(len(other.Path), len(e.Path)),
		cmp.Compare(e.Name(), other.Name()),
	)
}

func exactness(host string) int {
	switch {
	case host == "":
		return 0
	case strings.HasPrefix(host, "*"):
		return 1
	}
	return 2
}

func routeName(listener ListenerName, host, path string) string {
	if host != "" {
		return string(listener) + " " + host + path
	}
	return string(listener) + path
}

// A RoutedService is a service as a gateway sees it: an address per replica.
type RoutedService struct {
	Name        ServiceName `json:"name"`
	Protocol    Protocol    `json:"protocol"`
	Minimum     int         `json:"minimum"`
	Healthcheck Healthcheck `json:"healthcheck"`
	Endpoints   []Endpoint  `json:"endpoints"`
	Draining    []Draining  `json:"draining,omitempty"`
	// Elsewhere is set when somebody else runs it: nothing of ours stands in the
	// way to it but the gateway, also in a private copy.
	Elsewhere bool `json:"elsewhere,omitempty"`
	// Emptied is set when the file itself took the last replica away. Without
	// it a gateway refuses a table that empties a service it has replicas for.
	Emptied bool `json:"emptied,omitempty"`
}

// Listed are all endpoints that a table names of the service: those in use, and those
// that drain.
func (s RoutedService) Listed() []Endpoint {
	all := slices.Clone(s.Endpoints)
	for _, d := range s.Draining {
		all = append(all, d.Endpoint)
	}
	return all
}

// An Endpoint is where one incarnation listens.
type Endpoint struct {
	ID      ReplicaID `json:"id"`
	Address string    `json:"address"`
	Zone    ZoneName  `json:"zone,omitempty"`
}

// A Draining is an incarnation that is about to be ended: it gets nothing more, and
// what it has goes on until an instant. A gateway says Drained when nothing is left.
type Draining struct {
	Endpoint
	By int64 `json:"by"` // CLOCK_BOOTTIME, nanoseconds; what has not ended by then is cut off
}

// A Gateway carries all traffic: published, and between services. It judges
// replicas by itself and serves on when nobody talks to it.
//
// Apply replaces the routing table; what did not change keeps its health, its
// connections and its streams. It is refused with ErrStale when the revision is
// older than the one held (the same one again is accepted and changes nothing),
// and with ErrEmpty when it would take the last replica of a service away that
// the file still wants. Follow hands over the gateway's verdicts (Admitted,
// Ejected, Drained): first those that hold now, then each change, until ctx ends or
// the gateway is lost, in which case it returns an error. An ejection that stands is
// told again when its evidence becomes another. State says what the gateway
// believes.
type Gateway interface {
	Apply(ctx context.Context, table RoutingTable) error
	Follow(ctx context.Context, emit func(Observation)) error
	State(ctx context.Context) (GatewayState, error)
}

// What a Gateway refuses with.
const (
	ErrStale = Refusal("an older routing table than the one held")
	ErrEmpty = Refusal("a routing table that empties a service nobody asked to empty")
)

// A GatewayState is what one gateway believes, with the evidence.
type GatewayState struct {
	Gateway GatewayName `json:"gateway"`
	// Began tells one life of a gateway from the next: its counts begin at zero with
	// each. Nanoseconds of the wall clock.
	Began     int64           `json:"began,omitempty"`
	Revision  uint64          `json:"revision"`
	Endpoints []EndpointState `json:"endpoints"`
	Routes    []RouteState    `json:"routes"`
	Services  []ServiceState  `json:"services,omitempty"`
	// Patience is how much longer than usual the gateway waits for others because
	// it is itself late, from 1 to 8.
	Patience int    `json:"patience,omitempty"`
	Unsaved  string `json:"unsaved,omitempty"` // why the table in force is not on its disk; empty when it is
}

// An EndpointState is one replica as a gateway sees it.
type EndpointState struct {
	ID         ReplicaID     `json:"id"`
	Admitted   bool          `json:"admitted"`
	Kept       bool          `json:"kept,omitempty"`       // admitted although bad: it is the last
	Since      int64         `json:"since"`                // CLOCK_BOOTTIME, nanoseconds
	Sign       Sign          `json:"sign,omitempty"`       // of the evidence against it
	Reason     string        `json:"reason"`               // the evidence, as a person reads it
	HeldUntil  int64         `json:"held_until,omitempty"` // CLOCK_BOOTTIME, nanoseconds; it is not admitted before, however good it looks
	InFlight   int           `json:"in_flight"`
	Share      float64       `json:"share"`             // of the service's recent tries, those that it was given
	Tries      uint64        `json:"tries"`             // requests sent to it
	Failures   uint64        `json:"failures"`          // of those, not answered, or with a status of 500 or more
	ErrorShare float64       `json:"error_share"`       // of its recent requests
	Typical    time.Duration `json:"typical,omitempty"` // median time to the first byte of its recent requests
	Check      time.Duration `json:"check"`             // how long the last health check took
	Before     Tried         `json:"before,omitzero"`   // by incarnations before it that this gateway knew
}

// A ServiceState is how much of a service's capacity is taken, as a gateway sees
// it.
type ServiceState struct {
	Name     ServiceName `json:"name"`
	Limit    int         `json:"limit,omitempty"` // requests it is given at once; 0 while nothing speaks for one
	InFlight int         `json:"in_flight"`       // requests and streams
	Queued   int         `json:"queued"`          // requests that wait for one of these to end
	Parked   int         `json:"parked"`          // requests that wait for a replica
	Cut      uint64      `json:"cut,omitempty"`   // requests and streams, ever, whose replica was ended before they had
	// Overloaded is since when requests are refused, CLOCK_BOOTTIME in nanoseconds;
	// 0 when none is.
	Overloaded int64 `json:"overloaded,omitempty"`
}

// A Tried is what replicas were asked, and how often in vain.
type Tried struct {
	Tries    uint64 `json:"tries"`
	Failures uint64 `json:"failures"`
}

// A RouteState counts what callers of one listener saw, of one of its routes. Of
// what met no route, Service is empty.
type RouteState struct {
	Listener ListenerName `json:"listener"`
	Host     string       `json:"host,omitempty"`
	Path     string       `json:"path,omitempty"`
	Service  ServiceName  `json:"service,omitempty"`
	Caller   ServiceName  `json:"caller,omitempty"` // empty on published ports
	Protocol Protocol     `json:"protocol,omitempty"`
	InForce  Treatment    `json:"in_force"`
	Requests uint64       `json:"requests"`
	Failed   uint64       `json:"failed"`  // status 500 or more, or no whole answer
	Retried  uint64       `json:"retried"` // answered by a second try

	Hedged          uint64 `json:"hedged"`            // a second replica was asked while the first one was waited for
	Degraded        uint64 `json:"degraded"`          // answered by a fallback
	RefusedByBudget uint64 `json:"refused_by_budget"` // might have been asked for a second time, had there been fewer of them

	Shed   map[Priority]uint64 `json:"shed,omitempty"`   // refused because the service is given more than it can answer
	Queued uint64              `json:"queued,omitempty"` // waited until the service could take one more
	Parked uint64              `json:"parked,omitempty"` // waited for a replica
	Stale  uint64              `json:"stale,omitempty"`  // of the degraded, those answered with a copy
	Broken uint64              `json:"broken,omitempty"` // not sent, because all that were before had failed

	Answers   [StatusClasses]uint64 `json:"answers"` // by the first digit of their status; in place 0 what got no answer
	FirstByte Histogram             `json:"first_byte"`
}

// Name is the route's, as in RouteEntry.
func (s RouteState) Name() string { return routeName(s.Listener, s.Host, s.Path) }
