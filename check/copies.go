package check

import (
	"fmt"

	"holdfast"
	"holdfast/diagnostic"
)

// onlyCopies finds fallbacks that answer from copies alone.
func onlyCopies() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2205", Severity: diagnostic.Warning, Title: "a fallback ends where there is no copy"},
		find: func(c *judging) []Finding {
			var all []Finding
			for _, s := range c.system.Services {
				for _, d := range s.DependsOn {
					if f := d.Fallback; f != nil && f.Stale > 0 && f.Body == "" && f.File == "" && f.Service == "" {
						all = append(all, uncopied(holdfast.Edge{From: s.Name, To: d.On}))
					}
				}
			}
			return all
		},
	}
}

func uncopied(edge holdfast.Edge) Finding {
	return Finding{
		Of: edge.String(), At: edgeAt(edge, "fallback", "stale"), Label: "and where there is no copy, an error",
		Message: fmt.Sprintf("the fallback of %s answers copies, and nothing where there is none", diagnostic.Tick(edge.String())),
		Note:    "there is no copy after a start of the gateway, of what was not asked for lately, of anything but a GET, nor of an answer that is for one user",
		Help:    "say what is answered then: `json` or `file` beside `stale`, as in `fallback: {stale: 10m, json: {items: []}}`",
	}
}
