package spec

import (
	"fmt"

	"holdfast"
)

// repetition says how often the gateway asks again on an edge, and which requests.
func (e *explanation) repetition(d holdfast.Dependency) {
	e.repeats("depends_on."+string(d.On), d.On, d.Repetition)
}

// repeats says it of an edge or a route to a service. Where the gateway does not
// see requests, it repeats none.
func (e *explanation) repeats(key string, to holdfast.ServiceName, d holdfast.Repetition) {
	on := e.services[to]
	if on.Manage == holdfast.Observe || on.Protocol == holdfast.TCP {
		return
	}
	budget := fmt.Sprintf("second tries are at most %s of all requests to %s, beyond a small reserve", holdfast.Share(holdfast.RetryShare), to)
	switch {
	case !d.Repeats() && d.Retries != nil && *d.Retries == 0:
		e.say(key+".retries", "none", "`retries: 0`: only what no replica was sent goes to another one")
		return
	case !d.Repeats():
		e.say(key+".idempotent", "no request", "`idempotent: false`: what a replica was sent is not sent again, whatever its method and its Idempotency-Key")
		return
	case d.Retries == nil:
		e.say(key+".retries", "1 after a failure, 2 while few fail, up to 2 beside a replica that is late", "%s; %s", unless, budget)
	default:
		e.say(key+".retries", fmt.Sprintf("at most %d", *d.Retries), "`retries`: after failures and beside replicas that are late together; %s", budget)
	}
	if d.Idempotent == nil {
		e.say(key+".idempotent", "GET, HEAD, OPTIONS, TRACE, PUT, DELETE, and what has an Idempotency-Key", "%s; beside a replica that is late only GET, HEAD and OPTIONS", unless)
		return
	}
	e.say(key+".idempotent", "every request", "`idempotent: true`: all are repeated as a GET is")
}
