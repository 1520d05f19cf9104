package gateway

import (
	"bytes"
	"cmp"
	"strconv"
	"strings"

	"holdfast"
)

// Bounds of what is told to Prometheus, in the order of the table. Together with
// the 35 series of a route and the 8 of a replica that is some 34,000 series at
// most, however large a system is.
const (
	maxRoutesTold   = 500
	maxReplicasTold = 2000
)

// exposed is a gateway's state as Prometheus reads it (text format 0.0.4).
// Labels are what the file names, and words of ours: never a path that was asked
// for, a client, or an id.
func exposed(build string, state holdfast.GatewayState, own footprint) []byte {
	p := &exposition{}
	routes, replicas := state.Routes, state.Endpoints
	routes = routes[:min(len(routes), maxRoutesTold)]
	replicas = replicas[:min(len(replicas), maxReplicasTold)]
	p.build(build, state, own)
	p.routes(routes)
	p.replicas(replicas)
	p.metric("holdfast_routes_left_out", gauge, "Routes there was no room for here.")
	p.sample(float64(len(state.Routes) - len(routes)))
	p.metric("holdfast_replicas_left_out", gauge, "Replicas there was no room for here.")
	p.sample(float64(len(state.Endpoints) - len(replicas)))
	return p.out.Bytes()
}

// A metricKind is a TYPE of the format.
type metricKind string

const (
	counter   metricKind = "counter"
	gauge     metricKind = "gauge"
	histogram metricKind = "histogram"
)

// A label is a name and its value.
type label struct{ name, value string }

// An exposition is metrics being written, one after another.
type exposition struct {
	out  bytes.Buffer
	name string // of the metric whose samples come now
}

func (p *exposition) metric(name string, kind metricKind, help string) {
	p.name = name
	p.out.WriteString("# HELP " + name + " " + help + "\n# TYPE " + name + " " + string(kind) + "\n")
}

func (p *exposition) sample(value float64, labels ...label) { p.line("", value, labels) }

func (p *exposition) line(suffix string, value float64, labels []label) {
	p.out.WriteString(p.name + suffix)
	for i, l := range labels {
		p.out.WriteString(opening(i) + l.name + `="` + escaped(l.value) + `"`)
	}
	if len(labels) > 0 {
		p.out.WriteByte('}')
	}
	p.out.WriteByte(' ')
	p.out.Write(strconv.AppendFloat(p.out.AvailableBuffer(), value, 'g', -1, 64))
	p.out.WriteByte('\n')
}

func opening(i int) string {
	if i == 0 {
		return "{"
	}
	return ","
}

// escaped is a label's value as the format wants it. What is no UTF-8 would have
// the whole answer refused.
func escaped(value string) string {
	value = strings.ToValidUTF8(value, "?")
	if !strings.ContainsAny(value, "\\\"\n") {
		return value // nearly all are
	}
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(value)
}

// waits writes a histogram, whose buckets each hold those below, too.
func (p *exposition) waits(h holdfast.Histogram, labels []label) {
	seen := uint64(0)
	bounds := holdfast.WaitBounds()
	for i, n := range h.Counts {
		seen += n
		at := "+Inf"
		if i < len(bounds) {
			at = strconv.FormatFloat(bounds[i].Seconds(), 'g', -1, 64)
		}
		p.line("_bucket", float64(seen), append(labels[:len(labels):len(labels)], label{name: "le", value: at}))
	}
	p.line("_sum", h.Sum.Seconds(), labels)
	p.line("_count", float64(seen), labels)
}

// build is what is told of the gateway itself.
func (p *exposition) build(build string, state holdfast.GatewayState, own footprint) {
	p.metric("holdfast_build_info", gauge, "Which Holdfast this is; always 1.")
	p.sample(1, label{name: "version", value: build}, label{name: "goversion", value: own.goVersion})
	p.metric("holdfast_gateway_table_revision", gauge, "Revision of the routing table in force.")
	p.sample(float64(state.Revision))
	p.metric("holdfast_gateway_table_unsaved", gauge, "1 while the routing table in force is not on the disk.")
	p.sample(oneIf(state.Unsaved != ""))
	p.metric("holdfast_gateway_patience", gauge, "How much longer than usual others are waited for because the gateway is late itself, from 1 to 8.")
	p.sample(float64(max(1, state.Patience)))
	own.tell(p)
}

// A column is a number that is told of each route, or of each replica.
type column[T any] struct {
	name  string
	kind  metricKind
	help  string
	value func(T) float64
}

func tell[T any](p *exposition, columns []column[T], all []T, labels func(T) []label) {
	for _, c := range columns {
		p.metric(c.name, c.kind, c.help)
		for _, one := range all {
			p.sample(c.value(one), labels(one)...)
		}
	}
}

func ofRoute(s holdfast.RouteState) []label {
	return []label{
		{name: "listener", value: string(s.Listener)},
		{name: "route", value: s.Host + s.Path},
		{name: "service", value: string(s.Service)},
	}
}

func (p *exposition) routes(all []holdfast.RouteState) {
	p.metric("holdfast_requests_total", counter, "Requests that are over, by the class of the status they were answered with; none: not answered.")
	for _, s := range all {
		for class, n := range s.Answers {
			p.sample(float64(n), append(ofRoute(s), label{name: "status", value: className(class)})...)
		}
	}
	p.metric("holdfast_request_first_byte_seconds", histogram, "From a request's arrival to the first byte of its answer.")
	for _, s := range all {
		p.waits(s.FirstByte, ofRoute(s))
	}
	p.metric("holdfast_requests_shed_total", counter, "Requests refused because the service is given more than it can answer, by their priority.")
	for _, s := range all {
		for _, priority := range holdfast.Priorities() {
			p.sample(float64(s.Shed[priority]), append(ofRoute(s), label{name: "priority", value: string(priority)})...)
		}
	}
	tell(p, routeColumns(), all, ofRoute)
}

func className(class int) string {
	if class == 0 {
		return "none"
	}
	return strconv.Itoa(class) + "xx"
}

func routeColumns() []column[holdfast.RouteState] {
	counted := func(name, help string, of func(holdfast.RouteState) uint64) column[holdfast.RouteState] {
		return column[holdfast.RouteState]{name: name, kind: counter, help: help, value: func(s holdfast.RouteState) float64 { return float64(of(s)) }}
	}
	return []column[holdfast.RouteState]{
		counted("holdfast_requests_begun_total", "Requests, or connections of a service that speaks no HTTP.", func(s holdfast.RouteState) uint64 { return s.Requests }),
		counted("holdfast_requests_failed_total", "Those with a status of 500 or more, or no whole answer.", func(s holdfast.RouteState) uint64 { return s.Failed }),
		counted("holdfast_requests_retried_total", "Those answered by a second try.", func(s holdfast.RouteState) uint64 { return s.Retried }),
		counted("holdfast_requests_hedged_total", "Second replicas asked while a first one was waited for.", func(s holdfast.RouteState) uint64 { return s.Hedged }),
		counted("holdfast_requests_unpaid_total", "Those that the retry budget refused a second try.", func(s holdfast.RouteState) uint64 { return s.RefusedByBudget }),
		counted("holdfast_requests_queued_total", "Those that waited until the service could take one more.", func(s holdfast.RouteState) uint64 { return s.Queued }),
		counted("holdfast_requests_parked_total", "Those that waited for a replica.", func(s holdfast.RouteState) uint64 { return s.Parked }),
		counted("holdfast_requests_stale_total", "Those answered with a copy of an earlier answer.", func(s holdfast.RouteState) uint64 { return s.Stale }),
		counted("holdfast_requests_fallback_total", "Those answered with a fallback that is no copy.", func(s holdfast.RouteState) uint64 { return s.Degraded - min(s.Stale, s.Degraded) }),
		counted("holdfast_requests_broken_total", "Those not sent because all that were before had failed.", func(s holdfast.RouteState) uint64 { return s.Broken }),
	}
}

func ofReplica(e holdfast.EndpointState) []label {
	return []label{{name: "service", value: string(e.ID.Service)}, {name: "replica", value: string(e.ID.Name())}}
}

func (p *exposition) replicas(all []holdfast.EndpointState) {
	tell(p, replicaColumns(), all, ofReplica)
	p.metric("holdfast_replica_out", gauge, "1 for a replica that is given no requests, or only for want of a better one, by the reason.")
	for _, e := range all {
		if !e.Admitted || e.Kept {
			p.sample(1, append(ofReplica(e), label{name: "reason", value: cmp.Or(string(e.Sign), "not admitted yet")})...)
		}
	}
}

func replicaColumns() []column[holdfast.EndpointState] {
	type state = holdfast.EndpointState
	return []column[state]{
		{name: "holdfast_replica_admitted", kind: gauge, help: "1 while a replica is given requests.", value: func(e state) float64 { return oneIf(e.Admitted) }},
		{name: "holdfast_replica_in_flight", kind: gauge, help: "Requests and streams a replica has.", value: func(e state) float64 { return float64(e.InFlight) }},
		{name: "holdfast_replica_tries_total", kind: counter, help: "Requests sent to a replica, restarts of it included.", value: func(e state) float64 { return float64(e.Before.Tries + e.Tries) }},
		{name: "holdfast_replica_failures_total", kind: counter, help: "Of those, the ones not answered, or with a status of 500 or more.", value: func(e state) float64 { return float64(e.Before.Failures + e.Failures) }},
		{name: "holdfast_replica_share", kind: gauge, help: "Of its service's recent tries, those that a replica was given, from 0 to 1.", value: func(e state) float64 { return e.Share }},
		{name: "holdfast_replica_error_share", kind: gauge, help: "Of a replica's recent requests, those that failed, from 0 to 1.", value: func(e state) float64 { return e.ErrorShare }},
		{name: "holdfast_replica_typical_seconds", kind: gauge, help: "Median time to the first byte of a replica's recent answers; 0 when there are none.", value: func(e state) float64 { return e.Typical.Seconds() }},
	}
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
