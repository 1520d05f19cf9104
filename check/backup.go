package check

import (
	"holdfast/diagnostic"
)

// noBackup finds services whose data is nowhere else.
func noBackup() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2301", Severity: diagnostic.Warning, Title: "a service keeps data of which there is no copy"},
		find: func(c *judging) []Finding {
			var all []Finding
			for _, s := range c.system.Services {
				if s.State == nil || s.State.Backup != "" {
					continue
				}
				all = append(all, Finding{
					Of: string(s.Name), At: at(s.Name, "stateful"), Label: "no `backup`",
					Message: diagnostic.Tick(string(s.Name)) + " keeps data of which there is no copy",
					Note:    "replicas are not copies: what is deleted or damaged on one is so on all of them within a moment",
					Help:    "make copies, bring one back once to see that it works, and write where they go: `backup: \"every night, to …\"`",
				})
			}
			return all
		},
	}
}
