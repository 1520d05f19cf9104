package check

import (
	"holdfast"
	"holdfast/diagnostic"
)

// nobodyThere finds owners that consist of nobody, or of one person, where the
// file lists who the owners are.
func nobodyThere() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2402", Severity: diagnostic.Warning, Title: "an owner is nobody, or one person"},
		find: func(c *judging) []Finding {
			answers := c.answering()
			var all []Finding
			for _, team := range c.system.People {
				if answers[string(team.Owner)] && len(team.People) < 2 {
					all = append(all, fewOf(team))
				}
			}
			return all
		},
	}
}

// answering are the owners that answer for something, and the policies by which
// somebody is woken: one may be called what the other is.
func (c *judging) answering() map[string]bool {
	answers := map[string]bool{}
	for _, s := range c.system.Services {
		answers[string(s.Owner)] = true
	}
	for _, m := range c.system.Modes {
		answers[string(m.Owner)] = true
		answers[string(m.Escalation)] = true
	}
	return answers
}

func fewOf(team holdfast.Team) Finding {
	f := Finding{
		Of: string(team.Owner), At: Path{"owners", string(team.Owner)},
		Message: diagnostic.Tick(string(team.Owner)) + " answers for failures here, and there is nobody in it",
		Note:    "whoever is called by this name is nobody: a failure that no remedy mends stays as it is",
		Help:    "write its people, two at least: `" + diagnostic.Shown(string(team.Owner)) + ": [ana, ben]`",
	}
	if len(team.People) == 1 {
		f.Message = diagnostic.Tick(string(team.Owner)) + " is one person, " + diagnostic.Shown(team.People[0])
		f.Note = "one illness, one flight, one night of deep sleep, and nobody answers"
		f.Help = "name a second person who may be woken, and who knows what to do"
	}
	return f
}
