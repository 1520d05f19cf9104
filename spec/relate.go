package spec

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"holdfast"
	"holdfast/command"
	"holdfast/diagnostic"
	"holdfast/topology"
)

// relate checks what one thing says of another, once all are known.
func (r *reader) relate(drafts []*draft, gateway *publishing, called *calling) {
	byName := map[holdfast.ServiceName]*draft{}
	for _, d := range drafts {
		byName[d.service.Name] = d
	}
	for _, d := range drafts {
		r.relateNeeds(d, drafts, byName)
		r.relateVariables(d, byName)
	}
	r.reportCircles(drafts)
	r.relateGateway(gateway, drafts, byName)
	r.relateFallbacks(gateway, drafts, byName)
	r.relateTreatments(gateway, drafts, byName)
	taken := portsOf(drafts, gateway, called)
	r.reportTakenPorts(taken)
	r.reportTakenListens(drafts, taken)
}

func (r *reader) relateNeeds(d *draft, drafts []*draft, byName map[holdfast.ServiceName]*draft) {
	for _, n := range d.needs {
		on := n.dependency.On
		needed, exists := byName[on]
		if exists {
			r.relateCondition(&n, needed)
		}
		switch {
		case on == d.service.Name:
			r.Report(n.at, diagnostic.Problem{Code: needsItself, Message: diagnostic.Tick(string(on)) + " depends on itself", Help: "remove it"})
		case !exists && !r.Problems.Full():
			r.Report(n.at, diagnostic.Problem{
				Code: unknownNeed, Message: "no service is called " + diagnostic.Tick(string(on)),
				Help: diagnostic.DidYouMean("", diagnostic.Nearest(string(on), serviceNames(drafts)), "the services are "+diagnostic.Ticks(serviceNames(drafts))),
			})
		}
		d.service.DependsOn = append(d.service.DependsOn, n.dependency)
	}
}

func serviceNames(drafts []*draft) []holdfast.ServiceName {
	all := make([]holdfast.ServiceName, len(drafts))
	for i, d := range drafts {
		all[i] = d.service.Name
	}
	return all
}

// relateVariables finds references, in texts that stay as written, to variables
// that nothing will have set when the service is started.
func (r *reader) relateVariables(d *draft, byName map[holdfast.ServiceName]*draft) {
	ours := givenVariables(d, byName)
	for _, raw := range d.texts {
		raw.mayBeKept = raw.given == nil && len(d.service.EnvFiles) > 0
		given := ours
		if raw.given != nil {
			given = raw.given
		}
		all := command.Pieces(raw.text)
		r.reportUnreadable(raw, command.Unreadable(all))
		for _, p := range r.unset(all, raw, given) {
			if r.Problems.Full() {
				return
			}
			r.Report(r.Dollar(raw.value.At, raw.dollars+p.Dollar, p.Source), diagnostic.Problem{
				Code: unsetVariable, Message: raw.value.Name + ": nothing sets the variable " + diagnostic.Tick(p.Name),
				Help: unsetHelp(d, raw, p.Name, given, byName),
			})
		}
	}
}

// unset are the references of a text that nothing will fill in. The default of
// one that will be is not looked at. A variable that refers to itself means the
// caller's.
func (r *reader) unset(all []command.Piece, raw rawText, given []string) []command.Piece {
	var missing []command.Piece
	for _, p := range all {
		_, set := r.environ[p.Name]
		set = set || p.Name != raw.key && slices.Contains(given, p.Name)
		switch {
		case p.Name == "" || set || raw.mayBeKept:
		case p.Fallback == command.Never:
			missing = append(missing, p)
		default:
			missing = append(missing, r.unset(p.Instead, raw, given)...)
		}
	}
	return missing
}

// givenVariables are those that are set whenever the service is started. A
// dependency that is only observed has no address of the gateway to set.
func givenVariables(d *draft, byName map[holdfast.ServiceName]*draft) []string {
	given := []string{"PORT", "HOST", "REPLICA", "ZONE", "DATA_DIR"}
	for _, n := range d.needs {
		if on, exists := byName[n.dependency.On]; exists && (on.service.Manage == holdfast.Observe || on.service.Once) {
			continue
		}
		stem := command.Stem(n.dependency.On)
		given = append(given, stem+"_URL", stem+"_HOST", stem+"_PORT")
	}
	given = append(given, slices.Sorted(maps.Keys(d.service.Environment))...)
	return append(given, d.service.PassThrough...)
}

func unsetHelp(d *draft, raw rawText, variable string, given []string, byName map[holdfast.ServiceName]*draft) string {
	if variable == raw.key {
		return fmt.Sprintf("in its own value it means the caller's, which is not set: set it before you start, or write `${%s:-…}`", variable)
	}
	if near := diagnostic.Nearest(variable, given); near != "" {
		return diagnostic.DidYouMean("$", near, "")
	}
	if stem, suffix := cutLast(variable, "_"); suffix == "URL" || suffix == "HOST" || suffix == "PORT" {
		other := holdfast.ServiceName(strings.ToLower(strings.ReplaceAll(stem, "_", "-")))
		if of, exists := byName[other]; exists && of.service.Manage == holdfast.Observe {
			return "write `manage: route` for " + diagnostic.Tick(string(other)) + ": what is only observed has no address of the gateway"
		} else if exists && of.service.Once {
			return "remove it: " + diagnostic.Tick(string(other)) + " runs once, to its end, and answers nowhere"
		} else if exists && other != d.service.Name {
			return "add " + diagnostic.Tick(string(other)) + " to `depends_on` of " + diagnostic.Tick(string(d.service.Name)) + ", which sets it"
		}
	}
	return fmt.Sprintf("add it to `environment`, set it before you start, or write a default: `${%s:-…}`; `$$%s` is the text itself", variable, variable)
}

func cutLast(text, separator string) (before, after string) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return text, ""
	}
	return text[:i], text[i+len(separator):]
}

// maxCircles are shown: circles share edges, and mending one mends others.
const maxCircles = 10

// reportCircles shows one circle after the other, each time without the edge
// that closed the last.
func (r *reader) reportCircles(drafts []*draft) {
	edges, places := edgesOf(drafts)
	for range maxCircles {
		circle := topology.Cycle(edges)
		if circle == nil {
			return
		}
		closing := holdfast.Edge{From: circle[len(circle)-2], To: circle[len(circle)-1]}
		r.Report(places[closing], diagnostic.Problem{
			Code: needsCircle, Message: "services depend on each other in a circle: " + route(circle),
			Label: "this closes it", Note: "a failure of any of them reaches all of them, and comes back",
			Help: "remove one of these dependencies, or make a third service of what two of them share",
		})
		edges = slices.DeleteFunc(edges, func(e holdfast.Edge) bool { return e == closing })
	}
}

// edgesOf are the edges between different services that exist, and where they
// are declared.
func edgesOf(drafts []*draft) ([]holdfast.Edge, map[holdfast.Edge]diagnostic.Place) {
	var edges []holdfast.Edge
	places := map[holdfast.Edge]diagnostic.Place{}
	for _, d := range drafts {
		for _, n := range d.needs {
			edge := holdfast.Edge{From: d.service.Name, To: n.dependency.On}
			if edge.From == edge.To {
				continue
			}
			edges = append(edges, edge)
			places[edge] = n.at
		}
	}
	return edges, places
}

// route writes a path of services, its middle left out when it is long.
func route(path []holdfast.ServiceName) string {
	const most = 12
	var parts []string
	for i, name := range path {
		if len(path) > most && i == most/2 {
			parts = append(parts, fmt.Sprintf("… %d more …", len(path)-most))
		}
		if len(path) > most && i >= most/2 && i < len(path)-most/2 {
			continue
		}
		parts = append(parts, string(name))
	}
	return strings.Join(parts, " → ")
}

// A taken port is one that something is published at.
type takenAt struct {
	holdfast.Port
	by string // in a sentence: "`web`", "`listen` of the gateway"
	at diagnostic.Place
}

// whose port it is, in the file.
func (p takenAt) whose() string {
	if strings.Contains(p.by, " of ") {
		return p.by
	}
	return "`ports` of " + p.by
}

// portsOf are the ports that a file publishes at, in the order of the services, then
// the gateway's, then where links lead.
func portsOf(drafts []*draft, gateway *publishing, called *calling) []takenAt {
	var all []takenAt
	for _, d := range drafts {
		for i, port := range d.service.Ports {
			all = append(all, takenAt{Port: port, by: diagnostic.Tick(string(d.service.Name)), at: d.ports[i]})
		}
	}
	for i, port := range gateway.Listen {
		all = append(all, takenAt{Port: port, by: "`listen` of the gateway", at: gateway.listens[i]})
	}
	if gateway.Metrics != nil {
		all = append(all, takenAt{Port: *gateway.Metrics, by: "`metrics` of the gateway", at: gateway.metrics})
	}
	if called.Listen != nil {
		all = append(all, takenAt{Port: *called.Listen, by: "`listen` of `on_call`", at: called.listen})
	}
	return all
}

// reportTakenPorts: every interface includes each single one, so ":8080" and
// "10.0.0.5:8080" are one address.
func (r *reader) reportTakenPorts(all []takenAt) {
	taken := map[uint16][]takenAt{}
	for _, port := range all {
		same := slices.IndexFunc(taken[port.Port.Port], func(p takenAt) bool {
			return p.Host == port.Host || everywhere(p.Host) || everywhere(port.Host)
		})
		if same >= 0 {
			first := taken[port.Port.Port][same]
			r.Report(port.at, diagnostic.Problem{
				Code: takenPort, Message: fmt.Sprintf("port %d is taken by %s", port.Port.Port, first.by), Label: first.at.String(),
				Help: "publish one of them at another port",
			})
		}
		taken[port.Port.Port] = append(taken[port.Port.Port], port)
	}
}

func everywhere(host string) bool { return host == "" || host == "0.0.0.0" || host == "::" }
