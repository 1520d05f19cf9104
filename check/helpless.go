package check

import (
	"fmt"
	"slices"

	"holdfast"
	"holdfast/diagnostic"
)

// helpless finds failure modes that nothing mends and that nobody is told of: a
// service's at once, for one line mends them. Where the whole file has no owner it
// is said once.
func helpless() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2403", Severity: diagnostic.Warning, Title: "nothing mends a failure, and nobody is told of it"},
		find: func(c *judging) []Finding {
			modes := c.modesOf()
			var all []Finding
			var everywhere []holdfast.FailureMode
			for _, s := range c.system.Services {
				var left []holdfast.FailureMode
				for _, m := range modes[s.Name] {
					if c.helpless(m) {
						left = append(left, m)
					}
				}
				if len(left) > 0 {
					all, everywhere = append(all, abandoned(left)), append(everywhere, left...)
				}
			}
			if len(all) > 1 && c.anyOwner() == "" {
				f := abandoned(everywhere)
				f.Of = ""
				f.Help = "write `owner: …` at the top of the file, or in each failure mode or service"
				return []Finding{f}
			}
			return all
		},
	}
}

func (c *judging) helpless(m holdfast.FailureMode) bool {
	return m.Owner == "" && m.Escalation == "" && !c.mended(m)
}

// mended says whether a remedy that is declared can be carried out: what we did
// not start we do not start again, and nobody ejects what is not routed by us.
func (c *judging) mended(m holdfast.FailureMode) bool {
	s := c.services[m.Strikes.Service]
	return slices.ContainsFunc(m.Remedies, func(remedy holdfast.Remedy) bool {
		return (remedy != holdfast.RemedyRestart || s.Manage == holdfast.Full) && (remedy != holdfast.RemedyEject || s.Manage != holdfast.Observe)
	})
}

func abandoned(left []holdfast.FailureMode) Finding {
	var names []holdfast.ModeName
	for _, m := range left {
		names = append(names, m.Name)
	}
	f := Finding{
		Of: string(names[0]), At: modeAt(left[0], "remedies"),
		Message: fmt.Sprintf("nothing mends %s, and nobody is told of %s", several(names, mostNamed), diagnostic.Agree(len(names), "it", "them")),
		Note:    "without a remedy a person is the remedy, and there is neither an `owner` nor `escalate`",
		Help:    "write `owner: …` in the failure mode, the service or at the top of the file",
	}
	if len(left[0].Remedies) > 0 {
		f.Label = "this cannot be done to what Holdfast neither runs nor routes"
	}
	return f
}
