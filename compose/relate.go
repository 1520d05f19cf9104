package compose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/topology"
)

// relate finds whom each service needs: what it depends on (which the library
// completes by links and shared namespaces), and whom its environment names.
func (f *file) relate(project *types.Project) {
	byName := map[string]*service{}
	for _, s := range f.services {
		byName[s.Name] = s
	}
	for _, s := range f.services {
		for _, name := range sorted(s.DependsOn) {
			if other := byName[name]; other != nil {
				d := s.DependsOn[name]
				s.needs = append(s.needs, need{on: other, condition: d.Condition, required: d.Required, at: s.placeOfNeed(name)})
			}
		}
		f.seeNeeds(s, byName)
		for _, n := range s.needs {
			if !slices.Contains(n.on.callers, s) {
				n.on.callers = append(n.on.callers, s)
			}
		}
	}
}

// placeOfNeed is where a service says that it depends on another: in depends_on,
// in an older way of saying so, or wherever what it extends says it.
func (s *service) placeOfNeed(on string) diagnostic.Place {
	for _, from := range append([]*node{s.written}, s.bases...) {
		for _, key := range []string{"depends_on", "links", "volumes_from"} {
			list := from.named[key]
			if list == nil {
				continue
			}
			if n := list.item(func(text string) bool { return text == on || strings.HasPrefix(text, on+":") }); n != nil {
				return n.at
			}
		}
	}
	return s.at("network_mode")
}

// seeNeeds finds services that the environment of another names as hosts: in
// addresses (postgres://user@db:5432/shop) and in variables that hold one
// (DB_HOST=db). What is not required by depends_on may be needed all the same.
func (f *file) seeNeeds(s *service, byName map[string]*service) {
	list := s.look("environment")
	if list == nil {
		return
	}
	for _, entry := range list.kids {
		key, value := entry.key, entry.text
		if key == "" {
			key, value, _ = strings.Cut(entry.text, "=")
		}
		for _, host := range hosts(key, value) {
			on := byName[host]
			if on != nil && on != s && !slices.ContainsFunc(s.needs, func(n need) bool { return n.on == on }) {
				s.needs = append(s.needs, need{on: on, required: true, at: entry.at, seen: true})
			}
		}
	}
}

// hosts are the names of hosts in a variable.
func hosts(key, value string) []string {
	if len(value) > 4096 {
		return nil
	}
	var all []string
	for _, part := range strings.FieldsFunc(value, func(c rune) bool { return c == ',' || c == ' ' || c == ';' }) {
		scheme, rest, address := strings.Cut(part, "://")
		switch {
		case address && strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-:_=") == "":
			rest, _, _ = strings.Cut(rest, "/")
			rest = rest[strings.LastIndexByte(rest, '@')+1:]
			all = append(all, hostOf(rest))
		case holdsHost(key):
			all = append(all, hostOf(part))
		}
	}
	return all
}

func hostOf(text string) string {
	host, _, _ := strings.Cut(text, ":")
	host, _, _ = strings.Cut(host, "?")
	return host
}

// holdsHost says that a variable of this name holds a host.
func holdsHost(key string) bool {
	key = strings.ToUpper(key)
	for _, end := range []string{"HOST", "HOSTS", "HOSTNAME", "SERVER", "SERVERS", "ADDR", "ADDRESS", "ENDPOINT", "BROKER", "BROKERS", "SERVICE"} {
		if key == end || strings.HasSuffix(key, "_"+end) || strings.HasSuffix(key, end) && (end == "HOST" || end == "SERVERS") {
			return true
		}
	}
	return false
}

// checkReferences finds what is named and not defined. A file that includes
// others may find it there.
func (f *file) checkReferences(project *types.Project) {
	if f.root.named["include"] != nil {
		return
	}
	known := map[string]bool{}
	for _, s := range f.services {
		known[s.Name] = true
	}
	defined := func(kind string) []string {
		if n := f.root.named[kind]; n != nil {
			return keys(n)
		}
		return nil
	}
	services, networks := defined("services"), defined("networks")
	for _, s := range f.services {
		for _, on := range sorted(s.DependsOn) {
			if !known[on] {
				f.checkNamed(s, s.placeOfNeed(on), "service", on, services)
			}
		}
		for _, name := range sorted(s.Networks) {
			if name != "default" {
				f.checkNamed(s, s.placeIn("networks", name), "network", name, networks)
			}
		}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeVolume && v.Source != "" {
				f.checkNamed(s, s.placeOfVolume(v), "volume", v.Source, defined("volumes"))
			}
		}
		for _, secret := range s.Secrets {
			f.checkNamed(s, s.placeIn("secrets", secret.Source), "secret", secret.Source, defined("secrets"))
		}
		for _, config := range s.Configs {
			f.checkNamed(s, s.placeIn("configs", config.Source), "config", config.Source, defined("configs"))
		}
	}
}

func sorted[T any](all map[string]T) []string {
	var names []string
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// placeIn is the place of an item by its name, or of the list.
func (s *service) placeIn(key, name string) diagnostic.Place {
	list := s.look(key)
	if list == nil {
		return s.written.at
	}
	if n := list.item(func(text string) bool { return text == name }); n != nil {
		return n.at
	}
	for _, kid := range list.kids {
		if source := kid.named["source"]; source != nil && source.text == name {
			return source.value.At
		}
	}
	return list.at
}

// placeOfVolume is the place of a mount in `volumes`.
func (s *service) placeOfVolume(v types.ServiceVolumeConfig) diagnostic.Place {
	list := s.look("volumes")
	if list == nil {
		return s.written.at
	}
	for _, kid := range list.kids {
		target, source := kid.named["target"], kid.named["source"]
		switch {
		case target != nil && strings.TrimSuffix(target.text, "/") == v.Target && (v.Source == "" || source == nil || source.text == v.Source):
			return target.value.At
		case target == nil && strings.Contains(kid.text, v.Target) && (v.Source == "" || strings.HasPrefix(kid.text, v.Source)):
			return kid.at
		}
	}
	return list.at
}

func (f *file) checkNamed(s *service, at diagnostic.Place, kind, name string, defined []string) {
	if slices.Contains(defined, name) || name == "" || f.vagueAt(s, name) {
		return
	}
	help := fmt.Sprintf("define it at the top of the file: `%ss: {%s: {}}`", kind, diagnostic.Shown(name))
	switch kind {
	case "service":
		help = "the services are " + diagnostic.Ticks(defined)
	case "secret", "config":
		help = fmt.Sprintf("define it at the top of the file: `%ss: {%s: {file: ./%s}}`", kind, diagnostic.Shown(name), diagnostic.Shown(name))
	}
	f.report(s, at, diagnostic.Problem{
		Code: undefined, Message: diagnostic.Tick(s.Name) + " names the " + kind + " " + diagnostic.Tick(name) + ", which the file does not define",
		Note: "Compose refuses the whole file because of it, unless another file that is given with it defines it",
		Help: diagnostic.DidYouMean("", diagnostic.Nearest(name, defined), help),
	})
}

// vagueAt says that a name may come from a variable that is not set.
func (f *file) vagueAt(s *service, _ string) bool {
	for _, key := range []string{"volumes", "networks", "secrets", "configs"} {
		if s.unsure(key) {
			return true
		}
	}
	return false
}

// checkCircles finds services that wait for each other.
func (f *file) checkCircles() {
	var edges []holdfast.Edge
	for _, s := range f.services {
		for _, on := range sorted(s.DependsOn) {
			edges = append(edges, holdfast.Edge{From: holdfast.ServiceName(s.Name), To: holdfast.ServiceName(on)})
		}
	}
	ring := topology.Cycle(edges)
	if ring == nil {
		return
	}
	i := slices.IndexFunc(f.services, func(s *service) bool { return s.Name == string(ring[0]) })
	var path []string
	for _, name := range ring {
		path = append(path, diagnostic.Shown(string(name)))
	}
	const most = 8
	if len(path) > most {
		path = append(path[:most-1], "…", path[len(path)-1])
	}
	f.report(f.services[i], f.services[i].placeOfNeed(string(ring[1])), diagnostic.Problem{
		Code: circle, Message: "services wait for each other in a circle: " + strings.Join(path, " → "),
		Note: "none of them can be started first, so Compose refuses the whole file",
		Help: "remove one of the dependencies; who can start without the other, and try again later, need not wait",
	})
}

// checkExclusions finds what Compose refuses because of something else that is
// said.
func (f *file) checkExclusions() {
	for _, s := range f.services {
		switch {
		case s.NetworkMode != "" && s.look("networks") != nil && s.look("network_mode") != nil && len(s.Networks) > 0:
			f.reportExclusion(s, s.at("network_mode"), "`network_mode` and `networks` exclude each other", "remove one of them")
		case s.Scale != nil && s.Deploy != nil && s.Deploy.Replicas != nil && *s.Scale != *s.Deploy.Replicas:
			f.reportExclusion(s, s.at("scale"), "`scale` and `deploy.replicas` say different numbers", "remove `scale`")
		case s.HealthCheck != nil && len(s.HealthCheck.Test) > 0 && !slices.Contains([]string{"CMD", "CMD-SHELL", "NONE"}, s.HealthCheck.Test[0]) && !s.unsure("healthcheck", "test"):
			f.reportExclusion(s, s.at("healthcheck", "test"), "the list begins with "+diagnostic.Tick(s.HealthCheck.Test[0])+" and not with `CMD` or `CMD-SHELL`", "write `[\"CMD\", …]`, or the whole command as one text")
		}
	}
}

func (f *file) reportExclusion(s *service, at diagnostic.Place, what, help string) {
	f.report(s, at, diagnostic.Problem{Code: refused, Message: "Compose refuses " + diagnostic.Tick(s.Name) + ": " + what, Note: "Compose refuses the whole file because of it", Help: help})
}
