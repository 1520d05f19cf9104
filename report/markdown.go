package report

import (
	"fmt"
	"strings"

	"holdfast"
)

const (
	// maxComment bounds a comment: GitHub takes 65,536 characters, GitLab more.
	maxComment = 60_000
	// clipped bounds one text in it, which may be of a stranger and long.
	clipped = 300
)

// MarkdownMark begins the comment of a system, so that the next one is found and
// put in its place. It is not shown.
func MarkdownMark(system holdfast.SystemName) string {
	return "<!-- holdfast: " + strings.NewReplacer("-->", "", "\n", " ").Replace(string(system)) + " -->"
}

// Markdown is a run as a comment on a pull request: a headline, what changed as a
// table with the particulars folded away, and what did not change as a number.
// Where it was compared with nothing it is the table of behaviours. Whatever is
// in it of strangers mentions nobody, links nowhere and is no HTML.
func Markdown(run Run) string {
	for _, rows := range []int{100, 30, 10, 3} {
		if text := markdown(run, rows); len(text) <= maxComment {
			return text
		}
	}
	return markdown(run, 0)
}

func markdown(run Run, rows int) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n### Holdfast, %s: %s\n\n", MarkdownMark(run.System), prose(string(run.System)), markdownHeadline(run))
	if run.Reason != "" {
		fmt.Fprintf(&out, "%s: %s\n\n", run.Verdict, prose(run.Reason))
	}
	if run.Against != nil {
		out.WriteString(changed(run.Against, rows))
	}
	out.WriteString(failing(run, rows))
	if run.Against == nil {
		out.WriteString(behaviours(run, rows))
	}
	return out.String() + ending(run)
}

// markdownHeadline is what whoever reads one line has to know.
func markdownHeadline(run Run) string {
	a := run.Against
	switch {
	case a == nil:
		return prose(Counted(run.Verdicts()))
	case a.count(Worse)+a.broke() == 0:
		return "no behaviour got worse since " + prose(a.Name)
	case a.count(Worse) == 1 && a.broke() <= 1 && a.Deltas[0].What == Worse:
		return prose(a.Headline(a.Deltas[0]))
	default:
		return prose(a.sum())
	}
}

// changed is the table of what is not the same, and under it the particulars.
func changed(a *Against, rows int) string {
	var table, details strings.Builder
	left := 0
	for _, d := range a.Deltas {
		if !d.tells() {
			continue
		}
		if rows--; rows < 0 {
			left++
			continue
		}
		fmt.Fprintf(&table, "| **%s** | %s | %s | %s |\n", strings.ToLower(d.word()), prose(a.called(d)), prose(d.says()), prose(string(d.Owner)))
		details.WriteString(particulars(a, d))
	}
	var out strings.Builder
	if table.Len() > 0 {
		out.WriteString("| | failure mode | what changed | owner |\n|---|---|---|---|\n" + table.String() + "\n" + details.String())
	}
	if left > 0 {
		fmt.Fprintf(&out, "%d more changed; the whole list is in the report.\n\n", left)
	}
	for _, caution := range a.Cautions {
		fmt.Fprintf(&out, "> Caution: %s\n>\n", prose(caution))
	}
	if len(a.Cautions) > 0 {
		out.WriteByte('\n')
	}
	fmt.Fprintf(&out, "%s. %d the same", prose("Compared with "+a.earlier()), a.count(Same))
	if n := a.leftOut(); n > 0 {
		fmt.Fprintf(&out, ", %d left out of one of the runs", n)
	}
	out.WriteString(".\n\n")
	return out.String()
}

// particulars are folded away: nobody reads them who has no question.
func particulars(a *Against, d Delta) string {
	d.Owner = "" // stands in the table
	lines := d.lines()
	if len(lines) == 0 {
		return ""
	}
	var out strings.Builder
	fmt.Fprintf(&out, "<details><summary>%s, in particular</summary>\n\n", inTag(a.called(d)))
	for _, line := range lines {
		fmt.Fprintf(&out, "- %s\n", prose(line))
	}
	return out.String() + "\n</details>\n\n"
}

// failing are the drills that fail, with their reasons. In a comparison those
// stand above that broke since; these are the others.
func failing(run Run, rows int) string {
	var out strings.Builder
	type way struct {
		mode  holdfast.ModeName
		fault holdfast.FaultName
	}
	called, said := byFault(run.Drills), map[way]bool{}
	if run.Against != nil {
		for _, d := range run.Against.Deltas {
			said[way{mode: d.Mode, fault: d.Fault}] = d.What != Same
		}
	}
	left := 0
	for _, d := range run.Drills {
		this := way{mode: d.Mode, fault: d.Fault}
		if d.Verdict != holdfast.Fail || said[this] {
			continue
		}
		if rows--; rows < 0 {
			left++
			continue
		}
		said[this] = true
		fmt.Fprintf(&out, "- **%s** %s: %s (owner: %s)\n", d.Verdict, prose(called(d)), prose(d.Reason), prose(orNobody(d.Owner)))
	}
	if left > 0 {
		fmt.Fprintf(&out, "- and %d more\n", left)
	}
	switch {
	case out.Len() == 0:
		return ""
	case run.Against != nil:
		return "These fail, and did before:\n\n" + out.String() + "\n"
	default:
		return out.String() + "\n"
	}
}

func orNobody(owner holdfast.OwnerName) string {
	if owner == "" {
		return "nobody"
	}
	return string(owner)
}

// behaviours is the table of all drills.
func behaviours(run Run, rows int) string {
	if len(run.Drills) == 0 {
		return ""
	}
	var out strings.Builder
	out.WriteString("<details><summary>All drills</summary>\n\n| | failure mode | detect | mitigate | restore | hurt | owner |\n|---|---|---|---|---|---|---|\n")
	called := byFault(run.Drills)
	for i, d := range run.Drills {
		if i == rows {
			fmt.Fprintf(&out, "| | %d more | | | | | |\n", len(run.Drills)-i)
			break
		}
		cell := func(at *Millis, bound Millis) string {
			if at == nil && (d.Walks != nil || !d.measured()) {
				return "–"
			}
			return strings.TrimSpace(figure("", at, bound))
		}
		hurt := fmt.Sprintf("%d of %d", d.Failed+d.Late, d.Sent)
		if d.Walks != nil {
			hurt = d.Walks.answers()
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s | %s |\n", d.Verdict, prose(called(d)),
			cell(d.Detect, d.Bounds.Detect), cell(d.Mitigate, d.Bounds.Mitigate), cell(d.Restore, d.Bounds.Restore), hurt, prose(string(d.Owner)))
	}
	return out.String() + "\n</details>\n\n"
}

// ending says which run this was and under which load.
func ending(run Run) string {
	parts := []string{fmt.Sprintf("seed %d", run.Seed)}
	if run.Control.Sent > 0 {
		parts = append(parts, fmt.Sprintf("%.0f requests/s", run.Control.Rate))
	}
	if run.ID != "" {
		parts = append(parts, "run "+string(run.ID))
	}
	if run.Took > 0 {
		parts = append(parts, "took "+Short(run.Took))
	}
	return "<sub>" + strings.Join(parts, " · ") + "</sub>\n"
}

// apart is a space that nobody sees, which keeps an @ from being a mention, a #
// from being a link to an issue, and an address from being a link.
const apart = "\u200b"

// prose is text as Markdown shows it and does not obey.
func prose(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "|", `\|`, "~", `\~`+apart,
		"@", "@"+apart, "#", "#"+apart, "GH-", "GH"+apart+"-", "!", `\!`+apart, "$", `\$`+apart, "://", ":"+apart+"//", "www.", "www"+apart+".").Replace(clip(plain(text)))
}

// inTag is text within HTML.
func inTag(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "@"+apart, "#", "#"+apart, "GH-", "GH"+apart+"-", "://", ":"+apart+"//", "www.", "www"+apart+".").Replace(clip(plain(text)))
}

// clip shortens a text to its bound, in characters.
func clip(text string) string {
	if runes := []rune(text); len(runes) > clipped {
		return string(runes[:clipped]) + "…"
	}
	return text
}
