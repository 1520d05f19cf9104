package ready

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/mode"
	"holdfast/topology"
)

// Markdown is a report as an operational readiness review asks for it: a row for
// every way in which every component and dependency fails.
func (r Report) Markdown(system *holdfast.System) string {
	v := review{services: servicesOf(system), kin: topology.KinOf(system)}
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: operational readiness, %s\n\n", r.System, r.At.UTC().Format(time.DateOnly))
	fmt.Fprintf(&b, "The system is **%s**%s. Rungs: declared, owned, detected, remediated, escalatable, drilled, fresh; a service\nstands where the lowest of its failure modes does. Drills: %s.\n\n", r.Rung, r.missing(), r.drills())
	row(&b, "service", "stands at", "lacks", "in", "because")
	row(&b, "---", "---", "---", "---", "---")
	for _, s := range r.Services {
		row(&b, strings.Split(s.row(), "\t")...)
	}
	b.WriteString("\n## Failure modes\n\n")
	row(&b, "component or dependency", "fails by", "customers see", "blast radius", "noticed by", "mended by", "retries", "owner", "told", "last drill", "stands at")
	row(&b, "---", "---", "---", "---", "---", "---", "---", "---", "---", "---", "---")
	for _, s := range r.Services {
		for _, m := range s.Modes {
			d := m.declared
			row(&b, d.Strikes.String(), string(d.Kind), v.impact(d), v.radius(d), noticed(d), mended(d), v.retries(d), orNone(string(m.Owner)), m.told(), m.Shown.cell(), m.Rung.String())
		}
	}
	b.WriteString("\n## Said by people\n\n")
	if len(r.Attested) == 0 {
		b.WriteString("Nothing: all of the above is computed.\n")
		return b.String()
	}
	b.WriteString("Nothing above rests on it.\n\n")
	row(&b, "what", "by", "until", "")
	row(&b, "---", "---", "---", "---")
	for _, a := range r.Attested {
		expired := ""
		if a.Expired {
			expired = "EXPIRED"
		}
		row(&b, a.What, a.By, a.Until.Format(time.DateOnly), expired)
	}
	return b.String()
}

// row writes cells, in which nothing ends a cell.
func row(b *strings.Builder, cells ...string) {
	for i, c := range cells {
		cells[i] = strings.NewReplacer("|", `\|`, "\n", " ").Replace(c)
	}
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

func orNone(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

// told says beside whom a mode is told to that this may reach nobody.
func (m Mode) told() string {
	if m.Told != "" && slices.ContainsFunc(m.Lacks, func(l Lack) bool { return l.Rung == Escalatable }) {
		return m.Told + ", not surely"
	}
	return orNone(m.Told)
}

// A review is a system while it is written about.
type review struct {
	services map[holdfast.ServiceName]holdfast.Service
	kin      topology.Kin
}

// spared tells whether enough replicas are left of a service when one fails.
func (v review) spared(m holdfast.FailureMode) bool {
	s := v.services[m.Strikes.Service]
	return s.Replicas > s.Minimum
}

func (v review) edge(m holdfast.FailureMode) holdfast.Dependency {
	caller := v.services[m.Strikes.Caller]
	i := slices.IndexFunc(caller.DependsOn, func(d holdfast.Dependency) bool { return d.On == m.Strikes.Service })
	if i < 0 {
		return holdfast.Dependency{}
	}
	return caller.DependsOn[i]
}

// impact is what customers see of a mode at worst, within its bounds.
func (v review) impact(m holdfast.FailureMode) string {
	b := m.Bounds
	switch d := v.edge(m); {
	case m.Strikes.IsEdge() && d.Fallback != nil:
		return fmt.Sprintf("degraded answers of %s", m.Strikes.Caller)
	case m.Strikes.IsEdge() && !d.Required:
		return fmt.Sprintf("answers of %s without it", m.Strikes.Caller)
	case m.Strikes.IsEdge():
		return fmt.Sprintf("errors of %s within %s%s", m.Strikes.Caller, d.Wait(), routes(d))
	case len(m.DetectedBy) == 0:
		return "their session is gone"
	case !v.spared(m):
		return fmt.Sprintf("%s, until it is restored (at most %s)", worst(m), b.Restore)
	}
	return fmt.Sprintf("at most %s of requests hurt, whole within %s", b.Impact, b.Mitigate)
}

func worst(m holdfast.FailureMode) string {
	if m.Kind == mode.Slow().Kind {
		return "late answers"
	}
	return "errors"
}

func routes(d holdfast.Dependency) string {
	if len(d.For) == 0 {
		return ""
	}
	return ", of " + strings.Join(d.For, ", ")
}

// radius is what fails with what is struck.
func (v review) radius(m holdfast.FailureMode) string {
	of := m.Strikes.Service
	switch {
	case m.Strikes.IsEdge() && !topology.Weighs(v.edge(m)):
		return string(m.Strikes.Caller) + ", degraded"
	case m.Strikes.IsEdge():
		of = m.Strikes.Caller
	case v.spared(m):
		return fmt.Sprintf("one replica of %d", v.services[of].Replicas)
	}
	all := []string{string(of)}
	for _, name := range slices.Sorted(maps.Keys(v.kin.Fails(of))) {
		all = append(all, string(name))
	}
	return strings.Join(all, ", ")
}

func noticed(m holdfast.FailureMode) string {
	if len(m.DetectedBy) == 0 {
		return "its drill alone"
	}
	var signs []string
	for _, e := range m.DetectedBy {
		if !slices.Contains(signs, string(e.Sign)) {
			signs = append(signs, string(e.Sign))
		}
	}
	return fmt.Sprintf("%s, within %s", strings.Join(signs, ", "), m.Bounds.Detect)
}

func mended(m holdfast.FailureMode) string {
	var all []string
	for _, r := range m.Remedies {
		all = append(all, string(r))
	}
	if m.Runbook != "" {
		all = append(all, "a person by "+m.Runbook)
	}
	if len(all) == 0 {
		return "a person"
	}
	return strings.Join(all, ", then ")
}

// retries is what the caller's requests of a dependency get of second tries.
func (v review) retries(m holdfast.FailureMode) string {
	if !m.Strikes.IsEdge() {
		return "–"
	}
	d := v.edge(m)
	many := "one after a failure, up to two beside a late replica"
	if d.Retries != nil {
		many = fmt.Sprintf("up to %d", *d.Retries)
	}
	switch {
	case !d.Repeats():
		many = "none of what was written"
	case d.Idempotent == nil:
		many += ", of what is idempotent"
	}
	return fmt.Sprintf("%s; timeout %s", many, d.Timeout)
}

func (s Shown) cell() string {
	if s.Last == "" {
		return "never"
	}
	said := fmt.Sprintf("%s %s, %s", s.Last, s.At.UTC().Format(time.DateOnly), s.text())
	if s.Took.Mitigate != nil {
		said += fmt.Sprintf("; users whole in %s", s.Took.Mitigate.Round(time.Millisecond))
	}
	if s.Stale != "" {
		said += "; " + s.Stale
	}
	return said
}
