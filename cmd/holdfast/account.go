package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"holdfast"
	"holdfast/api"
	"holdfast/diagnostic"
	"holdfast/event"
	"holdfast/internal/proc"
	"holdfast/journal/view"
)

// accountWidth is what a line of an account is at most, on however wide a
// terminal: beyond it a reader loses the line.
const accountWidth = 120

// serviceAlone is what a status says of one service: its replicas, its failures,
// what the gateways believe of it, and the routes from and to it.
func serviceAlone(status api.Status, name holdfast.ServiceName) (api.Status, error) {
	i := slices.IndexFunc(status.View.Services, func(s view.ServiceStatus) bool { return s.Name == name })
	if i < 0 {
		return status, &api.Problem{Code: api.Unknown, Message: fmt.Sprintf("there is no service %q", name), Hint: "holdfast status lists them"}
	}
	status.View.Services = status.View.Services[i : i+1]
	status.View.Failures = only(status.View.Failures, func(f view.Failure) bool { return f.ID.Service == name })
	gateways := slices.Clone(status.Gateways)
	for i := range gateways {
		gateways[i].Endpoints = only(gateways[i].Endpoints, func(e holdfast.EndpointState) bool { return e.ID.Service == name })
		gateways[i].Routes = only(gateways[i].Routes, func(r holdfast.RouteState) bool { return r.Service == name || r.Caller == name })
	}
	status.Gateways = gateways
	return status, nil
}

func only[T any](all []T, that func(T) bool) []T {
	return slices.DeleteFunc(append([]T{}, all...), func(one T) bool { return !that(one) })
}

// An account prints what is known of one service, in lines that fit.
type account struct {
	out    io.Writer
	width  int
	status api.Status // of the service alone
	now    time.Duration
	wall   time.Time
}

func newAccount(out io.Writer, status api.Status) account {
	return account{out: out, width: min(columns(out), accountWidth), status: status, now: proc.Now(), wall: time.Now()}
}

func (a account) print() {
	service := a.status.View.Services[0]
	fmt.Fprintf(a.out, "%s  %d/%d admitted, minimum %d, owner %s\n", service.Name, service.Admitted, service.Declared, service.Minimum, cmp.Or(string(service.Owner), "–"))
	if slices.Contains(a.status.Mute, string(gatewayRole)) {
		a.line("", "the gateway does not answer: what it last said is shown")
	}
	for _, replica := range service.Replicas {
		a.replica(replica)
	}
	a.routes("routes to it", func(r holdfast.RouteState) bool { return r.Service == service.Name })
	a.routes("routes from it", func(r holdfast.RouteState) bool { return r.Caller == service.Name && r.Service != service.Name })
}

// replica says why one is in or out, by whose evidence, and what it is given.
func (a account) replica(r view.ReplicaStatus) {
	name := string(r.ID.Name())
	judged := false
	for _, gateway := range a.status.Gateways {
		for _, e := range gateway.Endpoints {
			if e.ID != r.ID {
				continue
			}
			judged = true
			a.line(column(name), a.standing(gateway.Gateway, e))
			a.line(column(""), given(e))
		}
	}
	if !judged {
		a.line(column(name), fmt.Sprintf("%s, since %s: %s", r.State, r.Since.Wall.In(time.Local).Format(time.TimeOnly), cmp.Or(r.Reason, "nothing was said of it yet")))
	}
	for _, failure := range a.status.View.Failures {
		if failure.ID.Name() == r.ID.Name() {
			a.line(column(""), fmt.Sprintf("%s%s: %s", drillOf(failure), failure.Mode, cmp.Or(failure.Doing, failure.Detail)))
		}
	}
}

// standing is a gateway's verdict with its evidence.
func (a account) standing(by holdfast.GatewayName, e holdfast.EndpointState) string {
	word := "OUT"
	switch {
	case e.Admitted:
		word = "in"
	case e.Sign == "":
		word = "not in yet," // nothing was held against it: it is starting
	}
	if len(a.status.Gateways) > 1 {
		word += " by " + string(by)
	}
	ago := a.now - time.Duration(e.Since)
	text := fmt.Sprintf("%s since %s (%s): %s", word, a.wall.Add(-ago).Format(time.TimeOnly), event.Short(ago), cmp.Or(e.Reason, "no evidence yet"))
	if e.Sign != "" && (!e.Admitted || e.Kept) {
		text += fmt.Sprintf(" [%s]", e.Sign)
	}
	if e.Kept {
		text += "; it is used all the same, for it is the last one"
	}
	if left := time.Duration(e.HeldUntil) - a.now; left > 0 && !e.Admitted {
		text += fmt.Sprintf("; held out for another %s, however well it answers", event.Short(left.Round(time.Second)))
	}
	return text
}

// given is what a replica has to do, and how it fares with it.
func given(e holdfast.EndpointState) string {
	typical := "no answer lately"
	if e.Typical > 0 {
		typical = "typically " + event.Short(e.Typical)
	}
	return strings.Join([]string{
		percent(e.Share) + " of the requests lately",
		fmt.Sprintf("%d in flight", e.InFlight),
		typical,
		percent(e.ErrorShare) + " errors",
		fmt.Sprintf("%s in all, %d failed", diagnostic.Count(int(e.Tries), "request"), e.Failures),
	}, ", ")
}

func percent(share float64) string {
	switch p := 100 * share; {
	case p > 0 && p < 1:
		return "under 1%"
	case p > 99 && p < 100:
		return "over 99%"
	default:
		return fmt.Sprintf("%.0f%%", p)
	}
}

// routes are those of a kind, with what became of their requests and how these
// are treated.
func (a account) routes(heading string, of func(holdfast.RouteState) bool) {
	first := true
	for _, gateway := range a.status.Gateways {
		for _, r := range only(gateway.Routes, of) {
			if first {
				fmt.Fprintf(a.out, "\n%s\n", heading)
				first = false
			}
			a.line("  ", r.Name()+whose(r))
			a.line("    so far    ", cameOf(r))
			a.line("    in force  ", inForce(r))
		}
	}
}

func whose(r holdfast.RouteState) string {
	if r.Caller == "" {
		return ", published"
	}
	return fmt.Sprintf(", what %s asks of %s", r.Caller, r.Service)
}

// cameOf is what became of a route's requests. What never happened is left out.
func cameOf(r holdfast.RouteState) string {
	noun := "request"
	if r.Protocol == holdfast.TCP {
		noun = "connection"
	}
	parts := []string{diagnostic.Count(int(r.Requests), noun), fmt.Sprintf("%d failed", r.Failed)}
	add := func(n uint64, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(r.Retried, "retried")
	add(r.Hedged, "hedged")
	add(r.RefusedByBudget, "refused a second try by the retry budget")
	if all, of := shed(r.Shed); all > 0 {
		add(all, "shed ("+of+")")
	}
	add(r.Queued, "queued")
	add(r.Parked, "parked")
	add(r.Broken, "not sent for all before had failed")
	add(r.Stale, "served stale")
	add(r.Degraded-min(r.Stale, r.Degraded), "served by fallback")
	if len(parts) == 2 && r.Protocol != holdfast.TCP {
		parts = append(parts, "none retried, hedged, shed or degraded")
	}
	return strings.Join(append(parts, paces(r.FirstByte)...), ", ")
}

// shed is how many were refused for want of room, and of which priorities.
func shed(by map[holdfast.Priority]uint64) (all uint64, of string) {
	var parts []string
	for _, priority := range holdfast.Priorities() {
		if n := by[priority]; n > 0 {
			all += n
			parts = append(parts, fmt.Sprintf("%d %s", n, priority))
		}
	}
	return all, strings.Join(parts, ", ")
}

// paces are how soon answers begin, as far as the bounds of the counts tell.
func paces(h holdfast.Histogram) []string {
	half, ok := h.Below(0.5)
	if !ok {
		return nil
	}
	text := "half begun within " + event.Short(half)
	if most, ok := h.Below(0.99); ok {
		text += ", 99% within " + event.Short(most)
	}
	return []string{text}
}

// inForce is how the requests of a route are treated.
func inForce(r holdfast.RouteState) string {
	if r.Protocol == holdfast.TCP {
		return "a connect that fails is made to another replica; of what follows nothing is understood"
	}
	t := r.InForce
	timeout := "no timeout"
	if t.Timeout > 0 {
		timeout = "timeout " + event.Short(t.Timeout)
	}
	return strings.Join([]string{timeout, repetition(t.Repetition), "priority " + string(cmp.Or(t.Priority, holdfast.Normal)), fallbackText(t.Fallback)}, "; ")
}

func repetition(r holdfast.Repetition) string {
	if !r.Repeats() {
		return "nothing that was written is sent twice"
	}
	which := "of what its method or an Idempotency-Key lets be repeated"
	if r.Idempotent != nil {
		which = "of any request"
	}
	if r.Retries == nil {
		return "1 second try after a failure and up to 2 beside a late replica, " + which
	}
	return fmt.Sprintf("at most %s beyond the first, %s", countOfTries(*r.Retries), which)
}

func countOfTries(n int) string {
	if n == 1 {
		return "1 try"
	}
	return fmt.Sprintf("%d tries", n)
}

func fallbackText(f *holdfast.Fallback) string {
	if f == nil {
		return "no fallback"
	}
	var parts []string
	if f.Stale > 0 {
		parts = append(parts, "a copy up to "+event.Short(f.Stale)+" old")
	}
	switch {
	case f.Body != "":
		parts = append(parts, "a body of "+diagnostic.Count(len(f.Body), "byte"))
	case f.File != "":
		parts = append(parts, f.File)
	case f.Service != "":
		parts = append(parts, "service "+string(f.Service))
	}
	return "fallback " + strings.Join(parts, ", then ")
}

// nameColumn is where the sentences about replicas begin, so that names stand
// apart.
const nameColumn = 14

func column(name string) string {
	return "  " + name + strings.Repeat(" ", max(2, nameColumn-utf8.RuneCountInString(name)))
}

// line prints a sentence after its lead, broken between words where it is too
// wide; what is broken goes on below where it began.
func (a account) line(lead, sentence string) {
	line, begun := lead, false
	for word := range strings.FieldsSeq(sentence) {
		if begun && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > a.width {
			fmt.Fprintln(a.out, line)
			line, begun = strings.Repeat(" ", utf8.RuneCountInString(lead)), false
		}
		if begun {
			line += " "
		}
		line, begun = line+word, true
	}
	fmt.Fprintln(a.out, line)
}
