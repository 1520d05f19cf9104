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

// Postmortem is an incident as Markdown, under the headings PagerDuty proposes: what
// the journal knows is filled in, what only people know stays a question. False: it is
// not remembered.
func (s *Incidents) Postmortem(id holdfast.IncidentID) (string, bool) {
	i := s.Find(id)
	if i == nil {
		return "", false
	}
	var out strings.Builder
	fmt.Fprintf(&out, "# %s\n\n", prose(i.title(s.System)))
	fmt.Fprintf(&out, "Filled in from the journal. What begins with **?** is for people to answer. Times are UTC.\n\n")
	for _, part := range []struct{ head, text string }{
		{"Overview", i.overview()},
		{"What happened", i.happened()},
		{"Contributing factors", i.factors()},
		{"Resolution", i.resolution()},
		{"Impact", i.impact()},
		{"Responders", i.responders()},
		{"Timeline", fenced(i.moments() + "\n" + i.timeline())},
		{"What went well, what did not", i.went()},
		{"Actions", i.actionsText() + s.proposal(i)},
	} {
		fmt.Fprintf(&out, "## %s\n\n%s\n", part.head, part.text)
	}
	return event.Plain(trimLines(strings.TrimRight(out.String(), "\n"))) + "\n", true
}

func (i *Incident) overview() string {
	p := i.lead()
	lasted := "is still open"
	if !i.Resolved.IsZero() {
		lasted = "lasted " + event.Short(i.Resolved.Sub(i.Opened))
	}
	text := fmt.Sprintf("On %s people were needed for %s. The incident %s. It was %s: %s. Owner: %s.\n\n%s\n",
		i.Opened.UTC().Format("Monday 2 January 2006 at 15:04:05"), p.name(), lasted, i.Severity, severe(i.Severity), prose(cmp.Or(string(i.Owner), "nobody")), prose(i.users()))
	if i.Drill {
		text = event.DrillWord + ": a live drill was under way of what failed.\n\n" + text
	}
	return text + "\n**?** In two sentences, for somebody who was not there: what broke, and for whom?\n"
}

func (i *Incident) happened() string {
	text := bullets(i.fails(maxParts)) + "\nTried:\n\n" + bullets(i.allTried()) + "\nWithheld:\n\n" + bullets(i.withheld(maxParts))
	for _, n := range i.Notes {
		text += fmt.Sprintf("\n> %s %s: %s\n", clock(n.At), prose(n.By), prose(n.Text))
	}
	return text
}

func (i *Incident) factors() string {
	text := "Changed before it:\n\n" + bullets(i.changed(maxChanges))
	p := i.lead()
	switch {
	case !i.foreseen():
		text += "\nNo declared failure mode answered for this.\n"
	case p.Facts.Kind == "": // a promise leads, and what broke it is with it
		text += "\nWhat failed with it was declared.\n"
	case p.Drilled == nil:
		text += fmt.Sprintf("\n%s was declared, and had never been drilled.\n", p.Mode)
	default:
		text += fmt.Sprintf("\n%s was declared. Its last drill: %s\n", p.Mode, prose(p.drilled(i.Opened)))
		if p.Drilled.Verdict == holdfast.Pass {
			text += "\n**?** It passed its drill. What was different tonight, and how does the drill have to change to show it?\n"
		}
	}
	return text + "\n**?** What made this possible, beyond what failed last? What made it worse, or longer?\n"
}

func (i *Incident) resolution() string {
	p := i.lead()
	text := ""
	switch by := p.mended(); {
	case by != "":
		text = "The last remedy that helped: " + prose(by) + ".\n"
	case !i.Resolved.IsZero():
		text = "No remedy of Holdfast's ended it, as far as the journal tells.\n"
	default:
		text = "It is still open.\n"
	}
	for _, row := range i.Story {
		switch row.Kind {
		case "declared", "resumed", "paused", "stop-requested":
			text += fmt.Sprintf("\n- %s by people: %s\n", clock(row.Wall), prose(row.Text))
		}
	}
	return text + "\n**?** What did people do that mended it? Will it hold, or is it a stopgap?\n"
}

func (i *Incident) impact() string {
	var out strings.Builder
	if len(i.Hurt.Routes) > 0 {
		fmt.Fprintln(&out, "| route | requests | failed | by what stands in | refused for want of capacity |\n|---|---|---|---|---|")
		for _, c := range i.Hurt.Routes {
			fmt.Fprintf(&out, "| %s | %d | %d (%s) | %d | %d |\n", prose(string(c.Service)+c.Path), c.Asked, c.Failed, percent(c.Failed, c.Asked), c.Degraded, c.Shed)
		}
		fmt.Fprintln(&out)
	}
	fmt.Fprintln(&out, prose(i.users()))
	if d, ok := i.between(event.MomentImpact, event.MomentMitigated); ok {
		fmt.Fprintf(&out, "\nFrom when the impact began until users were whole: %s.\n", event.Short(d))
	}
	if burned := i.burning(maxParts); len(burned) > 0 {
		fmt.Fprintf(&out, "\n%s", bullets(burned))
	}
	return out.String() + "\n**?** What could users not do meanwhile? Who wrote to us?\n"
}

func (i *Incident) responders() string {
	taken := map[string]bool{}
	var lines []string
	for _, row := range i.Story {
		if row.Kind == "acknowledged" {
			lines = append(lines, clock(row.Wall)+" "+row.Text)
		}
	}
	for _, t := range i.Told {
		if t.Purpose == holdfast.Trigger {
			line := fmt.Sprintf("%s was told via %s", cmp.Or(string(t.Person), "who listens"), t.Via)
			if !taken[line] {
				taken[line] = true
				lines = append(lines, line+": "+t.result())
			}
		}
	}
	if len(lines) == 0 {
		lines = []string{"nobody was told"}
	}
	return bullets(lines) + "\n**?** Who else helped?\n"
}

// went is what the times say went well and did not, by the bounds that were declared;
// the rest is for people.
func (i *Incident) went() string {
	var well, badly []string
	p := i.lead()
	judge := func(what string, m event.Moment, bound time.Duration) {
		d, ok := i.between(event.MomentImpact, m)
		switch {
		case bound == 0 || !ok:
		case d <= bound:
			well = append(well, fmt.Sprintf("%s in %s, within its bound of %s", what, event.Short(d), event.Short(bound)))
		default:
			badly = append(badly, fmt.Sprintf("%s in %s, beyond its bound of %s", what, event.Short(d), event.Short(bound)))
		}
	}
	judge("noticed", event.MomentDetected, p.Facts.Bounds.Detect)
	judge("users whole", event.MomentMitigated, p.Facts.Bounds.Mitigate)
	judge("all back", event.MomentRestored, p.Facts.Bounds.Restore)
	if d, ok := i.between(event.MomentPaged, event.MomentAcknowledged); ok {
		well = append(well, "taken by somebody "+event.Short(d)+" after it was paged")
	} else if len(i.Told) > 0 {
		badly = append(badly, "nobody acknowledged it")
	}
	for _, t := range i.Told {
		if t.Tries > 0 && len(badly) < maxParts {
			badly = append(badly, fmt.Sprintf("a message to %s via %s: %s", cmp.Or(string(t.Person), "who listens"), t.Via, t.result()))
		}
	}
	for _, row := range i.Story {
		if row.Kind == "unreached" && len(badly) < maxParts {
			badly = append(badly, row.Text)
		}
	}
	if i.practised() {
		well = append(well, "what failed was declared, and had passed its drill")
	} else if !i.foreseen() {
		badly = append(badly, "what failed was declared nowhere")
	} else {
		badly = append(badly, "what failed had not passed a drill")
	}
	return "Well:\n\n" + bullets(well) + "\nNot well:\n\n" + bullets(badly) + "\n**?** Where were we lucky?\n"
}

func (i *Incident) actionsText() string {
	if len(i.Actions) == 0 {
		return "**?** What will be changed so that this does not come again, or is mended without a person? Each with an owner and a day.\n"
	}
	var out strings.Builder
	fmt.Fprintln(&out, "| | what | owner | due |\n|---|---|---|---|")
	for _, a := range slices.SortedFunc(slices.Values(i.Actions), func(a, b event.Promised) int { return cmp.Compare(a.Number, b.Number) }) {
		done := " "
		if a.Done {
			done = "done"
		}
		fmt.Fprintf(&out, "| %d %s | %s | %s | %s |\n", a.Number, done, prose(a.What), prose(a.Owner), a.Due.Format(time.DateOnly))
	}
	return out.String()
}

func (s *Incidents) proposal(i *Incident) string {
	text := s.propose(i)
	if text == "" {
		return ""
	}
	return "\nNo declared mode answered for this. A proposal:\n\n" + fenced(strings.TrimRight(text, "\n")+"\n")
}

func bullets(lines []string) string {
	if len(lines) == 0 {
		return "- nothing that the journal knows of\n"
	}
	var out strings.Builder
	for _, line := range lines {
		out.WriteString("- " + prose(line) + "\n")
	}
	return out.String()
}

// prose is a text that stays one within Markdown, on one line: it comes from programs
// and people, and makes no link, no picture and no row of a table where a postmortem is
// shown.
func prose(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return strings.NewReplacer(`\`, `\\`, "<", `\<`, "[", `\[`, "]", `\]`, "`", "\\`", "|", `\|`).Replace(text)
}

// fenced is a text as it is, between fences that it does not hold itself.
func fenced(text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + "\n" + text + fence + "\n"
}
