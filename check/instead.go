package check

import (
	"cmp"
	"fmt"
	"slices"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/mode"
	"holdfast/topology"
)

// A covering is a place where the file declares what is answered when all of a
// service is lost.
type covering struct {
	of       string // an edge, or a route as findings name it
	at       Path
	lost     holdfast.ServiceName
	caller   holdfast.ServiceName // empty: users
	fallback holdfast.Fallback
}

// coverings are all of them, in the order of the file.
func (c *judging) coverings() []covering {
	var all []covering
	for _, s := range c.system.Services {
		for _, d := range s.DependsOn {
			if d.Fallback != nil && !d.Completed {
				edge := holdfast.Edge{From: s.Name, To: d.On}
				all = append(all, covering{of: edge.String(), at: edgeAt(edge, "fallback"), lost: d.On, caller: s.Name, fallback: *d.Fallback})
			}
		}
	}
	for _, r := range c.system.Gateway.Routes {
		if r.Fallback != nil {
			all = append(all, covering{of: cmp.Or(r.Host+r.Path, "/"), at: Path{"gateway", "routes"}, lost: r.Service, fallback: *r.Fallback})
		}
	}
	return all
}

// called is a covering as the subject of a sentence.
func (v covering) called() string {
	if v.caller == "" {
		return "what the route " + diagnostic.Tick(v.of) + " declares for the loss of " + diagnostic.Tick(string(v.lost))
	}
	return "the fallback of " + diagnostic.Tick(v.of)
}

// commonCause finds services that stand in for others and fail with them.
func commonCause() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2211", Severity: diagnostic.Warning, Title: "what stands in for a service fails with it"},
		find: func(c *judging) []Finding {
			var all []Finding
			for _, v := range c.coverings() {
				other := v.fallback.Service
				if other == "" {
					continue
				}
				common := c.risks.Together(v.lost, other)
				if len(common) == 0 {
					continue
				}
				f := Finding{
					Of: v.of, At: v.at, Label: "both fail with it",
					Message: fmt.Sprintf("%s stands in for %s, and %s takes down both", diagnostic.Tick(string(other)), diagnostic.Tick(string(v.lost)), eachOf(common)),
					Note:    "a fallback helps as far as it fails for other reasons than what it stands in for",
					Help:    "let one of them do without what they share, or have more of it; or answer by `json`, `file` or `stale`, which need nothing but the gateway",
				}
				if v.caller != "" {
					f.At = append(slices.Clone(v.at), "service")
				}
				all = append(all, f)
			}
			return all
		},
	}
}

// eachOf are risks each of which is enough.
func eachOf(risks []topology.Risk) string {
	shown := risks[:min(len(risks), mostNamed)]
	switch more := len(risks) - len(shown); {
	case more > 0:
		return fmt.Sprintf("each of %s and %d more", topology.Text(shown), more)
	case len(risks) == 1:
		return risks[0].Name
	default:
		return "each of " + topology.Text(shown)
	}
}

// neverTried finds what is declared for a loss and is in no drill: nobody knows
// whether it works before it has to.
func neverTried() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2212", Severity: diagnostic.Warning, Title: "what is answered for a lost service is never tried"},
		find: func(c *judging) []Finding {
			var all []Finding
			for _, v := range c.coverings() {
				if f := c.untried(v); f.Message != "" {
					all = append(all, f)
				}
			}
			return all
		},
	}
}

// untried says why no drill shows a covering at work; empty: one does.
func (c *judging) untried(v covering) Finding {
	lost := holdfast.Target{Service: v.lost, Caller: v.caller, Whole: v.caller == ""}
	f := Finding{Of: v.of, At: v.at, Label: "never tried"}
	s, on := c.services[v.lost], diagnostic.Tick(string(v.lost))
	if _, drilled := c.system.Mode(holdfast.NameOf(lost, mode.Loss().Kind)); drilled {
		return Finding{}
	}
	caller, known := c.services[v.caller]
	switch {
	case s.Manage == holdfast.Observe:
		f.Message = v.called() + " is never answered: its requests do not pass the gateway"
		f.Label, f.Note = "has no effect", string(v.lost)+" is only observed"
		f.Help = "remove it, or let the requests pass: `manage: route` for " + string(v.lost)
	case s.Manage != holdfast.Full:
		f.Message = v.called() + " is in no drill: " + on + " runs elsewhere, and is not lost on purpose"
		f.Note = "whether it works is seen when it is needed, and not before"
		f.Help = "drill it in a file in which a stand-in with a `command` takes its place; accept this here"
	case known && (caller.Manage != holdfast.Full || caller.Once):
		f.Message = v.called() + " is in no drill: " + diagnostic.Tick(string(v.caller)) + " is not one that goes on running here"
		f.Note = "whether it works is seen when it is needed, and not before"
		f.Help = "drill it where " + string(v.caller) + " runs; accept this here"
	default:
		f.Message = v.called() + " is in no drill: " + on + " speaks " + string(s.Protocol) + ", and a loss is drilled where requests are seen"
		f.Note = "whether it works is seen when it is needed, and not before"
		f.Help = "try it by hand: stop all of " + string(v.lost) + " in a copy of this, and ask; then accept this"
	}
	return f
}
