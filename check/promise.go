package check

import (
	"fmt"
	"slices"
	"strings"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/topology"
)

// impossiblePromise finds promises that are stricter than what is promised on the
// way, taken together: those to users, and those of services to each other.
func impossiblePromise() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2104", Severity: diagnostic.Error, Title: "a promise is stricter than what it rests on"},
		find: func(c *judging) []Finding {
			promising := slices.ContainsFunc(c.system.Services, func(s holdfast.Service) bool { return s.Promise > 0 })
			if !promising {
				return nil
			}
			series := series{judging: c, below: map[holdfast.ServiceName]float64{}}
			var all []Finding
			for _, p := range c.system.Owed() {
				if on, impossible := series.tooLittle(p); impossible {
					all = append(all, series.unkept(p, on))
				}
			}
			for _, s := range c.system.Services {
				if s.Promise > 0 && stricter(s.Promise, series.restsOn(s.Name)) {
					all = append(all, series.overstated(s, c.risks.Path(topology.Way{Service: s.Name})[1:]))
				}
			}
			return all
		},
	}
}

// stricter leaves room for what is lost in writing numbers down.
func stricter(promise holdfast.Share, best float64) bool { return float64(promise) > best+1e-9 }

// A series is what is promised by services in series. Independent parts are up
// together as often as the product of how often each is. But a service promises
// with all it rests on, and what two of them rest on is down once for both: so the
// product is of what each adds of its own.
type series struct {
	*judging
	below map[holdfast.ServiceName]float64 // how often all is up that a service rests on
}

// best is how often services and all they rest on are up together, if each keeps
// what it promises and no more.
func (s series) best(path []holdfast.ServiceName) float64 {
	best := 1.0
	for _, name := range path {
		best *= s.adds(name)
	}
	return best
}

// adds is how often a service is up while all is that it rests on: what is left
// of its promise. Without one it is taken to be always up.
func (s series) adds(name holdfast.ServiceName) float64 {
	promise := s.services[name].Promise
	if promise == 0 {
		return 1
	}
	return min(1, float64(promise)/s.restsOn(name))
}

// restsOn is how often all is up that a service rests on.
func (s series) restsOn(name holdfast.ServiceName) float64 {
	below, known := s.below[name]
	if !known {
		below = s.best(s.risks.Path(topology.Way{Service: name})[1:])
		s.below[name] = below
	}
	return below
}

// tooLittle is what a promise to users rests on, where that is too little: of the
// first of the services they come to that it is too little for.
func (s series) tooLittle(p holdfast.Promise) ([]holdfast.ServiceName, bool) {
	ways := s.risks.Ways(p)
	all := s.risks.Path(ways...)
	if len(ways) > 1 && !stricter(p.Target, s.best(all)) {
		return nil, false // nor than any part of it
	}
	if p.Journey != "" {
		return all, stricter(p.Target, s.best(all)) // it takes every step
	}
	for _, way := range ways {
		if on := s.risks.Path(way)[1:]; stricter(p.Target, s.best(on)) {
			return on, true
		}
	}
	return nil, false
}

func (s series) unkept(p holdfast.Promise, on []holdfast.ServiceName) Finding {
	f := s.finding(on)
	f.Of, f.At = string(p.Name), Path{"promises", string(p.Name), "target"}
	subject := called(p) + " of " + p.Target.String()
	if p.Name == "" {
		f.At, subject = Path{"promise"}, called(p)
	}
	f.Message = fmt.Sprintf("%s cannot be kept: what it rests on promises %s%s", subject, percent(s.best(on)), f.Message)
	return f
}

func (s series) overstated(of holdfast.Service, on []holdfast.ServiceName) Finding {
	f := s.finding(on)
	f.Of, f.At = string(of.Name)+".promise", at(of.Name, "promise")
	f.Message = fmt.Sprintf("%s cannot promise %s: what it rests on promises %s%s", diagnostic.Tick(string(of.Name)), of.Promise, percent(s.best(on)), f.Message)
	return f
}

// finding is what the two have in common, and the end of their message.
func (s series) finding(on []holdfast.ServiceName) Finding {
	f := Finding{
		Label: "stricter than what it rests on",
		Note:  "if each keeps what it promises and no more: " + s.product(on),
		Help:  "promise less, ask more of these services, or let their callers do without one of them: `fallback`, `required: false`, or `for` on the dependency",
	}
	promising := slices.DeleteFunc(slices.Clone(on), func(name holdfast.ServiceName) bool { return s.adds(name) == 1 })
	if len(promising) > 1 {
		f.Message = " together"
	}
	for _, name := range promising[:min(len(promising), 3)] {
		f.Also = append(f.Also, Point{At: at(name, "promise"), Label: "promises " + s.services[name].Promise.String()})
	}
	return f
}

// percent is a share cut, not rounded, to four digits behind the point: what tops
// out below a target is never shown as reaching it.
func percent(share float64) string {
	digits := fmt.Sprintf("%.6f", share*100)
	return strings.TrimSuffix(strings.TrimRight(digits[:len(digits)-2], "0"), ".") + "%"
}

// product writes out how often services in series are up together.
func (s series) product(on []holdfast.ServiceName) string {
	const most = 6
	var parts []string
	for _, name := range on {
		own, promise := s.adds(name), s.services[name].Promise
		switch {
		case own == 1:
		case len(parts) == most:
			parts[most-1] = "…"
		case stricter(promise, own) || stricter(holdfast.Share(own), float64(promise)):
			parts = append(parts, fmt.Sprintf("%s by itself %s", name, percent(own)))
		default:
			parts = append(parts, fmt.Sprintf("%s %s", name, promise))
		}
	}
	return strings.Join(parts, " × ")
}
