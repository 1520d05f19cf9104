package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"holdfast"
	"holdfast/command"
	"holdfast/diagnostic"
)

// hiddenState finds services that are given a place for data and do not say that
// they keep any.
func hiddenState() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2303", Severity: diagnostic.Warning, Title: "a service uses its data directory and does not say that it keeps data"},
		find: func(c *judging) []Finding {
			var all []Finding
			for _, s := range c.system.Services {
				if keys := keepsAt(s); s.State == nil && !s.Once && keys != nil {
					all = append(all, hidden(s, keys))
				}
			}
			return all
		},
	}
}

func hidden(s holdfast.Service, keys []string) Finding {
	f := Finding{
		Of: string(s.Name), At: at(s.Name, keys...), Label: "`$DATA_DIR` is here",
		Message: fmt.Sprintf("%s keeps data in `$DATA_DIR` and has no `stateful`", diagnostic.Tick(string(s.Name))),
		Note:    "the directory belongs to this machine: on another one the service begins with an empty one",
		Help:    "write `stateful: {backup: …}`; if all of it can be made anew, a cache or a socket, accept this",
	}
	if s.Replicas > 1 {
		f.Message = fmt.Sprintf("each of the %d replicas of %s has a `$DATA_DIR` of its own, and there is no `stateful`", s.Replicas, diagnostic.Tick(string(s.Name)))
		f.Note = "what one replica keeps the others do not have: users see one thing or another, by who happens to answer"
		f.Help = "write `stateful: {backup: …, promote: …}`; if all of it can be made anew, a cache or a socket, accept this"
	}
	return f
}

const dataDir = "DATA_DIR"

// keepsAt are the keys of a service below which it uses its data directory; nil
// when it does not. A variable of that name that the file sets is another place.
func keepsAt(s holdfast.Service) []string {
	if _, own := s.Environment[dataDir]; own {
		return nil
	}
	words, _ := command.Split(s.Command)
	if slices.ContainsFunc(words, usesDataDir) {
		return []string{"command"}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Environment)) {
		if usesDataDir(s.Environment[name]) {
			return []string{"environment", name}
		}
	}
	return nil
}

// usesDataDir says whether a text names the data directory, for us to fill in or,
// written $$DATA_DIR, for a shell that it starts.
func usesDataDir(text string) bool {
	all := command.Pieces(text)
	var plain strings.Builder
	for _, p := range all {
		plain.WriteString(p.Text)
	}
	for _, rest := range strings.Split(plain.String(), "$")[1:] {
		if command.LeadingName(strings.TrimPrefix(rest, "{")) == dataDir {
			return true
		}
	}
	return refersToDataDir(all)
}

func refersToDataDir(all []command.Piece) bool {
	return slices.ContainsFunc(all, func(p command.Piece) bool { return p.Name == dataDir || refersToDataDir(p.Instead) })
}
