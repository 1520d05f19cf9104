package check

import (
	"fmt"

	"holdfast"
	"holdfast/diagnostic"
)

// missingFallback finds fallbacks whose file could not be answered. Nothing else
// tells of it before the fallback is needed.
func missingFallback() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2208", Severity: diagnostic.Error, Title: "the file of a fallback cannot be answered"},
		find: func(c *judging) []Finding {
			var all []Finding
			for _, s := range c.system.Services {
				for _, d := range s.DependsOn {
					if d.Fallback == nil || d.Fallback.File == "" || c.facts.Missing[d.Fallback.File] == "" {
						continue
					}
					edge := holdfast.Edge{From: s.Name, To: d.On}
					all = append(all, Finding{
						Of: edge.String(), At: edgeAt(edge, "fallback", "file"), Label: c.facts.Missing[d.Fallback.File],
						Message: fmt.Sprintf("the fallback of %s answers from a file that cannot be answered", diagnostic.Tick(edge.String())),
						Note:    "it is read when it is needed: without it, " + string(s.Name) + " gets an error in the place of what " + string(d.On) + " does not answer",
						Help:    "put the file there, below 1 MiB, or correct its path, which is relative to this file; a short answer can stand here: `fallback: {json: {items: []}}`",
					})
				}
			}
			return all
		},
	}
}
