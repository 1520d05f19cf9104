package spec

import (
	"holdfast"
	"holdfast/diagnostic"
)

// relateTreatments refuses what an edge or a route asks for and the gateway has no
// place for in what its service speaks: whoever reads the file would rely on it.
func (r *reader) relateTreatments(p *publishing, drafts []*draft, byName map[holdfast.ServiceName]*draft) {
	for _, d := range drafts {
		for _, n := range d.needs {
			r.relateTreatment(n.written, byName[n.dependency.On], "let its caller do without it: `required: false`")
		}
	}
	for i, route := range p.Routes {
		if to := byName[route.Service]; to != nil && unanswering(to.service) != "" {
			continue // nothing is routed there, which is refused as such
		}
		r.relateTreatment(p.routes[i].written, byName[route.Service], "let its users ask again")
	}
}

// relateTreatment looks at what is written of one edge or route.
func (r *reader) relateTreatment(written map[string]diagnostic.Place, to *draft, otherwise string) {
	if to == nil {
		return
	}
	called := diagnostic.Tick(string(to.service.Name))
	for _, key := range []string{"fallback", "stale", "priority"} {
		at, said := written[key]
		p := diagnostic.Problem{Code: vainTreatment}
		switch protocol := to.service.Protocol; {
		case !said:
			continue
		case protocol == holdfast.GRPC && key != "priority":
			p.Message = key + ": nothing is answered in the place of a gRPC call"
			p.Label = called + " speaks gRPC"
			p.Note = "a call that no replica answers ends with UNAVAILABLE, and who made it decides what then"
			p.Help = "remove it, and " + otherwise + "; or, if it is asked for pages and not by calls, say `protocol: h2c`"
		case protocol == holdfast.TCP:
			p.Message = key + ": the gateway sees bytes there, and no requests"
			p.Label = called + " speaks TCP"
			p.Help = "remove it; or, if it speaks HTTP, say so: `protocol: http`"
		default:
			continue
		}
		r.Report(at, p)
	}
}
