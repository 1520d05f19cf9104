package check

import (
	"cmp"
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
			return append(all, c.missingBehindRoutes()...)
		},
	}
}

// missingBehindRoutes are the same of the gateway's routes.
func (c *judging) missingBehindRoutes() []Finding {
	var all []Finding
	for _, route := range c.system.Gateway.Routes {
		f := route.Fallback
		if f == nil || f.File == "" || c.facts.Missing[f.File] == "" {
			continue
		}
		of := cmp.Or(route.Host+route.Path, "/")
		all = append(all, Finding{
			Of: of, At: Path{"gateway", "routes"}, Label: c.facts.Missing[f.File],
			Message: fmt.Sprintf("the fallback of the route %s answers from %s, which cannot be answered", diagnostic.Tick(of), diagnostic.Tick(f.File)),
			Note:    "it is read when it is needed: without it, users get an error in the place of what " + string(route.Service) + " does not answer",
			Help:    "put the file there, below 1 MiB, or correct its path, which is relative to this file",
		})
	}
	return all
}

// missingCertificate finds certificates that nobody could be shown. Where the
// file is checked need not be where it runs, so that this is no error.
func missingCertificate() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2210", Severity: diagnostic.Warning, Title: "a certificate or its key cannot be read"},
		find: func(c *judging) []Finding {
			var all []Finding
			said := map[string]bool{} // one file may hold both, and several keys may be one
			for _, one := range c.system.Gateway.TLS {
				for _, path := range []string{one.Chain, one.Key} {
					if why := c.facts.Missing[path]; why != "" && !said[path] {
						said[path] = true
						all = append(all, Finding{
							Of: path, At: Path{"gateway", "tls"}, Label: why,
							Message: diagnostic.Tick(path) + " cannot be read",
							Note:    "who asks for a name that no other certificate is for cannot be answered: there is no clear text beside TLS",
							Help:    "put the file there, or correct its path, which is relative to this file; it is read again when it changes",
						})
					}
				}
			}
			return all
		},
	}
}
