package prove

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/load"
	"holdfast/report"
	"holdfast/topology"
)

// help says what would have helped, the best first, in the words of the file.
// Each line rests on what was seen in this drill: where nothing is known, nothing
// is said.
func (f facts) help(s story, d report.Drill) []string {
	if d.Verdict != holdfast.Fail {
		return nil
	}
	return said(slices.Concat(
		f.helpWrites(), []string{f.helpHealth(s, d), f.helpReplicas(d)}, f.helpRetries(), []string{f.helpKey()},
		[]string{f.helpLoop(s, d), f.helpCommand(s, d), f.helpRemedy(s, d), f.helpRail(s, d), f.helpStart(s, d), f.helpPeriod(s, d)},
		[]string{f.helpFallback(d), f.helpCopy(d), f.helpFast(d)}, f.helpCallers(s),
		[]string{f.helpFewerTries(), f.helpDetect(d)}, f.helpTimeouts(d),
	)...)
}

// need is a dependency as people find it in the file.
func need(edge holdfast.Target) string {
	return fmt.Sprintf("for %s under depends_on of %s", edge.Service, edge.Caller)
}

// under is a setting of the drilled mode as people write it.
func (f facts) under(setting string) string {
	return fmt.Sprintf("`failure_modes: {%s: {%s}}` for %s", f.mode.Kind, setting, f.service.Name)
}

// usersHurt tells whether users had to bear more than the bounds allow.
func usersHurt(d report.Drill) bool {
	return d.Impact > d.Bounds.Impact || d.Mitigate == nil || *d.Mitigate > d.Bounds.Mitigate
}

// notBack tells whether the system was not whole again within its bound.
func notBack(d report.Drill) bool { return d.Restore == nil || *d.Restore > d.Bounds.Restore }

// helpHealth: what answers its health check is used.
func (f facts) helpHealth(s story, d report.Drill) string {
	used := ""
	if t := f.trusted(); t != nil && usersHurt(d) {
		used = fmt.Sprintf("%s was in use, and users were hurt", t.id)
	} else if s.failed.Sign != "" && notBack(d) {
		used = fmt.Sprintf("%s was in use, and failed", s.failed.ID)
	}
	switch check := f.service.Healthcheck; {
	case used == "":
		return ""
	case check.Disabled:
		return fmt.Sprintf("a `healthcheck` for %s that is not disabled: to run is enough now, %s", f.service.Name, used)
	case f.service.Protocol == holdfast.TCP && check.Expect == "":
		return fmt.Sprintf("`healthcheck: {send: …, expect: …}` for %s: to take a connection is enough now, %s", f.service.Name, used)
	case f.service.Protocol == holdfast.TCP:
		return fmt.Sprintf("let %s say %q only once it can serve: %s", f.service.Name, check.Expect, used)
	case check.Path != "":
		return fmt.Sprintf("let GET %s of %s answer well only once it can serve: %s", check.Path, f.service.Name, used)
	default:
		return fmt.Sprintf("`healthcheck: {path: …}` for %s, a page that answers well only once it can serve: any answer counts now, %s", f.service.Name, used)
	}
}

// helpReplicas: where there is one of a thing nobody can be asked in its place.
func (f facts) helpReplicas(d report.Drill) string {
	switch {
	case f.service.Replicas == 1 && f.service.Command != "" && d.Detect == nil && f.compared():
		return fmt.Sprintf("`replicas: 2` for %s: it is found out by comparison with other replicas, and there is none", f.service.Name)
	case f.service.Replicas != 1 || f.loss != nil || !usersHurt(d) || f.trusted() != nil:
		return ""
	case f.service.Command == "":
		return fmt.Sprintf("a second one under `urls` of %s: there was nothing else to ask", f.service.Name)
	default:
		return fmt.Sprintf("`replicas: 2` for %s: there was nothing else to ask", f.service.Name)
	}
}

// compared tells whether the mode is told by what other replicas answer.
func (f facts) compared() bool {
	return f.loss == nil && (f.mode.Kind == "errors" || f.mode.Kind == "slow")
}

// helpRetries: the file forbids to ask another replica.
func (f facts) helpRetries() []string {
	var lines []string
	for _, edge := range f.unrepeated() {
		if d := dependencyOf(f.system, edge); d.Retries != nil && *d.Retries == 0 {
			lines = append(lines, fmt.Sprintf("`retries: 1` %s: with `retries: 0` what failed is not asked of another replica", need(edge)))
			continue
		}
		lines = append(lines, fmt.Sprintf("no `idempotent: false` %s: with it what failed is not asked of another replica", need(edge)))
	}
	return lines
}

// unrepeated are the edges to the struck service on which requests were hurt
// that no other replica might be asked for.
func (f facts) unrepeated() []holdfast.Target {
	if f.service.Replicas == 1 || f.loss != nil {
		return nil // there is no other
	}
	var edges []holdfast.Target
	for _, edge := range f.edges() {
		if !dependencyOf(f.system, edge).Repeats() && f.hurtAt(edge.String()) > 0 {
			edges = append(edges, edge)
		}
	}
	return edges
}

// helpKey: what changes something is not asked twice, unless it says that it may
// be.
func (f facts) helpKey() string {
	hurt := f.first()
	if hurt != nil && hurt.Method == "call" {
		return f.helpCalls(hurt)
	}
	if hurt == nil || hurt.Method != "POST" && hurt.Method != "PATCH" || f.service.Replicas == 1 || f.loss != nil {
		return ""
	}
	if at, _, _ := strings.Cut(hurt.Route, ":"); at != string(f.service.Name) {
		return "" // what its caller asks of the struck service is not known
	}
	return fmt.Sprintf("an Idempotency-Key on %s %s, if it may be carried out twice: without one it is not sent to another replica", hurt.Method, hurt.Route)
}

// helpCalls: of a call nobody knows whether it may be carried out twice, unless the
// file says so.
func (f facts) helpCalls(hurt *report.Hurt) string {
	if f.service.Replicas == 1 || f.loss != nil || f.system == nil {
		return ""
	}
	for _, route := range topology.Routes(f.system) {
		if route.Name() != hurt.Route || route.Idempotent != nil || route.Service != f.service.Name {
			continue
		}
		where := "`idempotent: true` of " + hurt.Route
		if strings.HasPrefix(hurt.Route, string(f.service.Name)+":") { // `ports` say nothing of requests
			where = fmt.Sprintf("a route under `gateway` in place of `ports` of %s, with `idempotent: true`", f.service.Name)
		}
		return where + ", if its calls may be carried out twice: without it what was sent is not asked of another replica"
	}
	return ""
}

// helpLoop: what ends by itself is not mended by starting it.
func (f facts) helpLoop(s story, d report.Drill) string {
	if s.exits == 0 || !notBack(d) {
		return ""
	}
	return fmt.Sprintf("a %s that starts after a crash: started again, %s ended by itself (%s)", f.service.Name, s.exited.ID, s.exited.Status)
}

func (f facts) helpCommand(s story, d report.Drill) string {
	if s.unstarted == "" || !notBack(d) {
		return ""
	}
	return fmt.Sprintf("a `command` of %s that is there when it is started again: %s", f.service.Name, s.unstarted)
}

// helpRemedy: nobody is to mend what nothing else ends.
func (f facts) helpRemedy(s story, d report.Drill) string {
	if len(f.mode.Remedies) > 0 || f.byUndo || d.Restore != nil || f.service.Manage != holdfast.Full {
		return ""
	}
	return f.under("remedies: [restart]") + ": none is declared, so it waits for a person"
}

// helpRail: what the file can say about the guardrail that had the last word.
func (f facts) helpRail(s story, d report.Drill) string {
	if len(s.withheld) == 0 || !notBack(d) {
		return ""
	}
	switch holdfast.Guardrail(s.withheld[len(s.withheld)-1]) {
	case holdfast.RailPause:
		return "`holdfast resume`: somebody has paused the remedies"
	case holdfast.RailShadow:
		return f.under("armed: true") + ": until then, or until its drill has passed, a restart of what lives is only recorded"
	case holdfast.RailUnavailable:
		return "a larger `guardrails: {max_unavailable: …}`, if so many may be out: " + s.why
	case holdfast.RailAttempts:
		if s.exits > 0 || s.gaveUp != "" {
			return "" // more of what does not help does not help
		}
		return "a larger `guardrails: {max_actions: …}`: " + s.why
	default:
		return ""
	}
}

// helpStart: most of the time went into its start.
func (f facts) helpStart(s story, d report.Drill) string {
	i := longestStep(d.Steps)
	if i < 0 || !notBack(d) || d.Steps[i].Name != report.StepReady || s.exits > 0 {
		return ""
	}
	if took := d.Steps[i].Took; d.Restore != nil {
		return fmt.Sprintf("a shorter start of %s: it took %s, and `restore` allows %s for everything", f.service.Name, report.Short(took), report.Short(d.Bounds.Restore))
	}
	return ""
}

// helpPeriod: it was given up before it was ready.
func (f facts) helpPeriod(s story, d report.Drill) string {
	if s.gaveUp == "" || !notBack(d) {
		return ""
	}
	return fmt.Sprintf("a longer `healthcheck: {start_period: …}` for %s than %s, if its start takes that long: it was given up, %s",
		f.service.Name, event.Short(f.service.Healthcheck.StartPeriod), s.gaveUp)
}

// helpFallback: something can answer in a lost dependency's place.
func (f facts) helpFallback(d report.Drill) string {
	switch {
	case f.loss == nil || f.loss.covered:
		return ""
	case f.service.Protocol == holdfast.GRPC && (usersHurt(d) || overContained(f, d) != ""):
		return fmt.Sprintf("a %s that answers without %s, and `required: false` %s: nothing is answered in the place of a gRPC call", f.loss.edge.Caller, f.loss.edge.Service, need(f.loss.edge))
	case !f.loss.fatal && usersHurt(d):
		return fmt.Sprintf("`fallback: {json: …}` %s, or a %s that answers without it, as `required: false` says", need(f.loss.edge), f.loss.edge.Caller)
	case f.loss.fatal && overContained(f, d) != "":
		return fmt.Sprintf("`fallback: {json: …}` %s, if anything can be answered in its place", need(f.loss.edge))
	default:
		return ""
	}
}

// helpCopy: only a copy was to answer, and there need not be one.
func (f facts) helpCopy(d report.Drill) string {
	if f.system == nil || overFallback(f) == "" {
		return ""
	}
	for _, way := range slices.Sorted(maps.Keys(f.loss.covers)) {
		by := f.loss.covers[way]
		if by.Body != "" || by.File != "" || by.Service != "" || f.uncovered(way, by) == "" {
			continue
		}
		where := "the fallback " + need(f.loss.edge)
		if f.loss.edge.Whole {
			where = "the route " + way
		}
		return "`json` or `file` beside `stale` in " + where + ": where there is no copy of a good answer nothing answers; none is kept of one that is `private`, `no-store`, sets a cookie, or is longer than 64 KiB"
	}
	return ""
}

// helpFast: the edge gave up in time and its caller did not.
func (f facts) helpFast(d report.Drill) string {
	c := d.Contained
	if c == nil || c.Slowest <= c.Allowed {
		return ""
	}
	itself := f.whileLost(f.loss.itself)
	if len(itself) == 0 || millis(slowest(itself).Took()) > c.Allowed {
		return ""
	}
	return fmt.Sprintf("a %s that gives up when %s does: over %s itself every answer came within %s", f.loss.edge.Caller, f.loss.edge.Service, f.loss.edge, event.Short(slowest(itself).Took()))
}

// helpCallers: whoever needs a lost service is to live without it.
func (f facts) helpCallers(s story) []string {
	if f.loss == nil {
		return nil
	}
	var lines []string
	for _, e := range s.outOfCallers(f) {
		switch {
		case e.Sign == holdfast.SignExit:
			lines = append(lines, fmt.Sprintf("a %s that lives on without %s: %s ended (%s)", e.ID.Service, f.service.Name, e.ID, e.Detail))
		case e.Sign == holdfast.SignUnhealthy || e.Sign == holdfast.SignMissed:
			lines = append(lines, fmt.Sprintf("a health check of %s that does not ask %s: %s is out (%s)", e.ID.Service, f.service.Name, e.ID, e.Detail))
		}
	}
	return lines[:min(len(lines), 1)] // its other replicas say the same
}

// helpFewerTries: the gateway tries again by itself, and no more than is good.
func (f facts) helpFewerTries() string {
	s := f.amplified()
	if s == nil {
		return ""
	}
	return fmt.Sprintf("fewer tries by %s itself: the gateway asks another replica of %s where that is safe, and for at most %s of all requests",
		s.edge.Caller, s.edge.Service, holdfast.Share(holdfast.RetryShare))
}

// helpDetect: it is asked too seldom for the bound.
func (f facts) helpDetect(d report.Drill) string {
	check := f.service.Healthcheck
	if check.Disabled || f.loss != nil || d.Detect != nil && *d.Detect <= d.Bounds.Detect || check.Interval <= f.mode.Bounds.Detect {
		return ""
	}
	return fmt.Sprintf("a shorter `healthcheck: {interval: …}` for %s: it is asked every %s, and `detect` allows %s", f.service.Name, event.Short(check.Interval), event.Short(f.mode.Bounds.Detect))
}

// helpTimeouts: what is waited for longer than users may be hurt keeps no bound.
func (f facts) helpTimeouts(d report.Drill) []string {
	if f.system == nil || d.Mitigate != nil && *d.Mitigate <= d.Bounds.Mitigate {
		return nil
	}
	var lines []string
	for _, edge := range f.edges() {
		wait := dependencyOf(f.system, edge).Wait()
		if wait >= f.mode.Bounds.Mitigate && f.waited(edge) {
			lines = append(lines, fmt.Sprintf("a `timeout` %s that is shorter than %s: `mitigate` allows %s", need(edge), event.Short(wait), event.Short(f.mode.Bounds.Mitigate)))
		}
	}
	return lines
}

// waited tells whether a request over an edge was waited for as long as users may
// be hurt.
func (f facts) waited(edge holdfast.Target) bool {
	return slices.ContainsFunc(f.concerned(), func(r load.Result) bool {
		return r.Hurt() && r.Target == edge.String() && r.Took() >= f.mode.Bounds.Mitigate
	})
}

// hurtAt counts the requests to one target that were hurt since the fault.
func (f facts) hurtAt(name string) int {
	n := 0
	for _, r := range f.results {
		if r.Hurt() && r.Ended >= int64(f.injected) && over(r, name) {
			n++
		}
	}
	return n
}

// over tells whether a request was made over an edge: by itself, or as a step
// of a session ("web/notes/notes/7").
func over(r load.Result, edge string) bool {
	_, route := asked(r)
	return r.Target == edge || strings.HasPrefix(route, edge+"/")
}

// A trust is an incarnation that was in use while users were hurt.
type trust struct {
	id     holdfast.ReplicaID
	since  time.Duration
	detail string // what convinced the gateway
	hurt   int    // how many, while it was
}

// mostlyTrusted is how many must have been hurt while a replica was in use, and
// as what part of all, before its health check is doubted.
const mostlyTrusted = 5

// trusted is the new incarnation in whose time of use most of the users were hurt
// that were; nil where none is. Of a fault that only we end nothing is said while
// it lasts: that it is not seen by health checks is the fault's own doing.
func (f facts) trusted() *trust {
	if f.byUndo || f.loss != nil {
		return nil
	}
	all := 0
	for _, r := range f.results {
		if r.Hurt() && r.Ended >= int64(f.injected) {
			all++
		}
	}
	for _, t := range f.inUse() {
		if t.hurt >= mostlyTrusted && 2*t.hurt >= all {
			return &t
		}
	}
	return nil
}

// inUse are the incarnations of the struck service that were taken into use since
// the fault, and how many were hurt while they were.
func (f facts) inUse() []trust {
	var all []trust
	open := map[holdfast.ReplicaID]time.Duration{}
	end := func(id holdfast.ReplicaID, at time.Duration) {
		from, was := open[id]
		i := slices.IndexFunc(all, func(t trust) bool { return t.id == id })
		if !was || i < 0 {
			return
		}
		delete(open, id)
		all[i].hurt += f.hurtBetween(from, at)
	}
	for _, entry := range f.entries {
		at := entry.At.Boot
		if at < f.injected {
			continue
		}
		switch b := entry.Body.(type) {
		case holdfast.Admitted:
			if _, was := open[b.ID]; b.ID.Service != f.service.Name || b.ID == f.victim.ID || was {
				continue
			}
			open[b.ID] = at
			if !slices.ContainsFunc(all, func(t trust) bool { return t.id == b.ID }) {
				all = append(all, trust{id: b.ID, since: at - f.injected, detail: b.Detail})
			}
		case holdfast.Ejected:
			if !b.Kept {
				end(b.ID, at)
			}
		case holdfast.Exited:
			end(b.ID, at)
		}
	}
	for _, t := range slices.Clone(all) {
		end(t.id, f.ended)
	}
	return all
}

// hurtBetween counts those hurt of the requests due between two instants.
func (f facts) hurtBetween(from, to time.Duration) int {
	n := 0
	for _, r := range f.results {
		if r.Hurt() && r.Intended >= int64(from) && r.Intended < int64(to) {
			n++
		}
	}
	return n
}
