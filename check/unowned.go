package check

import (
	"holdfast"
	"holdfast/diagnostic"
)

// unowned finds failure modes and services that nobody answers for. Where the
// whole file has no owner it is said once: one line at its top mends it. Of those
// that nothing mends either, another finding says more.
func unowned() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2401", Severity: diagnostic.Warning, Title: "nobody answers for a failure mode"},
		find: func(c *judging) []Finding {
			modes := c.modesOf()
			var services []holdfast.ServiceName
			var all []Finding
			for _, s := range c.system.Services {
				open := c.unownedOf(modes[s.Name])
				if s.Owner != "" || len(open) == 0 && len(modes[s.Name]) > 0 {
					continue
				}
				services, all = append(services, s.Name), append(all, ownerless(s.Name, open, len(modes[s.Name])))
			}
			if len(services) > 1 && c.anyOwner() == "" {
				return []Finding{ownedByNobody(services)}
			}
			return all
		},
	}
}

// modesOf are the failure modes that a service's owner answers for unless the
// file names another: its own, and those of what it depends on.
func (c *judging) modesOf() map[holdfast.ServiceName][]holdfast.FailureMode {
	modes := map[holdfast.ServiceName][]holdfast.FailureMode{}
	for _, m := range c.system.Modes {
		of := m.Strikes.Service
		if m.Strikes.IsEdge() {
			of = m.Strikes.Caller
		}
		modes[of] = append(modes[of], m)
	}
	return modes
}

func (c *judging) unownedOf(modes []holdfast.FailureMode) []holdfast.ModeName {
	var names []holdfast.ModeName
	for _, m := range modes {
		if m.Owner == "" && !c.helpless(m) {
			names = append(names, m.Name)
		}
	}
	return names
}

// anyOwner is some owner that the file names, or "".
func (c *judging) anyOwner() holdfast.OwnerName {
	owner := c.system.Owner
	for _, s := range c.system.Services {
		owner = max(owner, s.Owner)
	}
	for _, m := range c.system.Modes {
		owner = max(owner, m.Owner)
	}
	return owner
}

const nobodyToTell = "when a remedy does not help, or a guardrail withholds it, there is nobody to tell"

func ownerless(service holdfast.ServiceName, open []holdfast.ModeName, of int) Finding {
	f := Finding{
		Of: string(service), At: at(service), Message: "nobody owns " + diagnostic.Tick(string(service)), Note: nobodyToTell,
		Help: "write `owner: …` at the top of the file, or in the service",
	}
	if len(open) < of {
		f.Message = "nobody owns " + several(open, mostNamed)
	}
	return f
}

func ownedByNobody(services []holdfast.ServiceName) Finding {
	return Finding{
		At:      at(services[0]),
		Message: "nobody owns " + several(services, mostNamed), Note: nobodyToTell,
		Help: "write `owner: …` at the top of the file, or in the service",
	}
}
