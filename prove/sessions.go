package prove

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"holdfast"
	"holdfast/load"
	"holdfast/mode"
	"holdfast/topology"
)

// sessionsPart is what sessions get of all arrivals, one in so many: enough that
// each goes by some tens of times while a fault lasts, and little enough that
// three quarters of the load are what they were without any, since one arrival of
// theirs is as many requests as it has steps.
const sessionsPart = 4

// A door is where requests to a service go in: at an address it publishes or,
// where it has none, by a route of the gateway, or at an edge that leads to it.
type door struct {
	listener string // "storefront:8080", "gateway:8080", "storefront/cart"
	address  string
	host     string   // that requests ask for; empty: whatever it is
	below    string   // the path that requests must be below; empty: any
	except   []string // paths below that, which lead to another service
	more     []door   // other routes of the gateway to the service, for other paths
}

// name is the door as results say it.
func (d door) name() string {
	if d.host != "" {
		return d.listener + " " + d.host
	}
	return d.listener
}

// to is where requests for a path go in, if they can.
func (d door) to(path string) (door, bool) {
	if d.address == "" {
		return d, false
	}
	for _, one := range append([]door{d}, d.more...) {
		elsewhere := func(other string) bool { return holdfast.Below(path, other) }
		if holdfast.Below(path, one.below) && !slices.ContainsFunc(one.except, elsewhere) {
			return one, true
		}
	}
	return d, false
}

// asked is a path at a door as the load asks for it.
func (d door) asked(path string) load.Target {
	return load.Target{Name: d.name() + path, URL: "http://" + d.address + path, Host: d.host}
}

// doors are those of a copy's services. What is published comes first.
func doors(system *holdfast.System, addresses map[holdfast.ListenerName]string) map[holdfast.ServiceName]door {
	all := map[holdfast.ServiceName]door{}
	routes := topology.Routes(system)
	slices.SortStableFunc(routes, func(a, b holdfast.RouteEntry) int { return cmp.Compare(min(len(a.Caller), 1), min(len(b.Caller), 1)) })
	for _, route := range routes {
		address, open := addresses[route.Listener]
		if !open {
			continue
		}
		one := door{listener: string(route.Listener), address: address, host: askedHost(route.Host), below: route.Path, except: others(routes, route)}
		first, known := all[route.Service]
		switch {
		case !known:
			all[route.Service] = one
		case (first.below != "" || len(first.except) > 0) && len(first.more) < holdfast.MaxRoutes:
			first.more = append(first.more, one)
			all[route.Service] = first
		}
	}
	return all
}

// others are the paths below a route's own that are for another service.
func others(routes []holdfast.RouteEntry, of holdfast.RouteEntry) []string {
	var paths []string
	for _, r := range routes {
		if r.Listener == of.Listener && r.Host == of.Host && r.Service != of.Service && len(r.Path) > len(of.Path) && holdfast.Below(r.Path, of.Path) {
			paths = append(paths, r.Path)
		}
	}
	return paths
}

// askedHost is a host that a route is for.
func askedHost(host string) string { return strings.Replace(host, "*", "drill", 1) }

// unsendable says why a session is not sent, if it is not: one of its requests
// has nowhere to go, or could reach what is no part of the copy.
func unsendable(system *holdfast.System, session holdfast.Session, open map[holdfast.ServiceName]door) string {
	for _, step := range session.Steps {
		if at, is := open[step.On]; is {
			if _, leads := at.to(pathOf(step.Path)); !leads {
				return fmt.Sprintf("no route of the gateway leads to %s for %s", step.On, step.Path)
			}
		}
	}
	for _, name := range session.Asks() {
		if why := spared(system, name); why != "" {
			return why
		}
		if _, is := open[name]; !is {
			return fmt.Sprintf("no request can reach %s: it publishes no port and no service depends on it", name)
		}
	}
	return ""
}

// stepName is what a step is called in results: "shopping/2 POST
// storefront:8080/cart".
func stepName(session holdfast.Session, n int, at door) string {
	const longest = 120 // of a path; more of it tells nobody more
	step := session.Steps[n]
	path := step.Path
	if len(path) > longest {
		path = path[:longest] + "…"
	}
	return fmt.Sprintf("%s/%d %s %s%s", session.Name, n+1, step.Method, at.name(), path)
}

// steps are the requests of a session as targets: what takes part in a drill is
// judged by where it goes.
func steps(session holdfast.Session, open map[holdfast.ServiceName]door) []target {
	var all []target
	for n, step := range session.Steps {
		path := pathOf(step.Path)
		at, _ := open[step.On].to(path)
		all = append(all, target{name: stepName(session, n, at), address: at.address, path: path, service: step.On, session: session.Name, via: at.listener})
	}
	return all
}

// pathOf is as much of a step's path as is known before it is sent.
func pathOf(path string) string {
	path, _, _ = strings.Cut(path, "{{")
	path, _, _ = strings.Cut(path, "?")
	return path
}

// sendable is a session as the load sends it.
func sendable(session holdfast.Session, open map[holdfast.ServiceName]door) load.Session {
	sent := load.Session{Name: session.Name, Weight: 1}
	for n, step := range session.Steps {
		at, _ := open[step.On].to(pathOf(step.Path))
		asked, header := at.asked(step.Path), step.Header
		if at.host != "" && !slices.ContainsFunc(header, func(f holdfast.Field) bool { return strings.EqualFold(f.Name, "Host") }) {
			header = append(slices.Clip(header), holdfast.Field{Name: "Host", Value: at.host})
		}
		sent.Steps = append(sent.Steps, load.Step{
			Name: stepName(session, n, at), Method: step.Method, URL: asked.URL,
			Header: header, Body: step.Body, Expect: step.Expect, Capture: step.Capture, Write: step.Write,
		})
	}
	return sent
}

// share gives sessions their part of all arrivals, each as much as every other.
func share(targets []load.Target, sessions []load.Session) {
	whole := 0
	for _, t := range targets {
		whole += t.Weight
	}
	for i := range targets {
		targets[i].Weight *= len(sessions) * (sessionsPart - 1)
	}
	for i := range sessions {
		sessions[i].Weight = max(1, whole)
	}
}

// asking is what the load of a copy asks.
type asking struct {
	targets  []target // steps of sessions among them
	sessions []load.Session
	sent     []holdfast.Session // the same, as the file has them
	open     map[holdfast.ServiceName]door
}

// asking finds out where the copy is asked for what is struck, and sends some
// sessions beside that.
func (c *private) asking(ctx context.Context, struck []holdfast.ServiceName, sessions []holdfast.Session) (asking, error) {
	addresses, err := c.addresses(ctx)
	if err != nil {
		return asking{}, err
	}
	a := asking{targets: targets(c.o.System, struck, addresses), open: doors(c.o.System, addresses)}
	if c.o.Live {
		return a, nil // what runs in earnest is asked for what changes nothing
	}
	for _, session := range sessions {
		if unsendable(c.o.System, session, a.open) == "" {
			a.targets = append(a.targets, steps(session, a.open)...)
			a.sessions, a.sent = append(a.sessions, sendable(session, a.open)), append(a.sent, session)
		}
	}
	return a, nil
}

// addresses are where the copy's listeners can be reached.
func (c *private) addresses(ctx context.Context) (map[holdfast.ListenerName]string, error) {
	status, err := c.client.Status(ctx)
	if err != nil {
		return nil, err
	}
	addresses := map[holdfast.ListenerName]string{}
	for _, listener := range status.Listeners {
		addresses[listener.Name] = listener.Address
	}
	if c.o.Live {
		// Its certificates are for names that lead to it, and not for where we ask.
		for secured := range topology.Secured(c.o.System) {
			delete(addresses, secured)
		}
	}
	return addresses, nil
}

// sessionsOf are those that the drill of a mode sends.
func sessionsOf(system *holdfast.System, of holdfast.FailureMode) []holdfast.Session {
	return mode.Sessions(system, of)
}

// sessions are those that some drill of this run sends, in the order of the file.
func (p *proving) sessions() []holdfast.Session {
	sent := map[holdfast.SessionName]bool{}
	for _, m := range p.o.Modes {
		for _, session := range mode.Sessions(p.o.System, m) {
			sent[session.Name] = true
		}
	}
	var all []holdfast.Session
	for _, session := range p.o.System.Sessions {
		if sent[session.Name] {
			all = append(all, session)
		}
	}
	return all
}

// unset names the variables that sessions refer to and that nobody has set.
func unset(sessions []holdfast.Session, environ []string) error {
	for _, session := range sessions {
		for _, name := range session.Secrets() {
			if value, _ := variable(environ, name); value == "" {
				return fmt.Errorf("the session %s needs the variable %s, which is not set\n  next: export %s=…, or drill without the session", session.Name, name, name)
			}
		}
	}
	return nil
}

// secrets are the pairs of an environment that a load needs.
func secrets(plan load.Plan, environ []string) []string {
	var all []string
	for _, name := range plan.Environment() {
		if value, is := variable(environ, name); is {
			all = append(all, name+"="+value)
		}
	}
	return all
}

// variable finds a variable of an environment.
func variable(environ []string, name string) (string, bool) {
	for _, pair := range environ {
		if value, is := strings.CutPrefix(pair, name+"="); is {
			return value, true
		}
	}
	return "", false
}

// onlySessions tells whether all that was hurt were steps of sessions.
func onlySessions(results []load.Result) bool {
	return !slices.ContainsFunc(results, func(r load.Result) bool { return r.Hurt() && r.Session == "" })
}

// statesLost says what is known of services that lose the state of sessions, and
// what to do: a control run in which only steps fail has often found one.
func (p *proving) statesLost() string {
	for _, drill := range p.run.Drills {
		if drill.Kind == mode.StateLoss().Kind && drill.Verdict == holdfast.Fail {
			return fmt.Sprintf("%s is FAIL, which explains it; next: %s", drill.Mode, strings.Join(drill.Help, "; "))
		}
	}
	return "next: correct the step if it asks or expects something else than is right; holdfast prove state-loss shows whether replicas keep what sessions need"
}
