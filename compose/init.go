package compose

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"holdfast/command"
	"holdfast/diagnostic"
	"holdfast/source"
)

// Init writes a holdfast.yaml for what a Compose file runs, to stand beside it:
// what it publishes as services that already run, with the commands that break
// and mend them. What was guessed carries a comment. It returns "" and the
// problems when the file cannot be read, and "" and why when there is nothing
// that could be watched: nothing in it is published on a port that is known.
func Init(from source.File, environ map[string]string) (text string, problems []diagnostic.Problem, why string) {
	f := read(from, environ)
	if !f.readable() {
		return "", f.document.Sorted(), "the Compose file cannot be read"
	}
	d := &draft{file: f, called: f.called(), said: map[string]bool{}}
	for _, s := range f.services {
		if len(f.reachable(s)) > 0 {
			d.reached = append(d.reached, s)
		}
	}
	if len(d.reached) == 0 {
		return "", nil, "nothing in " + filepath.Base(from.Name) + " is published on a port of this host that is known, so there is nothing to ask; publish one, such as `ports: [\"127.0.0.1:8080:80\"]`"
	}
	d.head()
	for _, s := range d.reached {
		d.service(s)
	}
	d.missing()
	return d.out.String(), nil, ""
}

// A draft is a holdfast.yaml on its way.
type draft struct {
	file    *file
	called  map[*service]string // by their names there
	reached []*service
	said    map[string]bool // comments that are not repeated
	out     strings.Builder
}

// once writes a comment where it is needed first.
func (d *draft) once(text string) {
	if !d.said[text] {
		d.line("%s", text)
	}
	d.said[text] = true
}

func (d *draft) line(format string, args ...any) {
	fmt.Fprintf(&d.out, format+"\n", args...)
}

// called gives every service a name that Holdfast takes: small letters, digits
// and dashes, each once.
func (f *file) called() map[*service]string {
	names := map[*service]string{}
	taken := map[string]bool{}
	for _, s := range f.services {
		base := slug(s.Name, "service")
		name := base
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d", base[:min(len(base), maxName-4)], n)
		}
		names[s], taken[name] = name, true
	}
	return names
}

// maxName is how long a name may be in a holdfast.yaml.
const maxName = 40

func slug(text, otherwise string) string {
	changed := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-':
			return c
		case c == '_' || c == '.' || c == ' ':
			return '-'
		default:
			return -1
		}
	}, strings.ToLower(text))
	changed = strings.Trim(changed, "-")
	if changed == "" || changed[0] < 'a' {
		changed = strings.TrimSuffix(otherwise+"-"+changed, "-")
	}
	return strings.TrimRight(changed[:min(len(changed), maxName)], "-")
}

// reachable are the ports of a service that this host can ask: published, over
// TCP, and on a number that is known.
func (f *file) reachable(s *service) []types.ServicePortConfig {
	if s.GetScale() == 0 || len(s.Profiles) > 0 || s.unsure("ports") {
		return nil
	}
	var all []types.ServicePortConfig
	for _, p := range s.Ports {
		first, _, _ := strings.Cut(p.Published, "-")
		if p.Protocol != "udp" && portNumber(first) > 0 {
			all = append(all, p)
		}
	}
	return all
}

func (d *draft) head() {
	file := filepath.Base(d.file.document.File.Name)
	d.line("# Written by `holdfast init` from %s. What stands behind \"guess\" was not in it: read those lines.", comment(file))
	d.line("# `holdfast check` reads this file, `holdfast up` watches what it names, `holdfast prove --live` breaks what is allowed.")
	d.line("name: %s%s", d.name(), d.guessed(d.file.root.named["name"] != nil, "what the folder is called"))
	if owner := d.file.extended.owner; owner != "" {
		d.line("owner: %s", quoted(string(owner)))
	} else {
		d.line("owner: me                # guess: write who answers for it")
	}
	if promise := d.file.extended.promise; promise != "" {
		d.line("# promise: %s        # x-holdfast says so; it counts once users come through Holdfast (`manage: route` and `ports`)", promise)
	}
	d.line("prove: {allow: []}       # what `holdfast prove --live` may break: nothing, until you name it here")
	d.line("services:")
}

func (d *draft) name() string {
	if n := d.file.root.named["name"]; n != nil && n.text != "" {
		return slug(n.text, "system")
	}
	return slug(filepath.Base(d.file.document.File.Dir), "system")
}

func (d *draft) guessed(known bool, what string) string {
	if known {
		return ""
	}
	return "              # guess: " + what
}

func (d *draft) service(s *service) {
	name := d.called[s]
	d.line("")
	if name != s.Name {
		d.line("  # %s in the Compose file", comment(s.Name))
	}
	d.line("  %s:", name)
	ports := d.file.reachable(s)
	scheme, sure := schemeOf(s, ports[0])
	d.line("    urls: [%s]%s", strings.Join(urls(scheme, ports[0], s.GetScale()), ", "), guessIf(!sure, "port "+strconv.Itoa(int(ports[0].Target))+" speaks "+scheme))
	for _, p := range ports[1:] {
		d.line("    # also published: %s", comment(p.Published+" for "+strconv.Itoa(int(p.Target))))
	}
	if owner := d.file.extensionOf(s).owner; owner != "" && owner != d.file.extended.owner {
		d.line("    owner: %s", quoted(string(owner)))
	}
	if promise := d.file.extensionOf(s).promise; promise != "" && promise != d.file.extended.promise {
		d.line("    # promise: %s   # x-holdfast says so", promise)
	}
	d.needs(s)
	d.healthcheck(s, scheme)
	d.modes(s)
}

func guessIf(guess bool, what string) string {
	if !guess {
		return ""
	}
	return "   # guess: " + what
}

// schemeOf is what a port speaks, and whether that is sure. A database speaks
// its own language; of others the usual ports tell.
func schemeOf(s *service, p types.ServicePortConfig) (scheme string, sure bool) {
	switch {
	case slices.Contains(s.store.ports, p.Target) && !slices.Contains([]uint32{9200, 5984}, p.Target):
		return "tcp", true
	case p.AppProtocol == "http" || p.AppProtocol == "https":
		return p.AppProtocol, true
	case p.Target == 443 || p.Target == 8443 || p.Target == 9443:
		return "https", false
	case slices.Contains([]uint32{21, 22, 25, 53, 110, 143, 389, 465, 587, 636, 993, 995, 1883, 3306, 5432, 5672, 6379, 9092, 11211, 27017}, p.Target):
		return "tcp", false
	default:
		return "http", false
	}
}

// urls are the addresses of the replicas: one for each port of a range, as far as
// there are replicas.
func urls(scheme string, p types.ServicePortConfig, replicas int) []string {
	host := p.HostIP
	if everywhere(host) || host == "localhost" {
		host = "127.0.0.1"
	}
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		host = "[" + host + "]"
	}
	first, _, isRange := strings.Cut(p.Published, "-")
	if !isRange {
		replicas = 1
	}
	const most = 100
	var all []string
	for i := range min(replicas, most) {
		all = append(all, quoted(fmt.Sprintf("%s://%s:%d", scheme, host, portNumber(first)+i)))
	}
	return all
}

// needs writes whom a service depends on, as far as they are there; the others
// are remembered in a comment.
func (d *draft) needs(s *service) {
	var there, hidden []string
	for _, n := range s.needs {
		switch {
		case !n.serves() || n.on == s:
		case slices.Contains(d.reached, n.on):
			there = append(there, d.called[n.on])
		default:
			hidden = append(hidden, comment(n.on.Name))
		}
	}
	if len(there) > 0 {
		d.line("    depends_on: [%s]", strings.Join(there, ", "))
	}
	if len(hidden) > 0 {
		d.line("    # also depends on, and not published: %s", strings.Join(hidden, ", "))
	}
}

// healthcheck carries over what Holdfast can ask too: the path of a request to
// the service itself, and how often.
func (d *draft) healthcheck(s *service, scheme string) {
	var parts []string
	switch path := askedPath(s); {
	case scheme != "tcp" && path != "" && !s.look("healthcheck").filled(): // what a variable holds may be a secret
		parts = append(parts, "path: "+quoted(path))
	case scheme == "tcp" && slices.Contains([]string{"Redis", "Valkey"}, s.store.called):
		parts = append(parts, `send: "PING\r\n"`, `expect: "PONG"`)
	}
	if check := s.HealthCheck; s.checked() && !s.unsure("healthcheck") {
		for _, part := range []struct {
			key string
			set *types.Duration
		}{{key: "interval", set: check.Interval}, {key: "timeout", set: check.Timeout}} {
			if part.set != nil && *part.set > 0 && time.Duration(*part.set) <= time.Hour {
				parts = append(parts, part.key+": "+time.Duration(*part.set).String())
			}
		}
		if check.Retries != nil && *check.Retries > 0 && *check.Retries <= 100 {
			parts = append(parts, fmt.Sprintf("retries: %d", *check.Retries))
		}
	}
	guess := ""
	if strings.HasPrefix(strings.Join(parts, ""), "send") {
		guess = "   # guess: it asks for no password"
	}
	if len(parts) > 0 {
		d.line("    healthcheck: {%s}%s", strings.Join(parts, ", "), guess)
	} else if scheme != "tcp" {
		d.line("    # healthcheck: {path: /healthz}   # without it any answer counts as well")
	}
}

// noticedAfter is how long the health check that is carried over takes to notice a
// hang, and whether that is later than is allowed unless it is written: a check is
// made again soon after a miss, three at a time.
func noticedAfter(s *service) (after time.Duration, late bool) {
	if s.HealthCheck == nil || !s.checked() || s.unsure("healthcheck") {
		return 0, false
	}
	interval := min(duration(s.HealthCheck.Interval, time.Second), time.Hour)
	timeout := min(duration(s.HealthCheck.Timeout, 300*time.Millisecond), time.Hour)
	after = interval + time.Duration((retries(s.HealthCheck)+2)/3)*timeout + time.Second
	return min(after.Round(time.Second)+time.Second, 24*time.Hour), after > 3*time.Second+2*interval
}

// askedPath is the path that a health check asks of the service itself.
func askedPath(s *service) string {
	test := s.test()
	if test == nil {
		return ""
	}
	for _, word := range strings.Fields(strings.Join(test[1:], " ")) {
		_, rest, address := strings.Cut(strings.Trim(word, `"'`), "://")
		host, path, deeper := strings.Cut(rest, "/")
		if address && deeper && slices.Contains([]string{"localhost", "127.0.0.1", "0.0.0.0", "[::1]"}, hostOf(host)) && !strings.ContainsAny(path, "#$`\"'<>{}|\\ ") {
			return "/" + path
		}
	}
	return ""
}

// modes writes how a service is broken and mended, by commands that do what they
// say: where Docker starts a container again, `docker compose kill` is no crash,
// since Docker does not start again what was killed by it.
func (d *draft) modes(s *service) {
	compose, name := d.compose(), command.Join([]string{s.Name})
	d.line("    failure_modes:")
	start := compose + " start " + name
	if policy := s.policy(); policy == types.RestartPolicyAlways || policy == types.RestartPolicyUnlessStopped || policy == types.RestartPolicyOnFailure {
		d.once("      # a crash as Docker sees one, so that its own `restart` is drilled too; it needs root.")
		d.once("      # `docker compose kill` would not be one: Docker does not start again what that ended.")
		d.line("      crash:   # mended by Docker, and by `mend` if that fails")
		d.line("        break: %s", quoted(shell(`for id in $$(`+compose+` ps --quiet `+name+`); do pid=$$(docker inspect --format "{{.State.Pid}}" $$id) && test "$$pid" -gt 1 && kill -KILL "$$pid" || exit 1; done`)))
		d.line("        mend: %s", quoted(start))
	} else {
		d.line("      crash:   # mended by nobody else: the Compose file says no `restart`")
		d.line("        break: %s", quoted(compose+" kill "+name))
		d.line("        mend: %s", quoted(start))
	}
	d.line("      hang:")
	if noticed, late := noticedAfter(s); late {
		d.line("        bounds: {detect: %s}   # so long does its health check take: fewer `retries` notice sooner", noticed)
	}
	d.line("        break: %s", quoted(compose+" pause "+name))
	d.once("        # unpausing what is not paused is an error to Docker, and mend must be right any number of times")
	d.line("        mend: %s", quoted(shell(`ids=$$(`+compose+` ps --status paused --quiet `+name+`) || exit 1; test -z "$$ids" || `+compose+` unpause `+name)))
}

func shell(script string) string {
	return "sh -c '" + strings.ReplaceAll(script, "'", `'"'"'`) + "'"
}

// compose is the command for this file. Hooks run in the folder that
// holdfast.yaml is in, where Compose finds a file of a usual name by itself.
func (d *draft) compose() string {
	file := filepath.Base(d.file.document.File.Name)
	if slices.Contains([]string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml", "-", "."}, file) {
		return "docker compose"
	}
	return "docker compose --file " + command.Join([]string{file})
}

// missing lists what is not watched, and what that would need.
func (d *draft) missing() {
	first := true
	for _, s := range d.file.services {
		if slices.Contains(d.reached, s) || s.once() {
			continue
		}
		if first {
			d.line("")
			d.line("  # Not published, so nothing outside of Docker can ask them. To watch one, publish it on this host only")
			d.line("  # (`ports: [\"127.0.0.1:PORT:PORT\"]`) and write it as those above.")
			first = false
		}
		d.line("  # %s:%s", d.called[s], hint(s))
	}
}

func hint(s *service) string {
	switch {
	case len(s.Profiles) > 0:
		return "   is started only with a profile"
	case len(s.Ports) > 0:
		return "   the number of its port on this host is not known here"
	case len(s.store.ports) > 0:
		return fmt.Sprintf(" {urls: [\"tcp://127.0.0.1:%d\"]}   # %s", s.store.ports[0], s.store.called)
	default:
		return " {urls: [\"http://127.0.0.1:PORT\"]}"
	}
}

// quoted is a text in YAML's double quotes.
func quoted(text string) string { return strconv.Quote(text) }

// comment is a text that may stand in a comment.
func comment(text string) string { return diagnostic.Shown(text) }
