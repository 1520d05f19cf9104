package check

import (
	"fmt"
	"strings"

	"holdfast"
	"holdfast/diagnostic"
)

// undrilled finds failure modes of which no drill has shown anything.
func undrilled() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2406", Severity: diagnostic.Warning, Title: "a failure mode was never drilled"},
		find: func(c *judging) []Finding {
			return c.drilled(Unproved, "that they are noticed and mended in time is what the file says, and nobody has seen it; what would end a living process is withheld until its drill passes",
				func(modes []holdfast.ModeName) string {
					if len(modes) == len(c.system.Modes) && len(modes) > 1 {
						return fmt.Sprintf("none of the %d failure modes was ever drilled", len(modes))
					}
					return fmt.Sprintf("%s %s never drilled", several(modes, mostNamed), diagnostic.Agree(len(modes), "was", "were"))
				})
		},
	}
}

// outdated finds failure modes whose drill passed on something else.
func outdated() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2407", Severity: diagnostic.Warning, Title: "the last drill of a failure mode does not hold any more"},
		find: func(c *judging) []Finding {
			return c.drilled(Stale, "a drill holds for 30 days and for what it was made on: the mode's part of this file, the programs and what they read; what it armed is withheld again",
				func(modes []holdfast.ModeName) string {
					return fmt.Sprintf("the last %s of %s %s not hold any more", diagnostic.Agree(len(modes), "drill", "drills"), several(modes, mostNamed), diagnostic.Agree(len(modes), "does", "do"))
				})
		},
	}
}

// failing finds failure modes whose last drill broke a bound.
func failing() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2408", Severity: diagnostic.Warning, Title: "the last drill of a failure mode failed"},
		find: func(c *judging) []Finding {
			return c.drilled(Failed, "what users see of it was measured, and is more than its bounds allow",
				func(modes []holdfast.ModeName) string {
					return fmt.Sprintf("the last %s of %s failed", diagnostic.Agree(len(modes), "drill", "drills"), several(modes, mostNamed))
				})
		},
	}
}

// drilled says once, of the system, what stands so with however many failure
// modes: who accepts it does so for all of them.
func (c *judging) drilled(as Proof, note string, say func([]holdfast.ModeName) string) []Finding {
	var modes []holdfast.FailureMode
	var names []holdfast.ModeName
	for _, m := range c.system.Modes {
		if c.facts.Proofs != nil && c.facts.Proofs[m.Name] == as {
			modes, names = append(modes, m), append(names, m.Name)
		}
	}
	if len(modes) == 0 {
		return nil
	}
	return []Finding{{At: struck(modes[0]), Message: say(names), Note: note, Help: "run " + c.drills(modes)}}
}

// struck is the path of what a failure mode strikes.
func struck(m holdfast.FailureMode) Path {
	if m.Strikes.IsEdge() {
		return edgeAt(holdfast.Edge{From: m.Strikes.Caller, To: m.Strikes.Service})
	}
	return at(m.Strikes.Service)
}

// drills are the commands that drill failure modes: in a private copy, or, what
// runs elsewhere, there.
func (c *judging) drills(modes []holdfast.FailureMode) string {
	var here, elsewhere []string
	for _, m := range modes {
		if c.services[m.Strikes.Service].Manage == holdfast.Full {
			here = append(here, string(m.Name))
		} else {
			elsewhere = append(elsewhere, string(m.Name))
		}
	}
	var commands []string
	if len(here) > 0 {
		commands = append(commands, drill("holdfast prove", here, len(here) == len(c.system.Modes)))
	}
	if len(elsewhere) > 0 {
		commands = append(commands, drill("holdfast prove --live", elsewhere, false)+", which touches what runs elsewhere as far as `prove.allow` lets it")
	}
	return strings.Join(commands, " and ")
}

func drill(command string, modes []string, all bool) string {
	if len(modes) <= mostNamed && !all {
		command += " " + strings.Join(modes, " ")
	}
	return "`" + command + "`"
}
