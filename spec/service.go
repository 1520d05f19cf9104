package spec

import (
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"holdfast"
	"holdfast/command"
)

// A draft is a service as far as it has been read, with the places that what
// relates things to each other has to point at.
type draft struct {
	service    holdfast.Service
	at         place            // of its name
	written    map[string]place // of its keys
	healthPath place            // of its own health path; line 0 when it has none
	spoken     place            // of the words of its own health check; line 0 when it has none
	needs      []need           // as declared, whether they exist or not
	ports      []place          // of service.Ports, one by one
	listens    []place          // of service.Listen, one by one
	restart    string

	listenUnread bool // some of listen could not be read, so that their number says nothing
	texts        []rawText
	bounds       overlay
	overrides    []override
}

// A need is a dependency and its place.
type need struct {
	dependency holdfast.Dependency
	at         place
	overrides  []override

	condition   condition // "" when none is written
	conditionAt place
}

// A rawText is a text that stays as written until the service is started.
type rawText struct {
	value   value
	text    string
	dollars int      // signs in the value before this text, when it is a part
	key     string   // of the environment that this is the value of, or ""
	given   []string // variables that are set for it; nil: those of the service

	mayBeKept bool // an env_file, which is read at the start, may set what is missing
}

func (r *reader) services(v value, system *holdfast.System, standard defaults) []*draft {
	entries, ok := r.entries(v, "services by name")
	if ok && len(entries) == 0 {
		r.report(v.at, Problem{Code: emptyValue, Message: "services is empty", Help: "write what runs: `web: {command: ./web}`"})
	}
	var drafts []*draft
	for _, e := range entries {
		called, wrong := name[holdfast.ServiceName](e.key)
		if wrong != nil {
			r.report(e.at, Problem{Code: wrong.code, Message: "a service's name: " + wrong.message, Help: wrong.help, Note: "it becomes part of variables, file names and host names"})
			called = holdfast.ServiceName(e.key)
		}
		drafts = append(drafts, r.service(called, e, system, standard))
	}
	return drafts
}

func (r *reader) service(called holdfast.ServiceName, e entry, system *holdfast.System, standard defaults) *draft {
	d := &draft{at: e.at, service: holdfast.Service{
		Name: called, Owner: system.Owner, Replicas: 1, Protocol: holdfast.HTTP, Zones: system.Zones,
		WorkingDir: r.file.Dir, Healthcheck: standard.health, StopSignal: "SIGTERM", StopGrace: standard.grace,
	}}
	s := &d.service
	d.written = r.keys(e.value, "a service", []key{
		{name: "command", read: r.command(d)},
		{name: "urls", read: func(v value) { s.URLs, _ = listAt(r, v, "URLs", "`urls: [https://db.example/health]`", address) }},
		{name: "manage", read: scalar(r, &s.Manage, oneOf(badWord, "a step of trust that exists", holdfast.Observe, holdfast.Route, holdfast.Full))},
		{name: "replicas", read: scalar(r, &s.Replicas, wholeNumber(1, maxReplicas))},
		{name: "protocol", read: scalar(r, &s.Protocol, oneOf(badWord, "a protocol that is spoken here", holdfast.HTTP, holdfast.TCP))},
		{name: "ports", read: func(v value) { s.Ports, d.ports = listAt(r, v, "ports", "`ports: [\"8080\"]`", port) }},
		{name: "depends_on", read: r.dependsOn(d)},
		{name: "environment", read: r.environment(d)},
		{name: "env_file", read: r.envFiles(&s.EnvFiles)},
		{name: "working_dir", read: scalar(r, &s.WorkingDir, r.beside)},
		{name: "user", read: scalar(r, &s.User, runAs)},
		{name: "limits", read: r.limits(&s.Limits)},
		{name: "listen", read: r.listen(d)},
		{name: "restart", read: scalar(r, &d.restart, restart)},
		{name: "inputs", read: func(v value) {
			s.Inputs = list(r, v, "files, folders and patterns", "`inputs: [config, templates/*.html]`", r.input)
		}},
		{name: "healthcheck", read: func(v value) {
			written := r.healthcheck(v, &s.Healthcheck)
			d.healthPath, d.spoken = written["path"], written["expect"]
			if _, expects := written["expect"]; !expects {
				d.spoken = written["send"]
			}
		}},
		{name: "stop_signal", read: scalar(r, &s.StopSignal, signal)},
		{name: "stop_grace_period", read: scalar(r, &s.StopGrace, span)},
		{name: "dump_signal", read: scalar(r, &s.DumpSignal, signal)},
		{name: "owner", read: scalar(r, &s.Owner, label[holdfast.OwnerName])},
		{name: "zones", read: r.serviceZones(s, system.Zones)},
		{name: "bounds", read: r.bounds(&d.bounds)},
		{name: "failure_modes", read: r.failureModes(&d.overrides)},
	})
	s.Once = d.restart == "no"
	if d.written != nil {
		r.settle(d, e)
	}
	s.Minimum = max(1, s.Replicas-system.Guardrails.MaxUnavailable)
	return d
}

// input reads one file, folder or pattern that a service reads, as an absolute
// path. A pattern's own signs count in what was written only, not in the folder
// the file happens to lie in.
func (r *reader) input(text string) (string, *complaint) {
	if strings.Contains(text, "**") {
		return complain[string](badPath, "name the folder: everything below it is read", "%s: `**` is not understood", tick(text))
	}
	if _, err := filepath.Match(text, ""); err != nil {
		return complain[string](badPath, "close the bracket, or write `\\[` for the character itself", "%s is no pattern", tick(text))
	}
	if filepath.IsAbs(text) {
		return filepath.Clean(text), nil
	}
	dir := r.file.Dir
	if strings.ContainsAny(text, `*?[\`) {
		dir = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(dir)
	}
	return filepath.Join(dir, text), nil
}

// serviceZones are among the declared ones; without any declared, the system
// has no failure domains to be in.
func (r *reader) serviceZones(s *holdfast.Service, declared []holdfast.ZoneName) func(value) {
	return func(v value) {
		zones, places := listAt(r, v, "names of zones", "`zones: [a, b]`", name[holdfast.ZoneName])
		for i, zone := range zones {
			if !slices.Contains(declared, zone) {
				r.report(places[i], Problem{
					Code: unknownZone, Message: "no zone " + tick(string(zone)) + " is declared",
					Help: didYouMean("", nearest(string(zone), declared), "add it to `zones:` at the top of the file"),
				})
			}
		}
		if len(zones) > 0 {
			s.Zones = zones
		}
	}
}

// command reads what is to be run for a service.
func (r *reader) command(d *draft) func(value) {
	return func(v value) {
		var texts []rawText
		d.service.Command, texts = r.program(v)
		d.texts = append(d.texts, texts...)
	}
}

// program reads a text that is split as a shell would, or a list of arguments,
// which is written as such a text. It also returns the words, in which variables
// may stand.
func (r *reader) program(v value) (string, []rawText) {
	if _, list := v.node.(*ast.SequenceNode); list {
		return r.programList(v)
	}
	text, ok := r.scalar(v)
	if !ok {
		return "", nil
	}
	written := strings.TrimSpace(text)
	words, flaws := command.Split(written)
	for _, f := range flaws {
		r.reportFlaw(written, v, f)
	}
	if len(flaws) == 0 && (len(words) == 0 || words[0] == "") {
		r.reportNoProgram(v)
	}
	var texts []rawText
	dollars := 0
	for _, word := range words {
		texts = append(texts, rawText{value: v, text: word, dollars: dollars})
		dollars += strings.Count(word, "$")
	}
	return written, texts
}

// reportFlaw points into the command. The rest of it from the flaw on is looked
// for in the text, since the sign alone may stand there more than once.
func (r *reader) reportFlaw(text string, v value, f command.Flaw) {
	at := r.locate(v.at, text[f.At:])
	if at != v.at || f.At == 0 {
		at.width = len(f.Sign)
	}
	switch {
	case f.Sign == `\` && f.Open:
		r.report(at, Problem{Code: openQuote, Message: v.name + ": a backslash protects nothing at the end", Help: "remove it, or write `\\\\` for a backslash"})
	case f.Open:
		r.report(at, Problem{Code: openQuote, Message: v.name + ": a quote " + tick(f.Sign) + " is never closed", Help: "close it, or write `\\" + f.Sign + "` for the character itself"})
	default:
		r.report(at, Problem{Code: shellOperator, Message: v.name + ": " + tick(f.Sign) + " needs a shell", Label: "no shell reads this", Help: "write `sh -c '…'` around it, or quotes if it belongs to an argument"})
	}
}

func (r *reader) programList(v value) (string, []rawText) {
	items, _ := r.items(v, "arguments", "`"+v.name+": [./web, --verbose]`")
	var arguments []string
	var texts []rawText
	for _, item := range items {
		if text, ok := r.scalar(item); ok {
			arguments = append(arguments, text)
			texts = append(texts, rawText{value: item, text: text})
		}
	}
	if len(items) == 0 || len(arguments) > 0 && strings.TrimSpace(arguments[0]) == "" {
		r.reportNoProgram(v)
	}
	return command.Join(arguments), texts
}

func (r *reader) reportNoProgram(v value) {
	r.report(v.at, Problem{Code: emptyValue, Message: v.name + " names no program", Help: "write what is to be run, as in `" + v.name + ": ./web --port $PORT`"})
}

// dependsOn reads a list of names, or a mapping of names to how they are needed.
func (r *reader) dependsOn(d *draft) func(value) {
	return func(v value) {
		if _, mapping := v.node.(*ast.MappingNode); !mapping {
			needed, places := listAt(r, v, "names of services, or a mapping of them", "`depends_on: [catalog]`", name[holdfast.ServiceName])
			for i, on := range needed {
				d.needs = append(d.needs, need{at: places[i], dependency: holdfast.Dependency{On: on, Required: true, Timeout: standardTimeout}})
			}
			return
		}
		entries, _ := r.entries(v, "dependencies by name")
		for _, e := range entries {
			d.needs = append(d.needs, r.need(e))
		}
	}
}

func (r *reader) need(e entry) need {
	n := need{at: e.at, dependency: holdfast.Dependency{On: holdfast.ServiceName(e.key), Required: true, Timeout: standardTimeout}}
	if isNull(e.value) {
		return n
	}
	written := r.keys(e.value, "a dependency", []key{
		{name: "required", read: scalar(r, &n.dependency.Required, truth)},
		{name: "condition", read: func(v value) { scalar(r, &n.condition, conditionOf)(v); n.conditionAt = v.at }},
		{name: "timeout", read: scalar(r, &n.dependency.Timeout, duration)},
		{name: "fallback", read: r.fallback(&n.dependency.Fallback)},
		{name: "failure_modes", read: r.failureModes(&n.overrides)},
	})
	r.reportEdgeHooks(n.overrides)
	if _, said := written["required"]; !said && n.dependency.Fallback != nil {
		n.dependency.Required = false // whoever has an answer without it can serve without it
	}
	return n
}

// environment reads a mapping, or a list of KEY=VALUE; a KEY without a value is
// passed through from the caller.
func (r *reader) environment(d *draft) func(value) {
	return func(v value) {
		if _, mapping := v.node.(*ast.MappingNode); mapping {
			entries, _ := r.entries(v, "the environment")
			for _, e := range entries {
				if isNull(e.value) {
					r.variable(d, e.key, e.value, "", false)
				} else if text, ok := r.scalar(e.value); ok {
					r.variable(d, e.key, e.value, text, true)
				}
			}
			return
		}
		items, _ := r.items(v, "`KEY=value`, or a mapping", "`environment: {KEY: value}`")
		for _, item := range items {
			if text, ok := r.scalar(item); ok {
				item.key = item.at
				key, set, assigned := strings.Cut(text, "=")
				r.variable(d, key, item, set, assigned)
			}
		}
	}
}

func (r *reader) variable(d *draft, key string, v value, text string, assigned bool) {
	s := &d.service
	_, twice := s.Environment[key]
	switch {
	case key == "" || command.LeadingName(key) != key:
		r.report(v.key, Problem{Code: badEnvironment, Message: "environment: " + tick(key) + " is not the name of a variable", Help: "use letters, digits and `_`, as in `KEY=value` or `KEY: value`"})
	case strings.ContainsRune(text, 0):
		r.report(v.at, Problem{Code: badEnvironment, Message: "environment: the value of " + tick(key) + " holds a NUL character", Help: "remove it: no process can be given one"})
	case twice || slices.Contains(s.PassThrough, key):
		r.report(v.at, Problem{Code: listedTwice, Message: "environment: " + tick(key) + " is listed twice", Help: "remove one of them"})
	case !assigned:
		s.PassThrough = append(s.PassThrough, key)
	default:
		if s.Environment == nil {
			s.Environment = map[string]string{}
		}
		s.Environment[key] = text
		d.texts = append(d.texts, rawText{value: v, text: text, key: key})
		r.checkSecret(key, v, text)
	}
}

// checkSecret looks at a reference to a secret without following it: the secret
// itself is fetched when the service is started, and never becomes part of the
// system.
func (r *reader) checkSecret(key string, v value, text string) {
	variable, fromEnvironment := strings.CutPrefix(text, "env:")
	file, fromFile := strings.CutPrefix(text, "file:")
	switch {
	case strings.Contains(text, "$"): // what it names is known at the start
	case fromEnvironment && (variable == "" || command.LeadingName(variable) != variable):
		r.report(v.at, Problem{Code: badSecret, Message: "environment: " + tick(text) + " names no variable", Help: "write " + tick("env:"+strings.ToUpper(key))})
	case fromFile && strings.TrimSpace(file) == "":
		r.report(v.at, Problem{Code: badSecret, Message: "environment: " + tick(text) + " names no file", Help: "write the file's path, as in " + tick("file:secrets/"+strings.ToLower(key))})
	case fromEnvironment:
		if _, set := r.environ[variable]; !set {
			r.report(r.locate(v.at, variable), Problem{
				Code: missingSecret, Message: "the secret " + tick(variable) + " is not set", Label: "in the environment holdfast was started with",
				Help: "set it (`export " + variable + "=…`) before you start",
			})
		}
	}
}

// foreignKeys are keys that people bring along from other files, and what to
// write here.
func foreignKeys() map[string]string {
	const noContainers = "containers are not run yet: name the program with `command`, or what already runs with `urls`"
	return map[string]string{
		"image":          noContainers,
		"build":          noContainers,
		"container_name": noContainers,
		"cpus":           "write `limits: {cpu: 50%}`",
		"mem_limit":      "write `limits: {memory: 256MiB}`",
		"pids_limit":     "write `limits: {processes: 100}`",
		"ulimits":        "write `limits: {files: 1024}`",
		"scale":          "write `replicas`",
		"deploy":         "write `replicas` in the service itself",
		"test":           "write `path: /healthz`: health is asked for over HTTP",
		"driver":         "remove it: what runs a service follows from `command` or `urls`",
		"args":           "write the arguments behind the program in `command`",
		"env":            "write `environment`",
		"port":           "write `ports: [\"8080\"]` to publish the service, `listen: 8080` for the port its one replica listens on",
		"slo":            "write `promise: 99.9%` at the top of the file",
		"version":        "remove it: the file has no version",
	}
}

// spanText is a duration as a person writes it: "10m" and not "10m0s".
func spanText(d time.Duration) string {
	if d > maxWait && d%(24*time.Hour) == 0 {
		return strings.TrimSuffix((d/24).String(), "h0m0s") + "d"
	}
	text := d.String()
	if minutes, whole := strings.CutSuffix(text, "m0s"); whole {
		text = minutes + "m"
	}
	if hours, whole := strings.CutSuffix(text, "h0m"); whole {
		text = hours + "h"
	}
	return text
}
