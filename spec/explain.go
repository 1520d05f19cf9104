package spec

import (
	"fmt"
	"strings"

	"holdfast"
	"holdfast/command"
	"holdfast/diagnostic"
	"holdfast/mode"
)

// An Inference is something that holds of a system though a file need not say
// it: where it would be written, what it is, and from what it follows.
type Inference struct {
	Path    string `json:"path"`
	Value   string `json:"value"`
	Because string `json:"because"`
}

const unless = "unless the file says otherwise"

// Explain lists everything about a system that follows from something else: the
// standard values it runs with, and what is built around its services. It is in
// the order of the file. A value that the file spells out and that is the
// standard one is listed too; the system does not remember the difference, and
// none is made.
func Explain(system *holdfast.System) []Inference {
	e := &explanation{services: map[holdfast.ServiceName]holdfast.Service{}, modesOf: map[holdfast.ServiceName][]holdfast.FailureMode{}}
	for _, service := range system.Services {
		e.services[service.Name] = service
	}
	for _, f := range system.Modes {
		at := f.Strikes.Service
		if f.Strikes.IsEdge() {
			at = f.Strikes.Caller
		}
		e.modesOf[at] = append(e.modesOf[at], f)
	}
	e.system(system)
	for _, service := range system.Services {
		e.path = "services." + string(service.Name)
		e.service(system, service)
		e.surroundings(service)
		e.modes(service)
	}
	e.path = ""
	e.explainGateway(system.Gateway)
	e.own(system)
	return e.all
}

type explanation struct {
	path     string
	services map[holdfast.ServiceName]holdfast.Service
	modesOf  map[holdfast.ServiceName][]holdfast.FailureMode // by the service in whose part of the file they are overridden
	all      []Inference
}

func (e *explanation) say(key, value, because string, args ...any) {
	path := strings.Trim(e.path+"."+key, ".")
	e.all = append(e.all, Inference{Path: path, Value: value, Because: fmt.Sprintf(because, args...)})
}

// standard says a value if it is the standard one.
func (e *explanation) standard(key, value, standard string) {
	if value == standard {
		e.say(key, value, unless)
	}
}

func (e *explanation) system(s *holdfast.System) {
	if s.Promise != nil {
		e.say("promise", fmt.Sprintf("%s over %s", s.Promise.Target, spanText(s.Promise.Window)), "on every published route; a status below 500 is a good answer")
	}
	for _, p := range s.Promises {
		e.promise(p)
	}
	for _, session := range s.Sessions {
		e.session(session)
	}
	e.load(s.Load)
	guard := standardGuardrails()
	e.standard("guardrails.max_actions", rateText(s.Guardrails.MaxActions), rateText(guard.MaxActions))
	e.standard("guardrails.max_unavailable", fmt.Sprint(s.Guardrails.MaxUnavailable), fmt.Sprint(guard.MaxUnavailable))
	if len(s.Zones) == 0 {
		e.say("zones", "none", "no `zones`: everything is on this host, which is the first cut of every promise")
	}
}

// promise is one with a name.
func (e *explanation) promise(p holdfast.Promise) {
	key := "promises." + string(p.Name)
	if p.Journey != "" {
		e.say(key, fmt.Sprintf("%s over %s", p.Target, spanText(p.Window)), "every step of the session `%s` must be answered as it expects", p.Journey)
		return
	}
	e.say(key, fmt.Sprintf("%s over %s", p.Target, spanText(p.Window)), "%s", goodText(p))
	if p.Service == "" {
		e.say(key+".service", "all that are published", "no `service`")
	}
	if p.Route == "" {
		e.say(key+".route", "every one", "no `route`")
	}
}

// goodText is which answers keep a promise.
func goodText(p holdfast.Promise) string {
	switch {
	case p.Within > 0:
		return "an answer that begins within " + spanText(p.Within) + " is a good one, whatever it says"
	case p.Whole:
		return "a status below 500 is a good answer, unless it is degraded"
	default:
		return "a status below 500 is a good answer"
	}
}

// session says whom each step asks, and what an answer must be where nothing is
// said of it.
func (e *explanation) session(s holdfast.Session) {
	var steps []string
	open := false
	for _, step := range s.Steps {
		steps = append(steps, fmt.Sprintf("%s %s of %s", step.Method, step.Path, step.On))
		open = open || len(step.Expect.Status) == 0
	}
	key := "sessions." + string(s.Name)
	e.say(key+".steps", strings.Join(steps, ", then "), "the service before it, or the one that is published, where a step has no `on`")
	if open {
		e.say(key+".steps.expect.status", "below 400", "in each step that expects no other")
	}
	if a := s.Audit; a != nil {
		e.say(key+".audit", fmt.Sprintf("GET %s of %s", a.Path, a.On), "the {{id}} of each acknowledged write must be in its answer, once; of the service of the first write unless `on` says otherwise")
	}
}

// load says what is left to prove.
func (e *explanation) load(l holdfast.Load) {
	if l.Rate == 0 {
		e.say("drills.load.rate", "200/s", "%s, or `prove --rate`", unless)
	}
	if l.Arrivals == "" {
		e.say("drills.load.arrivals", string(holdfast.Constant), unless)
	}
	if l.Fresh == nil {
		e.say("drills.load.fresh", "20%", "%s: of the requests on a connection of their own", unless)
	}
}

func rateText(r holdfast.Rate) string { return fmt.Sprintf("%d per %s", r.Count, spanText(r.Per)) }

func (e *explanation) service(system *holdfast.System, s holdfast.Service) {
	if s.Command != "" {
		e.say("manage", string(s.Manage), "`command`: a supervised process for each replica")
		e.standard("replicas", fmt.Sprint(s.Replicas), "1")
		e.say("working_dir", s.WorkingDir, "the file's own folder "+unless)
		if len(s.Inputs) == 0 {
			e.say("inputs", "what git knows of "+s.WorkingDir, "no `inputs`: a kept verdict holds while the mode's part of the file, the program and these are the same; without git the program alone")
		}
		e.standard("stop_signal", s.StopSignal, "SIGTERM")
		e.grace(s)
		e.explainProcess(s)
	} else {
		e.say("replicas", fmt.Sprint(s.Replicas), "one for each of `urls`")
		e.standard("manage", string(s.Manage), string(holdfast.Observe))
	}
	if s.Command != "" {
		e.standard("protocol", string(s.Protocol), string(holdfast.HTTP))
	} else {
		e.say("protocol", string(s.Protocol), "what `urls` begin with")
	}
	if system.Owner != "" && s.Owner == system.Owner {
		e.say("owner", string(s.Owner), "`owner` of the system")
	}
	switch {
	case len(s.Zones) > 0:
		e.say("zones", zonesText(s), "the replicas take the zones in turn")
	case len(system.Zones) > 0:
		e.say("zones", "none", "it runs elsewhere, and the file does not say in which zones")
	}
	e.say("minimum", fmt.Sprint(s.Minimum), "%s less `max_unavailable` %d, but at least 1", diagnostic.Count(s.Replicas, "replica"), system.Guardrails.MaxUnavailable)
	if !s.Once {
		e.healthcheck(s)
	}
}

// grace says what the key bounds: one time for its users, and the same for itself.
// It is all of the key, not a part: it says how long what is under way may take,
// and a process that has nothing under way any more hardly needs its own.
func (e *explanation) grace(s holdfast.Service) {
	because := "%s: when a replica is to be replaced or taken away its requests and streams have so long to end, and are cut off then; an idle one is not waited for. It has the same time, from `stop_signal` to SIGKILL, to end by itself"
	if s.Once {
		because = "%s: from `stop_signal` to SIGKILL"
	}
	said := "`stop_grace_period`"
	if s.StopGrace == standardGrace {
		said = unless
	}
	e.say("stop_grace_period", spanText(s.StopGrace), because, said)
}

func zonesText(s holdfast.Service) string {
	var parts []string
	for n := 1; n <= s.Replicas && n <= 10; n++ {
		parts = append(parts, fmt.Sprintf("%s in %s", holdfast.NameReplica(s.Name, n), s.Zone(n)))
	}
	if s.Replicas > 10 {
		parts = append(parts, "…")
	}
	return strings.Join(parts, ", ")
}

func (e *explanation) healthcheck(s holdfast.Service) {
	h, standard := s.Healthcheck, standardHealth()
	switch {
	case h.Disabled:
		e.say("healthcheck", "running is enough", "`disable: true`: it listens nowhere")
		return
	case s.Protocol == holdfast.TCP && h.Expect != "":
		e.say("healthcheck", fmt.Sprintf("a connect, %q, and then %q", h.Send, h.Expect), "`send` and `expect`")
	case s.Protocol == holdfast.TCP:
		e.say("healthcheck", "a connect", "`protocol: tcp`; a hang is then seen only through traffic")
	case s.Protocol == holdfast.GRPC:
		e.say("healthcheck", "grpc.health.v1, for the server as a whole", "`protocol: grpc`; a server without that service is healthy when it says so")
	case h.Path != "" && s.Command == "":
		e.say("healthcheck.path", h.Path, "the path of `urls`, unless `healthcheck` or `defaults` say otherwise; a status from 200 to 399 is demanded")
	case h.Path == "":
		e.say("healthcheck", "any answer to GET /", "no `path`; with one, a status from 200 to 399 is demanded")
	}
	e.standard("healthcheck.interval", spanText(h.Interval), spanText(standard.Interval))
	e.standard("healthcheck.timeout", spanText(h.Timeout), spanText(standard.Timeout))
	e.standard("healthcheck.retries", fmt.Sprint(h.Retries), fmt.Sprint(standard.Retries))
	e.standard("healthcheck.start_period", spanText(h.StartPeriod), spanText(standard.StartPeriod))
}

// surroundings is what the gateway and the driver build around a service.
func (e *explanation) surroundings(s holdfast.Service) {
	for _, port := range s.Ports {
		reach := "from this machine only"
		if port.Host != "127.0.0.1" {
			reach = "from other machines too"
		}
		e.say("ports", portText(port), "the gateway publishes %s here, balanced over its replicas, %s", s.Name, reach)
	}
	for _, dependency := range s.DependsOn {
		if dependency.Completed {
			e.say("depends_on."+string(dependency.On)+".condition", string(completedFirst), "`restart: no` of %s: this starts after it has exited with 0", dependency.On)
			continue
		}
		stem := command.Stem(dependency.On)
		e.say("depends_on."+string(dependency.On), needText(dependency)+", "+spanText(dependency.Timeout), "%s and %s %s", standardNeed(dependency), spanText(holdfast.StandardTimeout), unless)
		if f := dependency.Fallback; f != nil {
			e.say("depends_on."+string(dependency.On)+".fallback", fallbackText(f), "answered when no replica of %s does, or none within four fifths of the timeout; marked Holdfast-Degraded", dependency.On)
		}
		if dependency.Priority == "" {
			e.say("depends_on."+string(dependency.On)+".priority", string(holdfast.Normal), "%s; a request that is made for one of less priority has that", unless)
		}
		e.repetition(dependency)
		if on := e.services[dependency.On]; s.Command != "" && on.Manage != holdfast.Observe {
			e.say("environment", fmt.Sprintf("$%s_URL $%s_HOST $%s_PORT", stem, stem, stem), "`depends_on`: an address of the gateway for %s", dependency.On)
		}
	}
	if s.Command != "" {
		e.say("environment", "$PORT $HOST $REPLICA $ZONE $DATA_DIR", "set for each replica; of the caller's environment it gets PATH, HOME, LANG, TZ and what is named")
	}
}

func needText(d holdfast.Dependency) string {
	switch {
	case d.Required:
		return "required"
	case d.Fallback != nil:
		return "covered"
	default:
		return "optional"
	}
}

func standardNeed(d holdfast.Dependency) string {
	if d.Fallback != nil {
		return "covered, having a fallback,"
	}
	return "required"
}

func fallbackText(f *holdfast.Fallback) string {
	var ways []string
	if f.Stale > 0 {
		ways = append(ways, "a copy of the last good answer, at most "+spanText(f.Stale)+" old")
	}
	if f.Body != "" {
		ways = append(ways, fmt.Sprintf("%d bytes of JSON", len(f.Body)))
	}
	if f.File != "" {
		ways = append(ways, f.File)
	}
	if f.Service != "" {
		ways = append(ways, "what "+string(f.Service)+" answers, asked once within what is left of the timeout")
	}
	return strings.Join(ways, ", else ")
}

func portText(p holdfast.Port) string {
	if p.Host == "" {
		return "*" + p.String()
	}
	return p.String()
}

func (e *explanation) modes(s holdfast.Service) {
	for _, f := range e.modesOf[s.Name] {
		path := "failure_modes." + string(f.Kind)
		if f.Strikes.IsEdge() {
			path = "depends_on." + string(f.Strikes.Service) + "." + path
		}
		m, _ := mode.Find(f.Kind)
		b := f.Bounds
		because := "a standard failure mode; the file overrides fields of it"
		if hook := f.Drills[0].Hook; hook != nil {
			because = fmt.Sprintf("broken by %s, mended by %s, each within %s", hook.Break, hook.Mend, spanText(hook.Timeout))
		}
		if len(f.Drills) > 1 {
			because = fmt.Sprintf("drilled by each of %s, one after the other", faultsText(f.Drills))
		}
		if len(f.DetectedBy) == 0 {
			e.say(path, "restore "+spanText(b.Restore)+" after each restart; its drill alone shows it", "%s: a session asks this service, which neither is `stateful` nor uses `$DATA_DIR`", m.Title)
			continue
		}
		e.say(path, fmt.Sprintf("detect %s, mitigate %s, restore %s, impact %s; %s", spanText(b.Detect), spanText(b.Mitigate), spanText(b.Restore), b.Impact, remediesText(f)), "%s: %s", m.Title, because)
	}
}

func faultsText(drills []holdfast.Drill) string {
	var words []string
	for _, drill := range drills {
		words = append(words, string(drill.Fault))
	}
	return strings.Join(words, ", ")
}

// own are the failure modes of Holdfast itself, of which no file says anything.
func (e *explanation) own(system *holdfast.System) {
	e.path = ""
	for _, f := range mode.OfHoldfast(system) {
		m, _ := mode.FindOwn(f.Kind)
		b := f.Bounds
		e.say(string(f.Name), fmt.Sprintf("detect %s, mitigate %s, restore %s, impact %s; %s", spanText(b.Detect), spanText(b.Mitigate), spanText(b.Restore), b.Impact, remediesText(f)), "%s: a failure mode of Holdfast itself, which holdfast prove drills too", m.Title)
	}
}

func remediesText(f holdfast.FailureMode) string {
	if len(f.Remedies) == 0 {
		return "a person is the remedy"
	}
	words := make([]string, len(f.Remedies))
	for i, remedy := range f.Remedies {
		words[i] = string(remedy)
	}
	return "mended by " + strings.Join(words, ", then ")
}
