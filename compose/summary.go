package compose

import (
	"fmt"
	"slices"
	"strings"

	"holdfast/diagnostic"
)

// mostLines bounds what is said of single services below the problems.
const mostLines = 20

// summary says what there is, and for everything that users reach what alone
// takes it down.
func (f *file) summary() []string {
	published := f.which(func(s *service) bool { return len(s.Ports) > 0 && s.GetScale() > 0 })
	stores := f.which(func(s *service) bool { return s.store.isStore() })
	replicas := 0
	for _, s := range f.services {
		replicas += s.GetScale()
	}
	lines := []string{fmt.Sprintf("%s with %s · %s published · %s", diagnostic.Count(len(f.services), "service"), diagnostic.Count(replicas, "replica"), fmt.Sprint(len(published)), stateWords(stores))}
	for i, m := range published {
		if len(lines) > mostLines {
			return append(lines, fmt.Sprintf("and %d more that are published", len(published)-i))
		}
		if m.of.store.called == "" { // what is said of a database is said where it is needed
			lines = append(lines, f.cuts(m.of))
		}
	}
	return lines
}

func stateWords(stores []mark) string {
	if len(stores) == 0 {
		return "none known to keep state"
	}
	return strings.ReplaceAll(names(stores), "`", "") + verb(stores, " keeps state", " keep state")
}

// cuts is a sentence with everything that alone takes down what is published:
// its host, itself, and whom it needs. A service is left out that has replicas,
// or twins that may stand in for it.
func (f *file) cuts(s *service) string {
	alone, guessed := f.required(s)
	var parts []string
	if !f.swarm {
		parts = append(parts, "its host")
	}
	if len(alone) > 0 && alone[0] == s.Name {
		parts = append(parts, diagnostic.Shown(s.Name))
		alone = alone[1:]
	}
	if len(alone) > 0 {
		parts = append(parts, "by depends_on "+anyOf(alone))
	}
	if len(guessed) > 0 {
		parts = append(parts, "by its environment "+anyOf(guessed))
	}
	if len(parts) == 0 {
		return fmt.Sprintf("%s (%s) goes down with no single service that the file names", s.portWords(), diagnostic.Shown(s.Name))
	}
	return fmt.Sprintf("%s (%s) goes down with any one of: %s", s.portWords(), diagnostic.Shown(s.Name), strings.Join(parts, " · "))
}

func anyOf(all []string) string {
	const most = 12
	shown := make([]string, 0, most+1)
	for i, name := range all {
		if i == most {
			shown = append(shown, fmt.Sprintf("%d more", len(all)-most))
			break
		}
		shown = append(shown, diagnostic.Shown(name))
	}
	return strings.Join(shown, ", ")
}

// required are the services of one replica that a service needs, itself first:
// those that depends_on declares, and those that only an environment names.
func (f *file) required(s *service) (declared, guessed []string) {
	seen := map[*service]bool{s: true}
	sure := map[*service]bool{s: true}
	for queue := []*service{s}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at.GetScale() == 1 && !at.global() && !f.twinned(at) {
			if sure[at] {
				declared = append(declared, at.Name)
			} else {
				guessed = append(guessed, at.Name)
			}
		}
		for _, n := range at.needs {
			if n.serves() && n.on.GetScale() > 0 && !seen[n.on] {
				seen[n.on], sure[n.on] = true, sure[at] && !n.seen
				queue = append(queue, n.on)
			}
		}
	}
	return declared, guessed
}

func (s *service) portWords() string {
	var all []string
	for _, p := range s.Ports {
		text := p.Published
		if text == "" {
			text = fmt.Sprintf("some port for %d", p.Target)
		}
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	const most = 4
	if len(all) > most {
		all = append(all[:most-1], "…")
	}
	return strings.Join(all, ", ")
}

// unknown says what cannot be known from such a file.
func (f *file) unknown() []string {
	if f.root == nil {
		return nil
	}
	lines := slices.Clone(f.elsewhere)
	if len(lines) > mostLines {
		lines = append(lines[:mostLines], fmt.Sprintf("and %d more", len(lines)-mostLines))
	}
	if len(f.unset) > 0 {
		lines = append(lines, diagnostic.Count(len(f.unset), "variable")+" "+diagnostic.Agree(len(f.unset), "is", "are")+" not set: "+diagnostic.Ticks(f.unset)+"; nothing is said of what depends on "+diagnostic.Agree(len(f.unset), "it", "them"))
	}
	if !f.readable() {
		return lines
	}
	lines = append(lines, f.unreadFiles()...)
	for _, s := range f.services {
		if s.partial && s.Image == "" && s.Build == nil && len(lines) < mostLines {
			lines = append(lines, diagnostic.Tick(s.Name)+" has neither `image` nor `build`: the rest of it seems to stand in another file")
		}
	}
	return append(lines,
		"what the images bring along: a HEALTHCHECK, a user, what they do when a dependency is gone",
		"who needs whom at run time, beyond depends_on, links and the hosts that stand in `environment`",
		"what Docker itself is told in /etc/docker/daemon.json, and what stands before this host",
	)
}

// unreadFiles are the files of variables that services name.
func (f *file) unreadFiles() []string {
	var all []string
	for _, s := range f.services {
		for _, e := range s.EnvFiles {
			if name := diagnostic.Tick(e.Path); !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return []string{"what stands in " + diagnostic.Series(all, mostNamed) + ": `env_file` is not read"}
}
