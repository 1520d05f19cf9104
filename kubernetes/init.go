package kubernetes

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"holdfast/diagnostic"
	"holdfast/source"
)

// The bounds of what Init writes: a file of Holdfast's own is at most 1 MiB.
const (
	mostServices = 1_000
	mostURLs     = 9  // of one StatefulSet
	longestName  = 40 // of a service there
)

// Init writes a holdfast.yaml for the Services of a file of objects, as a
// beginning: what is guessed carries a comment. It is "" when there is no Service
// to write of; problems are those of the text then.
func Init(file source.File) (text string, problems []diagnostic.Problem) {
	d := source.Read(file, fileKind())
	c := newCluster(d)
	i := initial{cluster: c, names: map[*service]string{}}
	i.choose()
	if len(i.services) == 0 {
		return "", d.Sorted()
	}
	return i.write(file.Name), nil
}

// An initial file in the making.
type initial struct {
	*cluster
	services []*service
	names    map[*service]string // as they are called there
	leads    map[string][]string // what each depends on, so far
	out      strings.Builder
	left     int // Services that are left out
}

// choose takes the Services that pods answer for, and gives each a name of its
// own. A headless Service beside another of the same pods says nothing more.
func (i *initial) choose() {
	taken := map[string]bool{}
	for _, s := range i.cluster.services {
		if s.reach == "ExternalName" || len(s.workloads) == 0 && !s.hidden || !s.hasAddress() {
			i.left++
			continue
		}
		name := i.unused(s, taken)
		if name == "" || len(i.services) == mostServices {
			i.left++
			continue
		}
		taken[name], i.names[s] = true, name
		i.services = append(i.services, s)
	}
}

// hasAddress says that a URL can be written for a Service: of a port that is one,
// and of names that are labels of the DNS.
func (s *service) hasAddress() bool {
	if len(s.ports) == 0 || s.namespace != "" && !isLabel(s.namespace) {
		return false
	}
	port, err := strconv.ParseUint(s.reachedAt(s.mainPort()), 10, 16)
	return err == nil && port > 0
}

func isLabel(text string) bool {
	return text != "" && len(text) <= 63 && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" && text[0] != '-'
}

// unused is a name that a service may have there: its own, or with its namespace
// where two are called the same.
func (i *initial) unused(s *service, taken map[string]bool) string {
	for _, name := range []string{s.name, s.name + "-" + s.namespace} {
		if isName(name) && !taken[name] {
			return name
		}
	}
	return ""
}

// isName says that a name is one there, and not one that YAML reads as no text.
func isName(text string) bool {
	if slices.Contains([]string{"null", "true", "false", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(text)) {
		return false
	}
	return text != "" && len(text) <= longestName && text[0] >= 'a' && text[0] <= 'z' && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func (i *initial) line(format string, values ...any) {
	fmt.Fprintf(&i.out, format+"\n", values...)
}

func (i *initial) write(name string) string {
	i.leads = map[string][]string{}
	i.line("# Made of the Kubernetes objects in %s: a beginning, for a person to go on from.", diagnostic.Shown(name))
	i.line("# What is guessed says so, and `holdfast check` says what is missing. The addresses can")
	i.line("# be reached in the cluster. Holdfast only watches what is behind them: Kubernetes keeps it.")
	i.line("# A `break` deletes every pod of a Service. Kubernetes makes them again, and `mend` waits")
	i.line("# for that. Nothing runs them but `prove --live`, of what `prove: {allow: […]}` names.")
	i.line("name: %s", i.systemName())
	i.ownerLine()
	i.line("# prove: {allow: [%s]}", i.names[i.services[0]])
	i.line("services:")
	for _, s := range i.services {
		i.service(s)
	}
	if i.left > 0 {
		i.line("# %s left out: no port, no pods in these objects, or no name that can be used here.", diagnostic.Count(i.left, "Service"))
	}
	return i.out.String()
}

// systemName is the namespace, if there is one.
func (i *initial) systemName() string {
	namespace := i.services[0].namespace
	for _, s := range i.services {
		if s.namespace != namespace {
			return "cluster   # guessed: there are several namespaces"
		}
	}
	if !isName(namespace) {
		return "cluster   # guessed: no namespace is written"
	}
	return namespace
}

// owned is the one owner of a Service and the workloads behind it, or "".
func (s *service) ownedBy() string {
	owner := s.owner()
	for _, w := range s.workloads {
		owner = cmp.Or(owner, w.owner())
	}
	if !isOwner(owner) {
		return ""
	}
	return owner
}

// isOwner says that a name can be written without quotes.
func isOwner(text string) bool { return isName(strings.ReplaceAll(strings.ToLower(text), "_", "-")) }

func (i *initial) ownerLine() {
	owner := i.services[0].ownedBy()
	for _, s := range i.services {
		if s.ownedBy() != owner {
			owner = ""
		}
	}
	if owner == "" {
		i.line("# owner: TEAM   # who answers for what names nobody; objects may name one: `%s`", ownerKey)
		return
	}
	i.line("owner: %s", owner)
}

func (i *initial) service(s *service) {
	name := i.names[s]
	i.line("  %s:%s", name, s.behind())
	i.urls(s)
	if owner := s.ownedBy(); owner != "" {
		i.line("    owner: %s", owner)
	}
	i.dependencies(s, name)
	i.crash(s)
}

// behind says in a comment what answers for a Service.
func (s *service) behind() string {
	if len(s.workloads) != 1 || s.hidden || !s.workloads[0].counted() {
		return ""
	}
	w := s.workloads[0]
	return "   # " + diagnostic.Shown(fmt.Sprintf("%s %s, %s", w.kind, w.name, diagnostic.Count(w.now(), "replica")))
}

// urls are one for each member of a StatefulSet that a headless Service names,
// and else the one of the Service, behind which Kubernetes chooses.
func (i *initial) urls(s *service) {
	p := s.mainPort()
	scheme, path, why := s.speaks(p)
	host := s.name + "." + cmp.Or(s.namespace, "default") + ".svc"
	if s.namespace == "" {
		why = strings.TrimPrefix(why+"; the namespace is a guess", "; ")
	}
	var all []string
	for n := range s.members() {
		all = append(all, fmt.Sprintf("%q", fmt.Sprintf("%s://%s-%d.%s:%s%s", scheme, s.workloads[0].name, n, host, s.reachedAt(p), path)))
	}
	if len(all) == 0 {
		all = []string{fmt.Sprintf("%q", fmt.Sprintf("%s://%s:%s%s", scheme, host, s.reachedAt(p), path))}
		why = strings.TrimPrefix(why+s.several(), "; ")
	}
	if why != "" {
		why = "   # " + why
	}
	i.line("    urls: [%s]%s", strings.Join(all, ", "), why)
}

// several says that there is more behind an address than check can know.
func (s *service) several() string {
	if len(s.workloads) != 1 || s.hidden || !s.workloads[0].counted() || s.workloads[0].least() < 2 {
		return ""
	}
	return fmt.Sprintf("; Kubernetes has %d replicas behind it, which `check` does not see", s.workloads[0].least())
}

// members is how many names a headless Service gives the pods of its StatefulSet.
func (s *service) members() int {
	if !s.headless || len(s.workloads) != 1 || s.hidden {
		return 0
	}
	w := s.workloads[0]
	if w.kind != "StatefulSet" || w.at("spec", "serviceName").text() != s.name || !isLabel(w.name) {
		return 0
	}
	return min(w.least(), mostURLs)
}

// reachedAt is the port to ask: of a headless Service it is that of the pods.
func (s *service) reachedAt(p servicePort) string {
	if !s.headless {
		return p.number
	}
	if number := s.resolved(p); number != "" {
		return number
	}
	return p.number
}

// resolved is the number of the pods' port behind a port, or "".
func (s *service) resolved(p servicePort) string {
	target := p.targetOf()
	if isNumber(target) {
		return target
	}
	for _, w := range s.workloads {
		for _, one := range w.pod.containers {
			if number := one.numberOf(target); number != target {
				return number
			}
		}
	}
	return ""
}

// mainPort is the one that is most likely what the Service is for.
func (s *service) mainPort() servicePort {
	i := slices.IndexFunc(s.ports, func(p servicePort) bool {
		return strings.HasPrefix(p.name, "http") || p.name == "web" || p.number == "80"
	})
	return s.ports[max(i, 0)]
}

// speaks is how a port is asked, and why it is believed to speak so.
func (s *service) speaks(p servicePort) (scheme, path, why string) {
	target := s.resolved(p)
	for _, w := range s.workloads {
		for _, one := range w.pod.containers {
			if one.readiness.how == "httpGet" && one.numberOf(one.readiness.at("httpGet", "port").text()) == target {
				scheme, path = "http", one.readiness.at("httpGet", "path").text()
				if one.readiness.at("httpGet", "scheme").text() == "HTTPS" {
					scheme = "https"
				}
				return scheme, usablePath(path), "as its readiness probe asks"
			}
		}
	}
	switch protocol := p.at("appProtocol").text(); {
	case strings.Contains(p.name, "grpc") || protocol == "grpc" || protocol == "kubernetes.io/h2c":
		return "tcp", "", "gRPC, which is asked by a connect"
	case strings.HasPrefix(p.name, "http") || protocol == "http" || p.number == "80":
		return "http", "", "guessed: its port is one for HTTP"
	}
	return "tcp", "", "guessed: nothing says what it speaks"
}

// usablePath is a path that can be part of a URL as it is, or "".
func usablePath(path string) string {
	if !strings.HasPrefix(path, "/") || strings.Trim(strings.ToLower(path), "abcdefghijklmnopqrstuvwxyz0123456789-_./") != "" {
		return ""
	}
	return strings.TrimSuffix(path, "/")
}

// crash is written where one workload stands behind a Service and nothing else:
// what is deleted is known then, and Kubernetes makes it again.
func (i *initial) crash(s *service) {
	if len(s.workloads) != 1 || s.hidden || !s.workloads[0].counted() {
		return
	}
	w := s.workloads[0]
	selector := flatSelector(w.pod.labels, w.at("spec", "selector", "matchLabels").pairs())
	namespace := cmp.Or(s.namespace, w.namespace, "default")
	if selector == "" || !isWord(w.name) || !isWord(namespace) || w.kind != "Deployment" && w.kind != "StatefulSet" {
		return
	}
	i.line("    failure_modes:")
	i.line("      crash:")
	i.line("        break: kubectl -n %s delete pod -l %s --grace-period=1 --wait=false", namespace, selector)
	i.line("        mend: kubectl -n %s rollout status %s/%s --timeout=25s", namespace, strings.ToLower(w.kind), w.name)
}

// flatSelector is how kubectl is told the labels by which a workload knows its
// own pods, or "" where they cannot be written plainly.
func flatSelector(labels, own map[string]string) string {
	var parts []string
	for key, value := range own {
		if labels[key] != value || !isWord(key) || !isWord(value) {
			return ""
		}
		parts = append(parts, key+"="+value)
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// isWord says that a text means to a shell and to YAML what it says.
func isWord(text string) bool {
	return text != "" && text[0] != '-' && strings.Trim(strings.ToLower(text), "abcdefghijklmnopqrstuvwxyz0123456789-_./") == ""
}

// dependencies are guessed: an environment that names another Service mostly
// calls it. One that would close a circle is left out.
func (i *initial) dependencies(s *service, name string) {
	byName := map[string]string{}
	for _, other := range i.services {
		if other != s && other.near(&s.object) {
			byName[other.name] = i.names[other]
		}
	}
	var all []string
	for _, w := range s.workloads {
		for _, host := range w.hosts() {
			other, known := byName[host]
			if known && !slices.Contains(all, other) && !i.reaches(other, name, map[string]bool{}) {
				all = append(all, other)
			}
		}
	}
	if len(all) > 0 {
		i.leads[name] = all
		i.line("    depends_on: [%s]   # guessed: its environment names them", strings.Join(all, ", "))
	}
}

func (i *initial) reaches(from, to string, seen map[string]bool) bool {
	if from == to {
		return true
	}
	seen[from] = true
	return slices.ContainsFunc(i.leads[from], func(next string) bool { return !seen[next] && i.reaches(next, to, seen) })
}

// mostHosts bounds the hosts that are taken from one workload.
const mostHosts = 1_000

// hosts are those that the environment names, each by the first part of its name.
func (w *workload) hosts() []string {
	var all []string
	for _, one := range w.pod.containers {
		for _, e := range one.at("env").list() {
			words := strings.FieldsFunc(e.at("value").text(), func(c rune) bool { return strings.ContainsRune(", ;=\"'", c) })
			for _, word := range words {
				if host, is := hostOf(word, namesHost(e.at("name").text())); is && len(all) < mostHosts {
					all = append(all, host)
				}
			}
		}
	}
	return all
}

// namesHost says that a variable of this name holds the name of a host.
func namesHost(variable string) bool {
	return slices.ContainsFunc([]string{"HOST", "HOSTNAME", "ADDR", "ADDRESS", "SERVER", "ENDPOINT", "URL", "URI"}, func(end string) bool {
		return variable == end || strings.HasSuffix(variable, "_"+end)
	})
}

// hostOf is the host in a URL or an address with a port; a name alone is one only
// where it is expected.
func hostOf(word string, expected bool) (string, bool) {
	_, rest, url := strings.Cut(word, "://")
	if !url {
		rest = word
	}
	rest, _, _ = strings.Cut(rest, "/")
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	host, port, _ := strings.Cut(rest, ":")
	host, _, _ = strings.Cut(host, ".")
	return host, url || expected || isNumber(port)
}
