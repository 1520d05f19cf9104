package spec

import (
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"holdfast"
	"holdfast/command"
	"holdfast/diagnostic"
	"holdfast/source"
)

// A draft is a service as far as it has been read, with the places that what
// relates things to each other has to point at.
type draft struct {
	service    holdfast.Service
	at         diagnostic.Place            // of its name
	written    map[string]diagnostic.Place // of its keys
	healthPath diagnostic.Place            // of its own health path; line 0 when it has none
	spoken     diagnostic.Place            // of the words of its own health check; line 0 when it has none
	needs      []need                      // as declared, whether they exist or not
	ports      []diagnostic.Place          // of service.Ports, one by one
	listens    []diagnostic.Place          // of service.Listen, one by one
	restart    string

	listenUnread bool // some of listen could not be read, so that their number says nothing
	texts        []rawText
	bounds       overlay
	overrides    []override
}

// A need is a dependency and its place.
type need struct {
	dependency holdfast.Dependency
	at         diagnostic.Place
	overrides  []override
	fallback   diagnostic.Place // of the service that is asked instead; line 0 when there is none
	written    map[string]diagnostic.Place

	condition   condition // "" when none is written
	conditionAt diagnostic.Place
}

// A rawText is a text that stays as written until the service is started.
type rawText struct {
	value   source.Value
	text    string
	dollars int      // signs in the value before this text, when it is a part
	key     string   // of the environment that this is the value of, or ""
	given   []string // variables that are set for it; nil: those of the service

	mayBeKept bool // an env_file, which is read at the start, may set what is missing
}

func (r *reader) services(v source.Value, system *holdfast.System, standard defaults) []*draft {
	entries, ok := r.Entries(v, "services by name")
	if ok && len(entries) == 0 {
		r.Report(v.At, diagnostic.Problem{Code: source.EmptyValue, Message: "services is empty", Help: "write what runs: `web: {command: ./web}`"})
	}
	var drafts []*draft
	for _, e := range entries {
		called, wrong := name[holdfast.ServiceName](e.Key)
		if wrong != nil {
			r.Report(e.At, diagnostic.Problem{Code: wrong.code, Message: "a service's name: " + wrong.message, Help: wrong.help, Note: "it becomes part of variables, file names and host names"})
			called = holdfast.ServiceName(e.Key)
		}
		drafts = append(drafts, r.service(called, e, system, standard))
	}
	return drafts
}

func (r *reader) service(called holdfast.ServiceName, e source.Entry, system *holdfast.System, standard defaults) *draft {
	d := &draft{at: e.At, service: holdfast.Service{
		Name: called, Owner: system.Owner, Replicas: 1, Protocol: holdfast.HTTP, Zones: system.Zones,
		WorkingDir: r.File.Dir, Healthcheck: standard.health, StopSignal: "SIGTERM", StopGrace: standard.grace,
	}}
	s := &d.service
	d.written = r.Keys(e.Value, "a service", append([]source.Key{
		{Name: "command", Read: r.command(d)},
		{Name: "urls", Read: func(v source.Value) { s.URLs, _ = listAt(r, v, "URLs", "`urls: [https://db.example/health]`", address) }},
		{Name: "manage", Read: scalar(r, &s.Manage, oneOf(badWord, "a step of trust that exists", holdfast.Observe, holdfast.Route, holdfast.Full))},
		{Name: "replicas", Read: scalar(r, &s.Replicas, wholeNumber(1, maxReplicas))},
		{Name: "protocol", Read: scalar(r, &s.Protocol, oneOf(badWord, "a protocol that is spoken here", holdfast.Protocols()...))},
		{Name: "ports", Read: func(v source.Value) { s.Ports, d.ports = listAt(r, v, "ports", "`ports: [\"8080\"]`", port) }},
		{Name: "depends_on", Read: r.dependsOn(d)},
		{Name: "environment", Read: r.environment(d)},
		{Name: "env_file", Read: r.envFiles(&s.EnvFiles)},
		{Name: "working_dir", Read: scalar(r, &s.WorkingDir, r.beside)},
		{Name: "user", Read: scalar(r, &s.User, runAs)},
		{Name: "limits", Read: r.limits(&s.Limits)},
		{Name: "listen", Read: r.listen(d)},
		{Name: "restart", Read: scalar(r, &d.restart, restart)},
		{Name: "inputs", Read: func(v source.Value) {
			s.Inputs = list(r, v, "files, folders and patterns", "`inputs: [config, templates/*.html]`", r.input)
		}},
		{Name: "healthcheck", Read: func(v source.Value) {
			written := r.healthcheck(v, &s.Healthcheck)
			d.healthPath, d.spoken = written["path"], written["expect"]
			if _, expects := written["expect"]; !expects {
				d.spoken = written["send"]
			}
		}},
		{Name: "stop_signal", Read: scalar(r, &s.StopSignal, signal)},
		{Name: "stop_grace_period", Read: scalar(r, &s.StopGrace, span)},
		{Name: "dump_signal", Read: scalar(r, &s.DumpSignal, signal)},
		{Name: "owner", Read: scalar(r, &s.Owner, label[holdfast.OwnerName])},
		{Name: "zones", Read: r.serviceZones(s, system.Zones)},
		{Name: "bounds", Read: r.bounds(&d.bounds)},
		{Name: "failure_modes", Read: r.failureModes(&d.overrides, remediesOfService)},
	}, r.designKeys(&s.Design)...))
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
		return complain[string](badPath, "name the folder: everything below it is read", "%s: `**` is not understood", diagnostic.Tick(text))
	}
	if _, err := filepath.Match(text, ""); err != nil {
		return complain[string](badPath, "close the bracket, or write `\\[` for the character itself", "%s is no pattern", diagnostic.Tick(text))
	}
	if filepath.IsAbs(text) {
		return filepath.Clean(text), nil
	}
	dir := r.File.Dir
	if strings.ContainsAny(text, `*?[\`) {
		dir = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(dir)
	}
	return filepath.Join(dir, text), nil
}

// serviceZones are among the declared ones; without any declared, the system
// has no failure domains to be in.
func (r *reader) serviceZones(s *holdfast.Service, declared []holdfast.ZoneName) func(source.Value) {
	return func(v source.Value) {
		zones, places := listAt(r, v, "names of zones", "`zones: [a, b]`", name[holdfast.ZoneName])
		for i, zone := range zones {
			if !slices.Contains(declared, zone) {
				r.Report(places[i], diagnostic.Problem{
					Code: unknownZone, Message: "no zone " + diagnostic.Tick(string(zone)) + " is declared",
					Help: diagnostic.DidYouMean("", diagnostic.Nearest(string(zone), declared), "add it to `zones:` at the top of the file"),
				})
			}
		}
		if len(zones) > 0 {
			s.Zones = zones
		}
	}
}

// command reads what is to be run for a service.
func (r *reader) command(d *draft) func(source.Value) {
	return func(v source.Value) {
		var texts []rawText
		d.service.Command, texts = r.program(v)
		d.texts = append(d.texts, texts...)
	}
}

// program reads a text that is split as a shell would, or a list of arguments,
// which is written as such a text. It also returns the words, in which variables
// may stand.
func (r *reader) program(v source.Value) (string, []rawText) {
	if _, list := v.Node.(*ast.SequenceNode); list {
		return r.programList(v)
	}
	text, ok := r.Scalar(v)
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
func (r *reader) reportFlaw(text string, v source.Value, f command.Flaw) {
	at := r.Locate(v.At, text[f.At:])
	if at != v.At || f.At == 0 {
		at.Width = len(f.Sign)
	}
	switch {
	case f.Sign == `\` && f.Open:
		r.Report(at, diagnostic.Problem{Code: openQuote, Message: v.Name + ": a backslash protects nothing at the end", Help: "remove it, or write `\\\\` for a backslash"})
	case f.Open:
		r.Report(at, diagnostic.Problem{Code: openQuote, Message: v.Name + ": a quote " + diagnostic.Tick(f.Sign) + " is never closed", Help: "close it, or write `\\" + f.Sign + "` for the character itself"})
	default:
		r.Report(at, diagnostic.Problem{Code: shellOperator, Message: v.Name + ": " + diagnostic.Tick(f.Sign) + " needs a shell", Label: "no shell reads this", Help: "write `sh -c '…'` around it, or quotes if it belongs to an argument"})
	}
}

func (r *reader) programList(v source.Value) (string, []rawText) {
	items, _ := r.Items(v, "arguments", "`"+v.Name+": [./web, --verbose]`")
	var arguments []string
	var texts []rawText
	for _, item := range items {
		if text, ok := r.Scalar(item); ok {
			arguments = append(arguments, text)
			texts = append(texts, rawText{value: item, text: text})
		}
	}
	if len(items) == 0 || len(arguments) > 0 && strings.TrimSpace(arguments[0]) == "" {
		r.reportNoProgram(v)
	}
	return command.Join(arguments), texts
}

func (r *reader) reportNoProgram(v source.Value) {
	r.Report(v.At, diagnostic.Problem{Code: source.EmptyValue, Message: v.Name + " names no program", Help: "write what is to be run, as in `" + v.Name + ": ./web --port $PORT`"})
}

// dependsOn reads a list of names, or a mapping of names to how they are needed.
func (r *reader) dependsOn(d *draft) func(source.Value) {
	return func(v source.Value) {
		if _, mapping := v.Node.(*ast.MappingNode); !mapping {
			needed, places := listAt(r, v, "names of services, or a mapping of them", "`depends_on: [catalog]`", name[holdfast.ServiceName])
			for i, on := range needed {
				d.needs = append(d.needs, need{at: places[i], dependency: holdfast.Dependency{On: on, Required: true, Timeout: holdfast.StandardTimeout}})
			}
			return
		}
		entries, _ := r.Entries(v, "dependencies by name")
		for _, e := range entries {
			d.needs = append(d.needs, r.need(e))
		}
	}
}

func (r *reader) need(e source.Entry) need {
	n := need{at: e.At, dependency: holdfast.Dependency{On: holdfast.ServiceName(e.Key), Required: true, Timeout: holdfast.StandardTimeout}}
	if source.IsNull(e.Value) {
		return n
	}
	written := r.Keys(e.Value, "a dependency", append([]source.Key{
		{Name: "required", Read: scalar(r, &n.dependency.Required, truth)},
		{Name: "condition", Read: func(v source.Value) { scalar(r, &n.condition, conditionOf)(v); n.conditionAt = v.At }},
		{Name: "for", Read: func(v source.Value) {
			n.dependency.For = list(r, v, "paths of the caller that need it", "`for: [/checkout]`", healthPath)
		}},
		{Name: "timeout", Read: scalar(r, &n.dependency.Timeout, duration)},
		{Name: "fallback", Read: r.fallback(&n.dependency.Fallback, &n.fallback)},
		{Name: "failure_modes", Read: r.failureModes(&n.overrides, remediesOfEdge(&n.dependency))},
	}, r.treatmentKeys(&n.dependency.Priority, &n.dependency.Repetition)...))
	n.written = written
	r.reportEdgeHooks(n.overrides)
	if _, said := written["required"]; !said && n.dependency.Fallback != nil {
		n.dependency.Required = false // whoever has an answer without it can serve without it
	}
	return n
}

// environment reads a mapping, or a list of KEY=VALUE; a KEY without a value is
// passed through from the caller.
func (r *reader) environment(d *draft) func(source.Value) {
	return func(v source.Value) {
		if _, mapping := v.Node.(*ast.MappingNode); mapping {
			entries, _ := r.Entries(v, "the environment")
			for _, e := range entries {
				if source.IsNull(e.Value) {
					r.variable(d, e.Key, e.Value, "", false)
				} else if text, ok := r.Scalar(e.Value); ok {
					r.variable(d, e.Key, e.Value, text, true)
				}
			}
			return
		}
		items, _ := r.Items(v, "`KEY=value`, or a mapping", "`environment: {KEY: value}`")
		for _, item := range items {
			if text, ok := r.Scalar(item); ok {
				item.Key = item.At
				key, set, assigned := strings.Cut(text, "=")
				r.variable(d, key, item, set, assigned)
			}
		}
	}
}

func (r *reader) variable(d *draft, key string, v source.Value, text string, assigned bool) {
	s := &d.service
	_, twice := s.Environment[key]
	switch {
	case key == "" || command.LeadingName(key) != key:
		r.Report(v.Key, diagnostic.Problem{Code: badEnvironment, Message: "environment: " + diagnostic.Tick(key) + " is not the name of a variable", Help: "use letters, digits and `_`, as in `KEY=value` or `KEY: value`"})
	case strings.ContainsRune(text, 0):
		r.Report(v.At, diagnostic.Problem{Code: badEnvironment, Message: "environment: the value of " + diagnostic.Tick(key) + " holds a NUL character", Help: "remove it: no process can be given one"})
	case twice || slices.Contains(s.PassThrough, key):
		r.Report(v.At, diagnostic.Problem{Code: listedTwice, Message: "environment: " + diagnostic.Tick(key) + " is listed twice", Help: "remove one of them"})
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
func (r *reader) checkSecret(key string, v source.Value, text string) {
	variable, fromEnvironment := strings.CutPrefix(text, "env:")
	file, fromFile := strings.CutPrefix(text, "file:")
	switch {
	case strings.Contains(text, "$"): // what it names is known at the start
	case fromEnvironment && (variable == "" || command.LeadingName(variable) != variable):
		r.Report(v.At, diagnostic.Problem{Code: badSecret, Message: "environment: " + diagnostic.Tick(text) + " names no variable", Help: "write " + diagnostic.Tick("env:"+strings.ToUpper(key))})
	case fromFile && strings.TrimSpace(file) == "":
		r.Report(v.At, diagnostic.Problem{Code: badSecret, Message: "environment: " + diagnostic.Tick(text) + " names no file", Help: "write the file's path, as in " + diagnostic.Tick("file:secrets/"+strings.ToLower(key))})
	case fromEnvironment:
		r.reportUnset(v, variable)
	}
}

const smallest = "the smallest file is three lines: `name: shop`, `services: {web: {command: ./web, ports: [\"8080\"]}}`, `owner: you`"

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
		"body":           "write what is answered as `json`, or name its file: `file`",
		"slo":            "write `promise: 99.9%` at the top of the file",
		"version":        "remove it: the file has no version",
	}
}

// spanText is a duration as a person writes it, in days where it is some.
func spanText(d time.Duration) string {
	if d > maxWait && d%(24*time.Hour) == 0 {
		return strings.TrimSuffix((d/24).String(), "h0m0s") + "d"
	}
	return diagnostic.Span(d)
}
