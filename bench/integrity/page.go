package main

import (
	"fmt"
	"slices"
	"strings"

	"holdfast"
	"holdfast/load"
	"holdfast/report"
)

// page is what was measured, for people.
func page(f findings) string {
	var out strings.Builder
	out.WriteString(`# Can a verdict be believed?

Written by ` + "`go run ./bench/integrity -write docs/proof-integrity.md`" + `; do not edit. Two shared cores.

`)
	out.WriteString(correctPart(f.correct) + brokenPart(f.broken) + neuteredPart(f.neutered))
	return out.String()
}

func correctPart(t tally) string {
	var out strings.Builder
	below := load.UpperBound95(t.fails(), t.drills())
	fmt.Fprintf(&out, `## A correct system does not FAIL

Two services of two replicas, nothing wrong with them; each of three failure modes drilled again and again, private copies side by side.
%d drills: **%d FAIL**, %d INVALID (%.2f%%). So fewer than %.2f%% of such drills FAIL (95%% sure).

| mode | drills | PASS | FAIL | INVALID | noticed in, median | worst | whole in, median | worst | requests | hurt |
|---|---|---|---|---|---|---|---|---|---|---|
`, t.drills(), t.fails(), t.invalids(), 100*float64(t.invalids())/float64(max(1, t.drills())), 100*float64(below))
	for _, mode := range correctModes() {
		out.WriteString(t.of(holdfast.ModeName(mode)).row(mode))
	}
	if why := t.reasons(); why != "" {
		out.WriteString("\nWhat was INVALID said:\n\n" + why)
	}
	return out.String() + "\n"
}

func (t tally) row(mode string) string {
	var detect, restore []report.Millis
	sent, hurt := 0, 0
	for _, d := range t {
		if d.Verdict != holdfast.Pass {
			continue
		}
		detect, restore = append(detect, *d.Detect), append(restore, *d.Restore)
		sent, hurt = sent+d.Sent, hurt+d.Hurt
	}
	return fmt.Sprintf("| %s | %d | %d | %d | %d | %s | %s | %s | %s | %d | %d |\n", mode, t.drills(), t.count(holdfast.Pass), t.fails(), t.invalids(),
		at(detect, 0.5), at(detect, 1), at(restore, 0.5), at(restore, 1), sent, hurt)
}

// at is a quantile as a person reads it.
func at(times []report.Millis, share float64) string {
	if len(times) == 0 {
		return ""
	}
	sorted := slices.Sorted(slices.Values(times))
	return report.Short(sorted[min(len(sorted)-1, int(float64(len(sorted))*share))])
}

// reasons counts those of drills that decided nothing, by how they begin: the
// rest is figures.
func (t tally) reasons() string {
	counts := map[string]int{}
	var order []string
	for _, d := range t {
		if d.Verdict == holdfast.Pass {
			continue
		}
		begins, _, _ := strings.Cut(d.Reason, ":")
		if counts[begins]++; counts[begins] == 1 {
			order = append(order, begins)
		}
	}
	var out strings.Builder
	for _, begins := range order {
		fmt.Fprintf(&out, "- %d × %s\n", counts[begins], begins)
	}
	return out.String()
}

func brokenPart(all []outcome) string {
	var out strings.Builder
	fmt.Fprintf(&out, `## A broken system FAILs, for its own reason

%d systems, each broken in one way (bench/integrity/systems.go), each drilled once.

| broken | how | drill | verdict | why, as it said |
|---|---|---|---|---|
`, len(all))
	for _, o := range all {
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s |\n", o.name, o.what, o.drill.Mode, o.got, cell(o.drill.Reason))
	}
	return out.String() + "\n"
}

func neuteredPart(all []outcome) string {
	var out strings.Builder
	out.WriteString(`## A fault that does nothing is INVALID

Every fault that can be made here, with its injection left out (` + "`holdfast prove --neuter --every-fault`" + `, hidden: it proves nothing of a system).

| mode | fault | verdict | why, as it said |
|---|---|---|---|
`)
	for _, o := range all {
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", o.name, o.what, o.got, cell(o.drill.Reason))
	}
	return out.String()
}

// cell is a text in a table.
func cell(text string) string {
	text = strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(text)
	if runes := []rune(text); len(runes) > 300 {
		text = string(runes[:300]) + "…"
	}
	return text
}
