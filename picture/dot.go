package picture

import (
	"fmt"
	"strings"

	"holdfast"
)

// Dot is the picture as a graph that graphviz draws.
func (p Picture) Dot() string {
	var out strings.Builder
	d := dot{Builder: &out}
	fmt.Fprintf(&out, "digraph %s {\n", text(string(p.system)))
	out.WriteString("  rankdir=LR\n" + dotLooks)
	if p.onHost() {
		d.host(p)
	}
	for _, s := range p.services {
		if s.outside {
			d.service(s)
		}
	}
	for _, point := range p.points {
		fmt.Fprintf(&out, "  %s [label=%s, shape=hexagon, style=filled%s]\n", pointNode(point), text(point.lines()...), dotMark(point.mark))
	}
	for i, words := range p.caveats() {
		fmt.Fprintf(&out, "  %s [label=%s, shape=note]\n", text(fmt.Sprint("note ", i)), text(words))
	}
	d.links(p)
	out.WriteString("}\n")
	return out.String()
}

// dotLooks are what most of the picture has in common.
const dotLooks = `  node [shape=box, style="filled,rounded", fillcolor="#ffffff", color="#57606a", fontname="Helvetica", fontsize=11]
  edge [fontname="Helvetica", fontsize=9, color="#57606a"]
  fontname="Helvetica"
  fontsize=11
`

type dot struct{ *strings.Builder }

// host is what fails with this host: the gateway, and what runs on it.
func (d dot) host(p Picture) {
	fmt.Fprintf(d, "  subgraph cluster_host {\n    label=%s\n    style=dashed\n    color=\"#57606a\"\n", text("this host: every promise breaks with it"))
	for _, e := range p.entries {
		fmt.Fprintf(d, "    %s [label=%s, fillcolor=\"#ddf4ff\", color=\"#0969da\", shape=oval, style=filled]\n", entryNode(e), text(e.lines()...))
	}
	for _, s := range p.services {
		if !s.outside {
			d.WriteString("  ")
			d.service(s)
		}
	}
	d.WriteString("  }\n")
}

func (d dot) service(s service) {
	fmt.Fprintf(d, "  %s [label=%s%s]\n", serviceNode(s.name), text(s.lines()...), dotMark(s.mark))
}

func (d dot) links(p Picture) {
	for _, e := range p.entries {
		fmt.Fprintf(d, "  %s -> %s\n", entryNode(e), serviceNode(e.to))
	}
	for _, e := range p.edges {
		fmt.Fprintf(d, "  %s -> %s [style=%s", serviceNode(e.From), serviceNode(e.To), dotArrow(e.need))
		if words := e.all(); words != "" {
			fmt.Fprintf(d, ", label=%s", text(words))
		}
		d.WriteString("]\n")
	}
	for _, point := range p.points {
		for _, s := range point.takes {
			fmt.Fprintf(d, "  %s -> %s [style=dotted, dir=none, color=\"#cf222e\", label=%s]\n", pointNode(point), serviceNode(s), text(point.reach()))
		}
	}
}

// dotArrow is how a need's line looks.
func dotArrow(n need) string {
	switch n {
	case optional:
		return "dashed"
	case covered:
		return "dotted, arrowhead=empty"
	case before:
		return "solid, arrowhead=odot"
	default:
		return "solid"
	}
}

// dotMark is how a mark looks, as further attributes.
func dotMark(m mark) string {
	switch m.class() {
	case "alone":
		return `, fillcolor="#ffebe9", color="#cf222e", penwidth=3`
	case "pair":
		return `, color="#9a6700"`
	default:
		return ""
	}
}

func serviceNode(name holdfast.ServiceName) string { return text("service " + string(name)) }
func entryNode(e entry) string                     { return text("in " + string(e.to)) }
func pointNode(p point) string                     { return text(string(p.kind) + " " + p.name) }

// text is text between quotation marks, a line each. Graphviz reads backslashes
// and HTML entities in it.
func text(lines ...string) string {
	safe := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "&", "&amp;")
	var all []string
	for _, line := range lines {
		all = append(all, safe.Replace(line))
	}
	return `"` + strings.Join(all, `\n`) + `"`
}
