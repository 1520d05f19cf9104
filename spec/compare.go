package spec

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"holdfast"
)

// A Change is what a file says otherwise than the one in force. Keys are as they
// are written in a file, without their values: those may be secrets.
type Change struct {
	Service  holdfast.ServiceName // empty: of the system as a whole
	What     What
	Keys     []string // of what is changed, in order
	Replaces bool     // its replicas are started with other things, and are replaced
}

// What happens to a service.
type What string

// The three.
const (
	Added   What = "added"
	Removed What = "removed"
	Changed What = "changed"
)

// Compare lists how next differs from the system in force: the whole first, then
// the services in the order of next, then those that next does not name.
func Compare(now, next *holdfast.System) []Change {
	var changes []Change
	if keys := systemKeys(now, next); len(keys) > 0 {
		changes = append(changes, Change{What: Changed, Keys: keys})
	}
	for _, service := range next.Services {
		before, known := now.Service(service.Name)
		if !known {
			changes = append(changes, Change{Service: service.Name, What: Added})
			continue
		}
		keys := slices.Concat(serviceKeys(before, service), modeKeys(now, next, service.Name))
		if slices.Sort(keys); len(keys) > 0 {
			changes = append(changes, Change{Service: service.Name, What: Changed, Keys: slices.Compact(keys), Replaces: before.Replaces(service)})
		}
	}
	for _, service := range now.Services {
		if _, stays := next.Service(service.Name); !stays {
			changes = append(changes, Change{Service: service.Name, What: Removed})
		}
	}
	return changes
}

func systemKeys(now, next *holdfast.System) []string {
	whole := func(s *holdfast.System) any {
		tree := asTree(holdfast.System{Name: s.Name, Owner: s.Owner, Promise: s.Promise, Promises: s.Promises, People: s.People, Zones: s.Zones, Guardrails: s.Guardrails, Prove: s.Prove, Sessions: s.Sessions, Attested: s.Attested}).(map[string]any)
		tree["gateway"] = asTree(s.Gateway)
		tree["drills"] = map[string]any{"load": asTree(s.Load)}
		maps.Copy(tree, callingKeys(s.OnCall))
		return tree
	}
	return differences("", whole(now), whole(next))
}

// callingKeys is what the file says of people, by its keys.
func callingKeys(on holdfast.OnCall) map[string]any {
	tree := map[string]any{
		"people":              byName(on.People, func(p holdfast.Person) string { return string(p.Name) }),
		"channels":            byName(on.Channels, func(c holdfast.Channel) string { return string(c.Name) }),
		"schedules":           byName(on.Schedules, func(s holdfast.Schedule) string { return string(s.Name) }),
		"escalation_policies": byName(on.Policies, func(p holdfast.EscalationPolicy) string { return string(p.Name) }),
		"on_call":             map[string]any{"heartbeat": asTree(on.Heartbeat), "listen": asTree(on.Listen), "url": on.URL},
	}
	if on.Standard != "" {
		tree["escalate"] = string(on.Standard)
	}
	return tree
}

// byName is a list as the mapping that it is in the file; of what changes in one of
// them, its name is said.
func byName[T any](all []T, name func(T) string) map[string]any {
	named := map[string]any{}
	for _, one := range all {
		named[name(one)] = string(jsonOf(asTree(one)))
	}
	return named
}

// serviceKeys compares services as they are written down. What follows from other
// keys is not a difference of its own.
func serviceKeys(now, next holdfast.Service) []string {
	trees := make([]any, 2)
	for i, service := range []holdfast.Service{now, next} {
		service.Minimum = 0
		tree := asTree(service).(map[string]any)
		tree["depends_on"] = byNeed(service.DependsOn)
		tree["environment"] = variables(service)
		delete(tree, "pass_through")
		if health, checked := tree["healthcheck"].(map[string]any); checked {
			rename(health, "disabled", "disable")
			delete(health, "tls") // it follows from the urls
		}
		if delete(tree, "once"); service.Once {
			tree["restart"] = "no"
		}
		trees[i] = tree
	}
	return differences("", trees[0], trees[1])
}

func byNeed(dependencies []holdfast.Dependency) map[string]any {
	named := map[string]any{}
	for _, dependency := range dependencies {
		need := asTree(dependency).(map[string]any)
		rename(need, "completed", "condition")
		if fallback, covered := need["fallback"].(map[string]any); covered {
			rename(fallback, "body", "json")
		}
		named[string(dependency.On)] = need
	}
	return named
}

// rename gives what is called otherwise in a file the name it has there.
func rename(tree map[string]any, ours, theirs string) {
	if value, is := tree[ours]; is {
		delete(tree, ours)
		tree[theirs] = value
	}
}

// variables are the environment, those that are passed through too.
func variables(service holdfast.Service) map[string]any {
	named := map[string]any{}
	for name, text := range service.Environment {
		named[name] = text
	}
	for _, name := range service.PassThrough {
		named[name] = true
	}
	return named
}

// modeKeys are the failure modes of a service and of its dependencies that are
// answered for otherwise. Those that come and go with something else do not
// count.
func modeKeys(now, next *holdfast.System, of holdfast.ServiceName) []string {
	var keys []string
	for _, mode := range next.Modes {
		prefix := "failure_modes." + string(mode.Kind)
		switch {
		case mode.Strikes.IsEdge() && mode.Strikes.Caller == of:
			prefix = "depends_on." + string(mode.Strikes.Service) + "." + prefix
		case mode.Strikes.IsEdge() || mode.Strikes.Service != of:
			continue
		}
		before, known := now.Mode(mode.Name)
		if known && before.Owner == ownerOf(now, of) && mode.Owner == ownerOf(next, of) {
			before.Owner = mode.Owner // it follows from the service's
		}
		if known && len(differences("", asTree(before), asTree(mode))) > 0 {
			keys = append(keys, prefix)
		}
	}
	return keys
}

func ownerOf(system *holdfast.System, name holdfast.ServiceName) holdfast.OwnerName {
	service, _ := system.Service(name)
	return service.Owner
}

// asTree is a value as JSON sees it.
func asTree(of any) any {
	text, err := json.Marshal(of)
	if err != nil {
		panic("spec: a system cannot be written: " + err.Error())
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		panic("spec: a system cannot be read back: " + err.Error())
	}
	return tree
}

// differences are the paths at which two trees differ, as deep as both are
// mappings. What is there as a whole in only one of them is one difference.
func differences(path string, a, b any) []string {
	left, isTree := a.(map[string]any)
	right, isTreeToo := b.(map[string]any)
	if whole := !strings.Contains(path, "."); whole && a == nil {
		left, isTree = map[string]any{}, isTreeToo // limits, where there were none
	} else if whole && b == nil {
		right, isTreeToo = map[string]any{}, isTree
	}
	if !isTree || !isTreeToo {
		if string(jsonOf(a)) == string(jsonOf(b)) {
			return nil
		}
		return []string{path}
	}
	both := map[string]any{}
	maps.Copy(both, left)
	maps.Copy(both, right)
	var paths []string
	for _, key := range slices.Sorted(maps.Keys(both)) {
		paths = append(paths, differences(strings.Trim(path+"."+key, "."), left[key], right[key])...)
	}
	return paths
}

func jsonOf(tree any) []byte {
	text, _ := json.Marshal(tree) // it came from JSON
	return text
}
