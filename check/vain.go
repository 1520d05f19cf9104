package check

import (
	"fmt"

	"holdfast"
	"holdfast/diagnostic"
)

// vainRetries finds second tries that are asked for and never happen.
func vainRetries() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2203", Severity: diagnostic.Warning, Title: "an edge asks for second tries that never happen"},
		find: func(c *judging) []Finding {
			var all []Finding
			for _, s := range c.system.Services {
				for _, d := range s.DependsOn {
					if f, vain := c.vain(s.Name, d); vain {
						all = append(all, f)
					}
				}
			}
			return all
		},
	}
}

// vain says why an edge that asks for second tries gets none. The last of the
// reasons is its own contradiction; before it come those that the edge does not
// say.
func (c *judging) vain(from holdfast.ServiceName, d holdfast.Dependency) (Finding, bool) {
	edge, on := holdfast.Edge{From: from, To: d.On}, c.services[d.On]
	retries := d.Retries != nil && *d.Retries > 0
	always := d.Idempotent != nil && *d.Idempotent
	never := d.Idempotent != nil && !*d.Idempotent
	f := Finding{Of: edge.String(), At: edgeAt(edge, "retries"), Label: "has no effect", Help: "remove it"}
	if !retries {
		f.At = edgeAt(edge, "idempotent")
	}
	asks := fmt.Sprintf("%s asks for second tries of its requests to %s, and there are none: ", diagnostic.Tick(string(from)), diagnostic.Tick(string(d.On)))
	switch {
	case !retries && !always:
		return Finding{}, false
	case d.Completed:
		f.Message = asks + string(d.On) + " runs once and gets no requests"
	case on.Manage == holdfast.Observe:
		f.Message = asks + "they do not pass the gateway"
		f.Note = string(d.On) + " is only observed; whether its caller asks again by itself is not known"
		f.Help = "remove it, or let the requests pass: `manage: route` for " + string(d.On)
	case on.Protocol == holdfast.TCP:
		f.Message = asks + "it speaks TCP"
		f.Note = "the gateway passes on bytes and does not know where a request begins; only a connect is tried again, and that always"
	case never:
		f.Message, f.Label = asks+"`idempotent: false`", "never happens"
		f.Note = "what a replica was sent is not sent again, not even a GET; only a refused connection goes to another replica, and that always"
		f.Help = "remove `retries` if its requests must not be carried out twice, and `idempotent: false` if they may"
		f.Also = []Point{{At: edgeAt(edge, "idempotent"), Label: "forbids it"}}
	default:
		return Finding{}, false
	}
	return f, true
}
