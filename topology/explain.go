package topology

import (
	"fmt"
	"slices"
	"strings"

	"holdfast"
	"holdfast/cutset"
)

// An Inference is something that the analysis takes to be so: where it would be
// written in the file, what it is, and from what it follows.
type Inference struct {
	Path, Value, Because string
}

// Explain lists what is made of a system when its promises are judged: where
// users of each come in, which needs can break it and which cannot, how many
// replicas a service takes, and what they fail with. It is in the order of the
// file, promises first.
func Explain(system *holdfast.System) []Inference {
	e := &explanation{system: system, risks: Analyse(system, cutset.Limits{})}
	for _, p := range e.risks.Promises() {
		e.promise(p)
		e.asked = append(e.asked, e.risks.ways(p))
	}
	for _, s := range system.Services {
		e.replicas(s)
		e.hosts(s)
		for _, d := range s.DependsOn {
			e.need(s, d)
		}
	}
	return e.all
}

type explanation struct {
	system *holdfast.System
	risks  *Risks
	asked  []map[Way]bool // by which ways, for each promise
	all    []Inference
}

func (e *explanation) say(path, value, because string, args ...any) {
	e.all = append(e.all, Inference{Path: path, Value: value, Because: fmt.Sprintf(because, args...)})
}

// promise says where its users come in, and on what it rests.
func (e *explanation) promise(p holdfast.Promise) {
	entries := e.risks.Entries(p)
	path, because := "promise", "users come to what is published"
	if p.Name != "" {
		path = "promises." + string(p.Name)
	}
	switch {
	case p.Journey != "":
		because = "whom the steps of the session `" + string(p.Journey) + "` ask"
	case p.Service != "":
		because = "`service` of the promise"
	case len(entries) > 0 && !e.risks.system.Publishes(e.risks.byName[entries[0]]):
		because = "nothing is published: users come to what no other service depends on"
	}
	if p.Target == 0 {
		because += "; the file promises nothing: what is judged is that all of it answers"
	}
	e.say(path, listed(entries), "%s", because)
	route := "required"
	if p.Route != "" {
		route = "required for " + p.Route
	}
	if rests := e.risks.Path(e.risks.Ways(p)...)[len(entries):]; len(rests) > 0 {
		e.say(path, "rests on "+listed(rests), "%s, directly or through others", route)
	}
}

// listed are as many names as anybody reads.
func listed(names []holdfast.ServiceName) string {
	const most = 8
	var words []string
	for i, name := range names {
		if i == most {
			words = append(words, fmt.Sprintf("%d more", len(names)-most))
			break
		}
		words = append(words, string(name))
	}
	return strings.Join(words, ", ")
}

// replicas says how many of a service it takes to serve.
func (e *explanation) replicas(s holdfast.Service) {
	if s.Once {
		return
	}
	needed, path := Needed(s), "services."+string(s.Name)+".replicas"
	if len(s.URLs) > 0 {
		path = "services." + string(s.Name) + ".urls"
	}
	because := "any one serves alone: neither `capacity` nor `stateful` asks for more"
	switch peak, state := s.Capacity.Needed(), s.State; {
	case s.Replicas == 1 && peak == 1:
		because = "there is no other"
	case state != nil && state.Quorum && s.Replicas/2+1 >= peak:
		because = "`quorum`: it serves while more than half of its replicas do"
	case state != nil && !state.Quorum && state.Promote == "" && s.Replicas > 1:
		because = "`stateful` without `promote`: each has what the others have not"
	case state != nil && state.Promote != "" && peak == 1:
		because = "`promote`: another one takes over"
	case s.Capacity != nil && peak > s.Replicas:
		because = fmt.Sprintf("`capacity`: its peak of %s takes %d of %s, and there are %d", rate(s.Capacity.Peak), peak, rate(s.Capacity.Replica), s.Replicas)
	case s.Capacity != nil:
		because = fmt.Sprintf("`capacity`: its peak of %s takes %d of %s", rate(s.Capacity.Peak), peak, rate(s.Capacity.Replica))
	}
	e.say(path, fmt.Sprintf("%d of %d must serve", needed, s.Replicas), "%s", because)
}

func rate(perSecond float64) string { return fmt.Sprintf("%g/s", perSecond) }

// hosts says what URLs have in common.
func (e *explanation) hosts(s holdfast.Service) {
	path := "services." + string(s.Name) + ".urls"
	said := map[string]bool{}
	for n, u := range s.URLs {
		host := HostOf(u)
		if said[host] {
			continue
		}
		said[host] = true
		switch {
		case host == "":
			e.say(path, e.on(s, host)+" on this host", "it is named by a loopback address, and fails with all that runs here")
		case e.risks.sharedHost(s, n+1) != "":
			e.say(path, e.on(s, host)+" on "+host, "%d URLs of this file name it: they fail together", e.risks.hosts[host])
		}
	}
}

// on are the replicas of a service whose URLs name a host.
func (e *explanation) on(s holdfast.Service, host string) string {
	var names []holdfast.ServiceName
	for n, u := range s.URLs {
		if HostOf(u) == host {
			names = append(names, holdfast.ServiceName(replicaRisk(s, n+1).Name))
		}
	}
	return listed(names)
}

// need says of a dependency what its loss breaks, where that is not simply
// everything that breaks with its caller.
func (e *explanation) need(s holdfast.Service, d holdfast.Dependency) {
	path := "services." + string(s.Name) + ".depends_on." + string(d.On)
	f := d.Fallback
	switch {
	case d.Completed:
		e.say(path, "breaks no promise", "%s runs before %s starts, and is over when users come", d.On, s.Name)
	case f != nil && (f.Body != "" || f.File != ""):
		what := "a file"
		if f.Body != "" {
			what = "a body"
		}
		e.say(path, "breaks no promise", "covered by %s, which the gateway answers by itself", what)
	case f != nil && f.Service != "":
		e.say(path, "breaks nothing that does not take "+string(f.Service)+" as well", "covered by %s, which is asked in its place", f.Service)
	case f != nil:
		e.say(path, "breaks nothing alone", "covered by copies: only that there is no fresh one as well breaks something")
	case !d.Required:
		e.say(path, "breaks no promise", "optional: %s serves without it", s.Name)
	case len(d.For) > 0:
		e.route(path, s, d)
	}
}

// route says which promises a dependency for some routes can break.
func (e *explanation) route(path string, s holdfast.Service, d holdfast.Dependency) {
	var with, without []string
	inside := false
	for i, p := range e.risks.Promises() {
		called := string(p.Name)
		if called == "" {
			called = "the promise for everything"
		}
		enters := slices.DeleteFunc(e.risks.Ways(p), func(w Way) bool { return w.Service != s.Name })
		switch {
		case e.asked[i][Way{Service: s.Name}]:
			inside = inside || p.Route != "" || p.Journey != ""
			with = append(with, called)
		case slices.ContainsFunc(enters, func(w Way) bool { return d.Serves(w.Route) }):
			with = append(with, called)
		case len(enters) > 0:
			without = append(without, called)
		}
	}
	because := "`for: [" + strings.Join(d.For, ", ") + "]`"
	if inside {
		because += ", but by which route " + string(s.Name) + " is asked by others is not known: every one counts"
	}
	if len(without) > 0 {
		because += "; not " + strings.Join(without, ", ") + ", which is made for another route"
	}
	if len(with) == 0 {
		e.say(path, "breaks no promise", "%s", because)
		return
	}
	e.say(path, "can break "+strings.Join(with, ", "), "%s", because)
}

// ways are all by which requests that a promise is made for go on, as far as
// their loss can break it.
func (r *Risks) ways(p holdfast.Promise) map[Way]bool {
	found := map[Way]bool{}
	for queue := r.Ways(p); len(queue) > 0; queue = queue[1:] {
		w := queue[0]
		if found[w] {
			continue
		}
		found[w] = true
		for _, d := range r.byName[w.Service].DependsOn {
			stale := d.Fallback != nil && d.Fallback.Body == "" && d.Fallback.File == "" && !d.Completed
			if (stale || Weighs(d)) && d.Serves(w.Route) {
				queue = append(queue, Way{Service: d.On})
				if d.Fallback != nil && d.Fallback.Service != "" {
					queue = append(queue, Way{Service: d.Fallback.Service})
				}
			}
		}
	}
	return found
}
