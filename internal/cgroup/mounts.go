package cgroup

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A mount is where a hierarchy of groups can be seen.
type mount struct {
	version int
	root    string // the group that stands at the mount's own directory, "" for the hierarchy's
	at      string
	carries []string // version 1: the controllers; version 2: those it can hand down
}

func (m mount) has(c Controller) bool { return slices.Contains(m.carries, string(c)) }

// mounted reads /proc/self/mountinfo, whose lines hold the root and the place of
// a mount in the fourth and fifth field, and behind a dash its type and options.
func mounted(root string) []mount {
	text, err := os.ReadFile(filepath.Join(root, "proc/self/mountinfo"))
	if err != nil {
		return nil
	}
	var all []mount
	for line := range strings.Lines(string(text)) {
		place, kind, ok := strings.Cut(line, " - ")
		where, what := strings.Fields(place), strings.Fields(kind)
		if !ok || len(where) < 5 || len(what) < 3 {
			continue
		}
		m := mount{root: strings.TrimSuffix(where[3], "/"), at: where[4]}
		switch what[0] {
		case "cgroup":
			m.version, m.carries = 1, strings.Split(what[2], ",")
		case "cgroup2":
			controllers, _ := os.ReadFile(filepath.Join(root, m.at, "cgroup.controllers"))
			m.version, m.carries = 2, strings.Fields(string(controllers))
		default:
			continue
		}
		all = append(all, m)
	}
	return all
}

// memberships are the groups a process is in, by controller; "" is that of version
// 2. The process is a pid, or "self".
func memberships(root, process string) map[string]string {
	text, _ := os.ReadFile(filepath.Join(root, "proc", process, "cgroup"))
	own := map[string]string{}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for _, controller := range strings.Split(parts[1], ",") {
			own[controller] = parts[2]
		}
	}
	return own
}
