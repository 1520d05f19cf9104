package fault_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"holdfast"
	"holdfast/fault"
	"holdfast/internal/golden"
	"holdfast/mode"
)

// TestThePageOfFaults holds docs/faults.md to the catalogue it is made of.
func TestThePageOfFaults(t *testing.T) {
	golden.Compare(t, "../docs/faults.md", page())
}

func page() string {
	var out strings.Builder
	out.WriteString(`# Faults

What Holdfast can break on purpose, who sees it, and what puts it back. This page is made from the catalogue by a test
(` + "`REWRITE=1 go test ./fault -run Page`" + `); change the catalogue, not the page.

A mode is drilled by its **default** fault. The others make the same mode true in other ways: name them under
` + "`failure_modes: {crash: {faults: [kill, storm]}}`" + `, or let ` + "`holdfast prove --every-fault`" + ` make all of them, or
` + "`--fault storm`" + ` one. ` + "`holdfast doctor`" + ` says which cannot be made on this host; a drill of one that cannot is SKIP with the reason.

| fault | makes true | how | witness | undo | first undone by | needs |
|---|---|---|---|---|---|---|
`)
	for _, f := range fault.All() {
		d := fault.Describe(f.Name())
		needs := d.Needs
		if needs == "" {
			needs = "–"
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s | %s | %s | %s |\n", f.Name(), makes(f.Name()), d.Does, d.Witness, d.Undo, d.Layer, needs)
	}
	out.WriteString(`
## Who puts it back

Each layer stands behind the one before it: what one does not reach, the next one does. The column above names the first that
puts a fault back when nobody alive does.

| layer | | over within |
|---|---|---|
`)
	for _, l := range fault.Layers() {
		fmt.Fprintf(&out, "| %s | %s | %s |\n", l.Name, l.Does, l.Within)
	}
	return out.String()
}

// makes are the modes that a fault makes true, those it is the default of first.
func makes(name holdfast.FaultName) string {
	if name == holdfast.FaultHook {
		return "whatever the file says"
	}
	var by, also []string
	for _, m := range slices.Concat(mode.Catalogue(), mode.Own()) {
		switch {
		case m.Fault == name:
			by = append(by, "**"+string(m.Kind)+"**")
		case slices.Contains(m.Variants, name):
			also = append(also, string(m.Kind))
		}
	}
	return strings.Join(append(by, also...), ", ")
}
