package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
)

// propose is what an incident that no declared mode answered for asks to be written
// down: the stanza of the file, the drill, and a play that begins as it began; ""
// where a mode answered.
func (s *Incidents) propose(i *Incident) string {
	if i.foreseen() {
		return ""
	}
	file := &s.Memory.File
	service, kind := i.suspect(file)
	if service == "" {
		return "  Nothing is known of where it began. Ask: what failed, how is it made to fail on purpose, what mends it?\n"
	}
	var out strings.Builder
	fmt.Fprintf(&out, "  The stanza (who answers, and how it is made to happen on purpose):\n\n%s\n", i.stanza(service, kind))
	if runsOnce(file, service) {
		fmt.Fprintf(&out, "  %s runs once, to its end, and what runs once is drilled by nothing yet. Until it is:\n  have its failure tested where it is built, and close the incident with a waiver that ends.\n\n", service)
	} else {
		fmt.Fprintf(&out, "  The drill, once the hooks make it happen:\n\n    holdfast prove FILE %s\n\n", holdfast.NameOf(holdfast.Target{Service: service}, kind))
	}
	fmt.Fprintf(&out, "  The play for the mind (a file of control/testdata; REWRITE=1 go test ./control answers it):\n\n%s", i.play(file))
	return out.String()
}

// suspect is the service, and the kind of failure, that comes nearest to what was seen.
func (i *Incident) suspect(file *holdfast.System) (holdfast.ServiceName, holdfast.Kind) {
	p := i.lead()
	if p.ID.Service != "" {
		return p.ID.Service, i.kindSeen(p.ID)
	}
	kind := holdfast.Kind("errors")
	for _, promise := range file.Owed() {
		if promise.Name == p.Promise && promise.Within > 0 {
			kind = "slow"
		}
	}
	if p.Service != "" {
		return p.Service, kind
	}
	worst := slices.MaxFunc(append(i.Hurt.Routes, Count{}), func(a, b Count) int { return cmp.Compare(a.Failed, b.Failed) })
	return worst.Service, kind
}

// kindSeen is the kind of failure that what was seen of a replica looks like.
func (i *Incident) kindSeen(id holdfast.ReplicaID) holdfast.Kind {
	kinds := map[holdfast.Sign]holdfast.Kind{
		holdfast.SignErrors: "errors", holdfast.SignSlow: "slow", holdfast.SignUnreachable: "partition", holdfast.SignSilent: "hang", holdfast.SignMissed: "hang",
	}
	for _, row := range i.Story {
		for sign, kind := range kinds {
			if row.Subject == string(id.Name()) && row.Kind == "ejected" && strings.Contains(row.Text, "by "+string(sign)) {
				return kind
			}
		}
	}
	return "crash"
}

func (i *Incident) stanza(service holdfast.ServiceName, kind holdfast.Kind) string {
	return fmt.Sprintf(`    services:
      %s:
        failure_modes:
          %s:                        # what comes nearest to what was seen
            owner: %s
            runbook: https://…         # what you did tonight, while you remember it
            break: sh -c '…'           # makes happen: %s
            mend: sh -c '…'            # takes it back, any number of times
`, service, kind, cmp.Or(string(i.Owner), "…"), cut(strings.Join(strings.Fields(i.lead().Why), " "), maxLine))
}

// maxPlay bounds the inputs of a proposed play: how it began is what matters.
const maxPlay = 20

// play is the beginning of an incident in the words of the mind's plays. Replicas begin
// with their first life there.
func (i *Incident) play(file *holdfast.System) string {
	var out strings.Builder
	fmt.Fprintf(&out, "    # %s: %s. As it was on %s, times from ten seconds before.\n", i.ID, cut(strings.Join(strings.Fields(i.lead().Why), " "), maxLine), i.Opened.UTC().Format(time.DateOnly))
	begins, lives := "settle", map[string]int{}
	if id := i.lead().ID; runsOnce(file, id.Service) { // nothing is settled by what must not end well
		begins = fmt.Sprintf("started %s 127.0.0.1:20001", sinceFirst(id.String(), lives))
	}
	fmt.Fprintf(&out, "    declare %s\n    %s\n", declaration(file), begins)
	written := 0
	began := i.firstRow().Add(-10 * time.Second)
	for _, row := range i.Story {
		line := inputOf(row, lives)
		if line == "" || written == maxPlay {
			continue
		}
		written++
		fmt.Fprintf(&out, "    at %s %s\n", row.Wall.Sub(began).Round(time.Millisecond), line)
	}
	if p := i.lead(); p.Burned != nil {
		service, _ := i.suspect(file)
		fmt.Fprintf(&out, "    at 10s counted %s:1 %d 0\n    at 20s counted %s:1 %d %d\n", service, p.Burned.All, service, 2*p.Burned.All, p.Burned.Bad)
	}
	fmt.Fprintln(&out, "    ----")
	return out.String()
}

func runsOnce(file *holdfast.System, name holdfast.ServiceName) bool {
	service, _ := file.Service(name)
	return service.Once
}

func (i *Incident) firstRow() time.Time {
	if len(i.Story) == 0 {
		return i.Opened
	}
	return i.Story[0].Wall
}

// declaration is a system in the words of the plays.
func declaration(file *holdfast.System) string {
	var all []string
	if file.Promise != nil {
		all = append(all, "promise "+file.Promise.Target.String())
	}
	for _, service := range file.Services {
		words := fmt.Sprintf("%s*%d", service.Name, service.Replicas)
		if service.Once {
			words += " once"
		}
		var needs, after []string
		for _, d := range service.DependsOn {
			if d.Completed {
				after = append(after, string(d.On))
			} else if d.Required {
				needs = append(needs, string(d.On))
			}
		}
		if len(needs) > 0 {
			words += " needs " + strings.Join(needs, ",")
		}
		if len(after) > 0 {
			words += " after " + strings.Join(after, ",")
		}
		all = append(all, words)
	}
	return strings.Join(all, "; ")
}

// inputOf is a row as an input of a play; "" for what the mind said by itself.
func inputOf(row Row, lives map[string]int) string {
	text := strings.TrimPrefix(row.Text, event.DrillWord+" ")
	words := strings.Fields(strings.ReplaceAll(strings.TrimPrefix(text, "not started"), ":", ""))
	var rest string
	switch row.Kind {
	case "exited":
		rest = strings.TrimPrefix(between(text, " ", " after "), "exit ")
	case "not-started":
		words = append([]string{""}, words...)
		_, rest, _ = strings.Cut(text, ": ")
	case "started":
		rest = between(text, " at ", " pid ")
	case "ejected":
		rest, _, _ = strings.Cut(text[strings.LastIndex(text, ", by ")+len(", by "):], ":")
	case "admitted":
	default:
		return ""
	}
	if len(words) < 2 {
		return ""
	}
	return strings.TrimSpace(row.Kind + " " + sinceFirst(words[1], lives) + " " + rest)
}

// between is what stands between two words, after the replica.
func between(text, from, to string) string {
	_, text, _ = strings.Cut(text, "#")
	_, text, _ = strings.Cut(text, from)
	text, _, _ = strings.Cut(text, to)
	return text
}

// sinceFirst counts a replica's lives from its first one that is told of.
func sinceFirst(replica string, first map[string]int) string {
	id, err := holdfast.ParseReplicaID(replica)
	if err != nil {
		return replica
	}
	name := string(id.Name())
	if _, known := first[name]; !known {
		first[name] = int(id.Incarnation) - 1
	}
	id.Incarnation -= holdfast.Incarnation(first[name])
	return id.String()
}
