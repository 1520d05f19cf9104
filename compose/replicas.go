package compose

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"holdfast/diagnostic"
)

// crowdedReplicas finds replicas that cannot run side by side: a container's
// name and a port of the host are there once. In a swarm one port is shared by
// all.
func crowdedReplicas(f *file) {
	for _, s := range f.services {
		if s.GetScale() < 2 || s.partial {
			continue
		}
		at := s.at("deploy", "replicas")
		if s.Scale != nil {
			at = s.at("scale")
		}
		replicas := diagnostic.Count(s.GetScale(), "replica")
		switch narrow := s.narrowPort(); {
		case s.ContainerName != "" && !f.swarm:
			f.report(s, at, diagnostic.Problem{
				Code: crowded, Message: replicas + " of " + diagnostic.Tick(s.Name) + " cannot have one name", Also: []diagnostic.Mark{{Place: s.at("container_name"), Label: "one name for all"}},
				Note: "a container's name is there once, so Compose refuses the file", Help: "remove `container_name`",
			})
		case narrow != nil && !f.swarm && !s.unsure("ports"):
			f.report(s, at, diagnostic.Problem{
				Code: crowded, Message: replicas + " of " + diagnostic.Tick(s.Name) + " cannot share port " + narrow.Published + " of the host", Also: []diagnostic.Mark{{Place: s.placeOfPort(*narrow), Label: "taken by the first"}},
				Note: "the second one fails with \"port is already allocated\"; only `docker stack deploy` puts several behind one port",
				Help: fmt.Sprintf("put a proxy on the port and remove `ports` here, or publish a range: `\"%s-%d:%d\"`", narrow.Published, portNumber(narrow.Published)+s.GetScale()-1, narrow.Target),
			})
		}
	}
}

// narrowPort is a published port that has no room for all replicas.
func (s *service) narrowPort() *types.ServicePortConfig {
	for i, p := range s.Ports {
		first, last, isRange := strings.Cut(p.Published, "-")
		switch {
		case p.Published == "" || p.Published == "0":
		case !isRange, portNumber(last)-portNumber(first)+1 < s.GetScale():
			return &s.Ports[i]
		}
	}
	return nil
}

func portNumber(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}

// placeOfPort is where a port is published.
func (s *service) placeOfPort(p types.ServicePortConfig) diagnostic.Place {
	list := s.look("ports")
	if list == nil {
		return s.written.at
	}
	target := strconv.Itoa(int(p.Target))
	for _, kid := range list.kids {
		if published := kid.named["published"]; published != nil && published.text == p.Published {
			return published.value.At
		}
		text, _, _ := strings.Cut(kid.text, "/")
		if kid.named == nil && (text == target || strings.HasSuffix(text, ":"+target) && (p.Published == "" || strings.Contains(text, p.Published))) {
			return kid.at
		}
	}
	return list.at
}

// A binding is a port of the host, and who wants it.
type binding struct {
	of   *service
	port types.ServicePortConfig
}

// takenPorts finds two services that want one port of the host: the second does
// not start. Services of profiles may be alternatives.
func takenPorts(f *file) {
	taken := map[string][]binding{}
	for _, s := range f.services {
		if len(s.Profiles) > 0 || s.GetScale() == 0 || s.unsure("ports") || s.NetworkMode == "host" {
			continue
		}
		for _, p := range s.Ports {
			if portNumber(p.Published) == 0 {
				continue
			}
			key := p.Published + "/" + p.Protocol
			for _, other := range taken[key] {
				if other.of != s && (sameAddress(other.port.HostIP, p.HostIP)) {
					f.report(s, s.placeOfPort(p), diagnostic.Problem{
						Code: takenPort, Message: "port " + p.Published + " of the host is wanted by " + diagnostic.Tick(other.of.Name) + " and by " + diagnostic.Tick(s.Name),
						Also: []diagnostic.Mark{{Place: other.of.placeOfPort(other.port), Label: "wanted here first"}},
						Note: "whichever starts second fails with \"port is already allocated\"", Help: "publish one of them on another port",
					})
					break
				}
			}
			taken[key] = append(taken[key], binding{of: s, port: p})
		}
	}
}

// sameAddress says that two addresses of the host are one, or that one of them is
// all of them.
func sameAddress(a, b string) bool { return a == b || everywhere(a) || everywhere(b) }

func everywhere(ip string) bool { return ip == "" || ip == "0.0.0.0" || ip == "::" || ip == "[::]" }

// loneReplicas says once what users reach that runs once.
func loneReplicas(f *file) {
	var alone []mark
	for _, s := range f.services {
		if s.runs() && len(s.Ports) > 0 && s.GetScale() == 1 && s.store.called == "" && !f.twinned(s) && !s.unsure("deploy", "replicas") && !s.unsure("scale") && !s.global() {
			alone = append(alone, mark{of: s, at: s.at("ports")})
		}
	}
	note := "while it is replaced, restarted or hangs, nobody answers; a fixed port of the host has room for one replica only, and all share this host anyway"
	help := "put a proxy (Traefik, Caddy, nginx) on the port, remove `ports` from the service behind it and write `deploy: {replicas: 2}` there; the proxy and the host remain"
	if !slices.ContainsFunc(alone, func(m mark) bool { return slices.ContainsFunc(m.of.Ports, fixed) }) {
		note = "while it is replaced, restarted or hangs, nobody answers; all share this host anyway"
		help = "write `deploy: {replicas: 2}`, and put a proxy (Traefik, Caddy, nginx) before both: each has a port of the host of its own; the proxy and the host remain"
	}
	if f.swarm {
		note = "while it is replaced, restarted or moved, nobody answers"
		help = "write `deploy: {replicas: 2}`: a swarm puts both behind the port"
	}
	f.reportOnce(alone, diagnostic.Problem{Code: loneReplica, Message: names(alone) + verb(alone, " is published and runs once", " are published and run once each"), Note: note, Help: help})
}

// fixed says that a port of the host is written, which only one replica can have.
func fixed(p types.ServicePortConfig) bool {
	return p.Published != "" && !strings.Contains(p.Published, "-")
}

// twinned says that a service has others beside it that look like replicas of
// one another, written out: web1 and web2, of one image or one build.
func (f *file) twinned(s *service) bool { return f.likes[s.likeness()] > 1 }

// likeness is what such services have in common, or "" for what has no number
// at the end of its name.
func (s *service) likeness() string {
	stem := strings.TrimRight(s.Name, "0123456789")
	if stem == s.Name || s.Build == nil && s.Image == "" {
		return ""
	}
	stem = strings.TrimRight(stem, "-_")
	if s.Build != nil {
		return strings.Join([]string{stem, "build", s.Build.Context, s.Build.Dockerfile, s.Build.Target}, "\n")
	}
	return strings.Join([]string{stem, "image", s.Image}, "\n")
}

func (s *service) global() bool { return s.Deploy != nil && strings.HasPrefix(s.Deploy.Mode, "global") }

// updatesAtOnce finds services of a swarm that an update stops altogether before
// it starts the first new replica: stop-first is Docker's default, and so is one
// at a time.
func updatesAtOnce(f *file) {
	if !f.swarm {
		return
	}
	for _, s := range f.services {
		if !s.runs() || s.global() || !s.published() && !s.needed() || s.store.called != "" || s.unsure("deploy") {
			continue
		}
		replicas, parallel, order := s.GetScale(), 1, ""
		if s.Deploy != nil && s.Deploy.UpdateConfig != nil {
			order = s.Deploy.UpdateConfig.Order
			if p := s.Deploy.UpdateConfig.Parallelism; p != nil {
				parallel = int(min(*p, uint64(replicas)))
				if *p == 0 {
					parallel = replicas
				}
			}
		}
		if order == "start-first" || parallel < replicas {
			continue
		}
		at := s.written.at
		for _, path := range [][]string{{"deploy"}, {"deploy", "update_config"}, {"deploy", "update_config", "parallelism"}} {
			if n := s.look(path...); n != nil {
				at = n.at
			}
		}
		f.report(s, at, diagnostic.Problem{
			Code: allAtOnce, Message: "an update stops " + all(replicas) + " of " + diagnostic.Tick(s.Name) + " before a new one starts",
			Note: "in a swarm an update stops first and starts then, unless it is told otherwise",
			Help: "write `deploy: {update_config: {order: start-first, failure_action: rollback}}`; new replicas count as ready once their health check says so",
		})
	}
}

func all(replicas int) string {
	switch replicas {
	case 1:
		return "the only replica"
	case 2:
		return "both replicas"
	}
	return fmt.Sprintf("all %d replicas", replicas)
}

// selfUpdates finds what replaces running containers whenever somebody pushes an
// image.
func selfUpdates(f *file) {
	for _, s := range f.services {
		if !s.runs() || s.image.last() != "watchtower" {
			continue
		}
		if slices.Contains(s.Command, "--monitor-only") || on(s, "WATCHTOWER_MONITOR_ONLY") || slices.Contains(s.Command, "--run-once") {
			continue
		}
		f.report(s, s.at("image"), diagnostic.Problem{
			Code: selfUpdating, Message: diagnostic.Tick(s.Name) + " replaces running containers whenever a new image is pushed under their tag",
			Note: "each replacement is an interruption at a time that nobody chose, and a bad release is taken without a look at its health and without a way back",
			Help: "write `WATCHTOWER_MONITOR_ONLY: \"true\"`, which only tells, and update by hand or in the pipeline that tests the release",
		})
	}
}

// on says that a variable of a service is set to true.
func on(s *service, variable string) bool {
	value := s.Environment[variable]
	return value != nil && slices.Contains([]string{"true", "1", "yes"}, strings.ToLower(*value))
}
