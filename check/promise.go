package check

import (
	"fmt"
	"strings"

	"holdfast"
	"holdfast/diagnostic"
)

// impossiblePromise finds promises that are stricter than the product of what is
// promised on the way: independent parts in series are up together as often as
// the product of how often each is.
func impossiblePromise() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2104", Severity: diagnostic.Error, Title: "a promise is stricter than what it rests on"},
		find: func(c *judging) []Finding {
			var all []Finding
			for _, p := range c.promises {
				if p.Target == 0 {
					continue
				}
				for _, entry := range c.risks.Entries(p.Promise) {
					if f, impossible := c.impossible(p.Promise, entry); impossible {
						all = append(all, f)
						break
					}
				}
			}
			return all
		},
	}
}

func (c *judging) impossible(p holdfast.Promise, entry holdfast.ServiceName) (Finding, bool) {
	best, on := 1.0, []holdfast.Service{}
	for _, name := range c.risks.Path(entry, p.Route) {
		s := c.services[name]
		if s.Promise > 0 && name != entry {
			best *= float64(s.Promise)
			on = append(on, s)
		}
	}
	if float64(p.Target) <= best+1e-9 {
		return Finding{}, false
	}
	f := Finding{
		Of: string(p.Name), At: Path{"promises", string(p.Name), "target"}, Label: "stricter than the way there",
		Message: fmt.Sprintf("%s cannot be kept: its required path tops out at %s", called(p), percent(best)),
		Note:    "what is in series is up together as often as the product of its parts: " + product(on),
		Help:    "promise less, ask more of what it rests on, or let " + string(entry) + " do without one of them: `fallback`, `required: false`, or `for` on the dependency",
	}
	if p.Name == "" {
		f.At = Path{"promise"}
	}
	for _, s := range on[:min(len(on), 3)] {
		f.Also = append(f.Also, Point{At: at(s.Name, "promise"), Label: "promises " + s.Promise.String()})
	}
	return f, true
}

// percent is a share cut, not rounded, to four digits behind the point: a path
// that tops out below the target is never shown as reaching it.
func percent(share float64) string {
	digits := fmt.Sprintf("%.6f", share*100)
	return strings.TrimSuffix(strings.TrimRight(digits[:len(digits)-2], "0"), ".") + "%"
}

func product(on []holdfast.Service) string {
	var parts []string
	for _, s := range on {
		parts = append(parts, fmt.Sprintf("%s %s", s.Name, s.Promise))
	}
	return strings.Join(parts, " × ")
}
