package picture

import (
	"fmt"
	"slices"
	"strings"

	"holdfast/diagnostic"
	"holdfast/topology"
)

// A Terminal is what a picture is drawn on.
type Terminal struct {
	Width  int // in columns
	ASCII  bool
	Colour bool
}

const (
	// MaxServices are drawn in a terminal: more do not fit a screen.
	MaxServices = 20

	// MaxWidth is how wide a line of a picture may be, however wide the terminal is.
	MaxWidth = 100
)

// Text is the picture as a terminal shows it, with what has to be said of it
// below: layers from where users come in to what everything rests on, as long as
// no two lines have to cross; a tree that names things again otherwise.
func (p Picture) Text(t Terminal) string {
	t.Width = min(t.Width, MaxWidth)
	if len(p.services) > MaxServices {
		return wrapped(fmt.Sprintf("%d services are too many to draw in a terminal, which shows %d: --format mermaid and --format dot draw any number", len(p.services), MaxServices), t.Width)
	}
	drawn, fits := p.layers(t.Width)
	if !fits {
		drawn = p.tree(t.Width)
	}
	return drawn.text(t) + t.speak(p.notes(t.Width))
}

// label is a service as a terminal shows it.
func (s service) label() string {
	label := string(s.name) + " " + s.copies
	if s.zones != "" {
		label += " in " + s.zones
	}
	if len(s.alone) > 0 {
		label += " !"
	}
	return label
}

func (e entry) label() string {
	const longest = 40
	all := strings.Join(e.ports, " ")
	switch {
	case len(e.ports) == 0:
		return "users"
	case len(e.ports) > 1 && len(all) > longest:
		return fmt.Sprintf("%s and %d more", e.ports[0], len(e.ports)-1)
	default:
		return all
	}
}

// notes are what has to be said below a picture.
func (p Picture) notes(width int) string {
	var out strings.Builder
	if kinds := p.kinds(); len(kinds) > 0 {
		line := strings.Join(kinds, "   ")
		if wide(line) > width {
			line = strings.Join(kinds, "\n")
		}
		out.WriteString("\n" + line + "\n")
	}
	said := p.remarks()
	if len(said) > 0 {
		out.WriteByte('\n')
	}
	for _, remark := range said {
		out.WriteString(wrapped(remark, width))
	}
	return out.String()
}

// kinds explains the lines, where there is any that needs to be told.
func (p Picture) kinds() []string {
	var kinds []string
	for n, word := range []string{"required", "optional", "covered by a fallback", "runs once, before"} {
		if slices.ContainsFunc(p.edges, func(e edge) bool { return e.need == need(n) }) {
			kinds = append(kinds, string([]rune{lineAcross(need(n)), arrowhead(need(n))})+" "+word)
		}
	}
	if len(kinds) == 1 && kinds[0] == "─▶ required" {
		return nil
	}
	return kinds
}

// remarks are sentences, the gravest first.
func (p Picture) remarks() []string {
	all := p.alarms()
	if len(all) == 0 && len(p.unknown) == 0 {
		all = append(all, "no service, zone or shared cause breaks "+p.everything()+" alone")
	}
	all = append(all, p.caveats()...)
	all = append(all, "this host, a change of this file and a bad release of what is required always do, and are not marked")
	for _, s := range p.services {
		if s.takes != "" {
			all = append(all, string(s.name)+": "+s.takes)
		}
	}
	all = append(all, p.details()...)
	if len(p.promised) > 0 {
		all = append(all, "promised: "+strings.Join(p.promised, "; "))
	}
	return all
}

// details are what the lines of edges do not say, of as many as anybody reads.
func (p Picture) details() []string {
	const most = 10
	var all []string
	for _, e := range p.edges {
		if words := e.words(); words != "" {
			all = append(all, e.String()+": "+words)
		}
	}
	if more := len(all) - most; more > 0 {
		all = append(all[:most], fmt.Sprintf("%d more dependencies are covered or needed by some routes only: check --explain says by what", more))
	}
	return all
}

// alarms say what breaks a promise alone: services that break the same ones
// together.
func (p Picture) alarms() []string {
	var all []string
	for _, s := range p.services {
		if len(s.alone) == 0 {
			continue
		}
		what := "! " + s.words() + ": "
		same := slices.IndexFunc(all, func(alarm string) bool { return strings.HasPrefix(alarm, what) })
		if same < 0 {
			all = append(all, what+string(s.name))
		} else {
			all[same] += ", " + string(s.name)
		}
	}
	for _, point := range p.points {
		if len(point.alone) > 0 {
			all = append(all, "! "+point.words()+": "+point.called())
		}
	}
	return all
}

func (p Picture) everything() string {
	if len(p.promised) == 0 {
		return "all that users come for"
	}
	return "a promise"
}

// called is a point in a sentence, with whom it takes down.
func (p point) called() string {
	var names []string
	for _, name := range p.takes {
		names = append(names, string(name))
	}
	switch p.kind {
	case topology.SharedRisk:
		return p.name + ", shared by " + diagnostic.Series(names, mostNamed)
	case topology.HostRisk:
		return p.name + ", the host of " + diagnostic.Series(names, mostNamed)
	default:
		return p.name + ", without which " + diagnostic.Series(names, mostNamed) + " cannot serve"
	}
}

// wrapped is a sentence in lines, all but the first indented. A word that is
// longer than a line is cut: it is one that nobody reads to its end.
func wrapped(sentence string, width int) string {
	const margin = "  "
	var out strings.Builder
	line := ""
	for _, word := range strings.Fields(sentence) {
		if most := width - len(margin) - 1; wide(word) > most {
			word = string([]rune(word)[:most]) + "…"
		}
		switch {
		case line == "":
			line = word
		case wide(line)+1+wide(word) > width:
			out.WriteString(line + "\n")
			line = margin + word
		default:
			line += " " + word
		}
	}
	return out.String() + line + "\n"
}
