package picture

import (
	"fmt"
	"slices"
	"strings"

	"holdfast/diagnostic"
	"holdfast/topology"
)

// Mermaid is the picture as a flowchart that mermaid draws, as GitHub and many
// wikis do.
func (p Picture) Mermaid() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%%%% %s, drawn by holdfast check\nflowchart LR\n", p.system)
	m := mermaid{Builder: &out}
	if p.onHost() {
		m.box("this_host", "this host: every promise breaks with it", "host", func() { m.inside(p) })
	}
	for _, s := range p.services {
		if s.outside {
			m.service(s)
		}
	}
	for i, point := range p.points {
		m.node(pointID(i), "{{", "}}", point.lines(), point.mark)
	}
	for i, text := range p.caveats() {
		fmt.Fprintf(&out, "  note%d[%s]:::note\n", i, quoted(text))
	}
	m.links(p)
	out.WriteString(mermaidClasses)
	return out.String()
}

// mermaidClasses are the looks of what is marked. Text is dark on light in both
// of a page's modes.
const mermaidClasses = `  classDef plain fill:#ffffff,stroke:#57606a,color:#1f2328
  classDef entry fill:#ddf4ff,stroke:#0969da,color:#1f2328
  classDef alone fill:#ffebe9,stroke:#cf222e,stroke-width:3px,color:#1f2328
  classDef pair fill:#ffffff,stroke:#9a6700,color:#1f2328
  classDef note fill:#ffffff,stroke:#9a6700,stroke-dasharray:2 3,color:#1f2328
  classDef host fill:none,stroke:#57606a,stroke-dasharray:6 4
`

type mermaid struct {
	*strings.Builder
	lines []string // the looks of links, which mermaid knows by number
	drawn int
}

// box draws around what inside draws, which may be nothing.
func (m *mermaid) box(id, title, class string, inside func()) {
	fmt.Fprintf(m, "  subgraph %s[%s]\n    direction LR\n", id, quoted(title))
	inside()
	fmt.Fprintf(m, "  end\n  class %s %s\n", id, class)
}

// onHost says that anything is drawn on this host.
func (p Picture) onHost() bool {
	return len(p.entries) > 0 || slices.ContainsFunc(p.services, func(s service) bool { return !s.outside })
}

// inside is what fails with this host: the gateway, and what runs on it.
func (m *mermaid) inside(p Picture) {
	for _, e := range p.entries {
		fmt.Fprintf(m, "    %s([%s]):::entry\n", id("in", string(e.to)), quoted(e.lines()...))
	}
	for _, s := range p.services {
		if !s.outside {
			m.WriteString("  ")
			m.service(s)
		}
	}
}

func (m *mermaid) service(s service) {
	m.node(id("s", string(s.name)), "[", "]", s.lines(), s.mark)
}

func (m *mermaid) node(id, open, shut string, lines []string, looks mark) {
	fmt.Fprintf(m, "  %s%s%s%s:::%s\n", id, open, quoted(lines...), shut, looks.class())
}

func (m *mermaid) links(p Picture) {
	for _, e := range p.entries {
		m.link(id("in", string(e.to)), "-->", "", id("s", string(e.to)), "")
	}
	for _, e := range p.edges {
		arrow, looks := mermaidArrow(e.need)
		m.link(id("s", string(e.From)), arrow, e.all(), id("s", string(e.To)), looks)
	}
	for i, point := range p.points {
		for _, s := range point.takes {
			m.link(pointID(i), "---", point.reach(), id("s", string(s)), "stroke:#cf222e,stroke-dasharray:1 3")
		}
	}
	for _, looks := range m.lines {
		m.WriteString(looks)
	}
}

func (m *mermaid) link(from, arrow, words, to, looks string) {
	if words != "" {
		arrow += "|" + quoted(words) + "|"
	}
	fmt.Fprintf(m, "  %s %s %s\n", from, arrow, to)
	if looks != "" {
		m.lines = append(m.lines, fmt.Sprintf("  linkStyle %d %s\n", m.drawn, looks))
	}
	m.drawn++
}

// mermaidArrow is how a need is drawn, and how its line looks.
func mermaidArrow(n need) (arrow, looks string) {
	switch n {
	case optional:
		return "-.->", "stroke-dasharray:8 5"
	case covered:
		return "-.->", "stroke-dasharray:2 4"
	case before:
		return "--o", "stroke:#8c959f"
	default:
		return "-->", ""
	}
}

// id is a name where only letters, digits and underscores are safe. Names have
// no underscores, so that no two become one; the prefix keeps them from being
// words of mermaid's.
func id(prefix, name string) string {
	return prefix + "_" + strings.ReplaceAll(name, "-", "_")
}

// pointID is a number: a host may be called anything.
func pointID(i int) string { return fmt.Sprintf("point%d", i) }

// quoted is text between quotation marks, a line each, in which mermaid finds
// nothing to understand: no end of the text, entity, tag, directive or Markdown;
// and, where it looks once more at what it has read, no line break, formula or
// icon, for there is something in between that nobody sees.
func quoted(lines ...string) string {
	const unseen = "#8288;" // word joiner
	var safe []string
	for _, line := range lines {
		var b strings.Builder
		for _, c := range line {
			switch {
			case strings.ContainsRune("\\$", c):
				fmt.Fprintf(&b, "#%d;%s", c, unseen)
			case strings.ContainsRune("\"#<>&`*_~|{}[]", c):
				fmt.Fprintf(&b, "#%d;", c)
			default:
				b.WriteRune(c)
			}
		}
		safe = append(safe, strings.NewReplacer("%%", "#37;#37;", ":fa-", "#58;"+unseen+"fa-").Replace(b.String()))
	}
	return `"` + strings.Join(safe, "<br/>") + `"`
}

// class is how a mark looks.
func (m mark) class() string {
	switch {
	case len(m.alone) > 0:
		return "alone"
	case len(m.pair) > 0:
		return "pair"
	default:
		return "plain"
	}
}

// lines are what stands in a service's box.
func (s service) lines() []string {
	how := s.copies
	if s.zones != "" {
		how += " in " + s.zones
	}
	lines := []string{string(s.name), how, s.takes}
	if s.outside {
		lines[1] += ", elsewhere"
	}
	if s.owner != "" {
		lines = append(lines, "owner "+string(s.owner))
	}
	return without(append(lines, s.words()))
}

func (e entry) lines() []string {
	lines := append([]string{}, e.ports...)
	for _, promise := range e.promises {
		lines = append(lines, "promise "+promise)
	}
	return lines
}

func (p point) lines() []string { return without([]string{p.name, p.words()}) }

// reach is how a point takes a service down, as the word on the line to it.
func (p point) reach() string {
	switch p.kind {
	case topology.SharedRisk:
		return "shared by"
	case topology.HostRisk:
		return "host of"
	default:
		return "takes down"
	}
}

// caveats are what a reader would otherwise take from the picture wrongly.
func (p Picture) caveats() []string {
	if len(p.unknown) == 0 {
		return nil
	}
	return []string{"not decided: what breaks " + diagnostic.Series(p.unknown, mostNamed) + ", so nothing is marked for it"}
}

func without(lines []string) []string {
	var kept []string
	for _, line := range lines {
		if line != "" {
			kept = append(kept, line)
		}
	}
	return kept
}
