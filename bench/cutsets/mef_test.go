package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.xml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func inTree(body string) string {
	return "<?xml version=\"1.0\"?>\n<opsa-mef>\n<define-fault-tree name=\"f\">\n" + body + "\n</define-fault-tree>\n<model-data>\n" +
		"<define-basic-event name=\"a\"><float value=\"0.1\"/></define-basic-event>\n<define-basic-event name=\"b\"/>\n<define-basic-event name=\"c\"/>\n" +
		"<define-house-event name=\"on\"><constant value=\"true\"/></define-house-event>\n<define-house-event name=\"off\"/>\n</model-data>\n</opsa-mef>\n"
}

const (
	a = `<basic-event name="a"/>`
	b = `<basic-event name="b"/>`
	c = `<event name="c"/>`
)

func gate(name, formula string) string {
	return `<define-gate name="` + name + `"><label>x</label>` + formula + `</define-gate>`
}

func TestAModelIsCounted(t *testing.T) {
	for _, k := range []struct{ body, want string }{
		{gate("top", "<or>"+a+"<and>"+b+c+"</and></or>"), `{"events":3,"gates":1,"by_order":{"1":1,"2":1},"total":2,"truncated":false}`},
		{gate("top", `<atleast min="2">`+a+b+c+"</atleast>"), `{"events":3,"gates":1,"by_order":{"1":0,"2":3},"total":3,"truncated":false}`},
		{gate("top", "<and>"+a+b+c+"</and>"), `{"events":3,"gates":1,"by_order":{"1":0,"2":0},"total":0,"truncated":true}`},
		{gate("top", `<gate name="below"/>`) + gate("below", "<and>"+a+`<house-event name="on"/><or>`+b+`<event name="off"/></or></and>`), `{"events":2,"gates":2,"by_order":{"1":0,"2":1},"total":1,"truncated":false}`},
		{gate("top", `<or>`+a+`<constant value="true"/></or>`), `{"events":1,"gates":1,"by_order":{"0":1,"1":0,"2":0},"total":1,"truncated":false}`},
	} {
		var out, complaints strings.Builder
		if code := run([]string{written(t, inTree(k.body)), "2"}, patience, &out, &complaints); code != good || out.String() != k.want+"\n" {
			t.Errorf("%s\nends with %d, %s%s, want\n%s", k.body, code, out.String(), complaints.String(), k.want)
		}
	}
}

func TestOneGateOfMany(t *testing.T) {
	path := written(t, inTree(gate("first", "<or>"+a+b+"</or>")+gate("second", "<or>"+a+b+c+"</or>")))
	var out, complaints strings.Builder
	if code := run([]string{path, "1", "second"}, patience, &out, &complaints); code != good || !strings.Contains(out.String(), `"total":3`) {
		t.Errorf("ends with %d, %s%s", code, out.String(), complaints.String())
	}
}

func TestWhatCannotBeReadIsSaidWithItsPlace(t *testing.T) {
	for _, k := range []struct{ text, want string }{
		{"", "m.xml:1:1: the file has no <opsa-mef>"},
		{"\x00\x01", "m.xml:1:3: this is not XML: illegal character code U+0000"},
		{"<opsa-mef>\n<define-fault-tree>", "m.xml:2:20: this is not XML: unexpected EOF"},
		{"<opsa-mef>\n</define-gate>", "this is not XML: element <opsa-mef> closed by </define-gate>"},
		{"<html/>", "m.xml:1:1: <html> is not an Open-PSA model"},
		{"<opsa-mef/>", "m.xml: no gate is defined"},
		{"<opsa-mef>words</opsa-mef>", `m.xml:1:11: "words" stands between elements`},
		{"<opsa-mef>\n  <define-CCF-group/></opsa-mef>", "m.xml:2:3: <define-CCF-group> is not read here"},
		{inTree(gate("top", "<not>"+a+"</not>")), "m.xml:4:41: <not>: with it a failure could mend another"},
		{inTree(gate("top", "<or>"+a+"\n<xor>"+a+b+"</xor></or>")), "m.xml:5:1: <xor>: with it"},
		{inTree(gate("top", "<maybe/>")), "m.xml:4:41: <maybe> is not a formula that is read here"},
		{inTree(gate("top", `<gate name="gone"/>`)), `m.xml:4:41: gate "gone" is not defined`},
		{inTree(gate("top", `<gate name="a"/>`)), `m.xml:4:41: "a" is a basic-event, and not a gate: see line 7`},
		{inTree(gate("top", `<gate/>`)), "m.xml:4:41: <gate> has no name"},
		{inTree("<define-gate/>"), "m.xml:4:1: <define-gate> has no name"},
		{inTree(gate("top", "")), `m.xml:4:1: gate "top" has 0 formulas, and must have one`},
		{inTree(gate("top", a+b)), `m.xml:4:1: gate "top" has 2 formulas, and must have one`},
		{inTree(gate("top", "<or/>")), "m.xml:4:41: <or> has no inputs"},
		{inTree(gate("top", "<atleast>"+a+"</atleast>")), `m.xml:4:41: the least of <atleast> is "", and must be a number`},
		{inTree(gate("top", `<constant value="2"/>`)), `m.xml:4:41: the constant is "2", and must be true or false`},
		{inTree(`<define-house-event name="h">` + a + `</define-house-event>`), `m.xml:4:1: house event "h" must be one constant`},
		{inTree(gate("top", a) + "\n" + gate("top", b)), `m.xml:5:1: "top" is defined twice: first as a gate in line 4`},
		{inTree(gate("x", `<gate name="y"/>`) + "\n" + gate("y", "<or>"+a+`<gate name="x"/></or>`)), "m.xml:4:1: gates in a circle: x needs y needs x"},
		{inTree(gate("first", a) + gate("second", b)), "m.xml: several gates are no input of another: first, second; name one of them after ORDER"},
		{inTree(gate("top", strings.Repeat("<or>", 1100)+a+strings.Repeat("</or>", 1100))), "elements are nested more than 1000 deep"},
	} {
		checkRefused(t, []string{written(t, k.text), "2"}, k.want)
	}
}

func TestBadUsageIsSaid(t *testing.T) {
	path := written(t, inTree(gate("top", a)))
	for _, k := range []struct {
		args []string
		want string
	}{
		{nil, "usage: cutsets MODEL.xml ORDER [GATE]"},
		{[]string{path}, "usage: "},
		{[]string{path, "0"}, `ORDER is "0", and must be a number from 1 to 63`},
		{[]string{path, "three"}, `ORDER is "three"`},
		{[]string{path, "2", "a"}, `no gate is named "a"`},
		{[]string{path + ".gone", "2"}, "no such file"},
	} {
		checkRefused(t, k.args, k.want)
	}
}

func checkRefused(t *testing.T, args []string, want string) {
	t.Helper()
	var out, complaints strings.Builder
	if code := run(args, patience, &out, &complaints); code != unreadable || !strings.Contains(complaints.String(), want) || out.Len() > 0 {
		t.Errorf("%v ends with %d, %q%s\nwant %q", args, code, complaints.String(), out.String(), want)
	}
}

// Forty gates of eighty of two hundred events, all at once: a search that gives
// up at once says so, and prints nothing.
func TestWhatIsNotDecidedIsNotPrinted(t *testing.T) {
	var body strings.Builder
	body.WriteString(`<define-gate name="top"><and>`)
	for g := range 40 {
		fmt.Fprintf(&body, `<gate name="g%d"/>`, g)
	}
	body.WriteString("</and></define-gate>\n")
	for g := range 40 {
		fmt.Fprintf(&body, `<define-gate name="g%d"><or>`, g)
		for e := range 80 {
			fmt.Fprintf(&body, `<and><basic-event name="e%d"/><basic-event name="e%d"/></and>`, (g*7+e*13)%200, (g*11+e*17+1)%200)
		}
		body.WriteString("</or></define-gate>\n")
	}
	for e := range 200 {
		fmt.Fprintf(&body, `<define-basic-event name="e%d"/>`, e)
	}
	var out, complaints strings.Builder
	code := run([]string{written(t, inTree(body.String())), "20"}, 0, &out, &complaints)
	if code != undecided || out.Len() > 0 || !strings.Contains(complaints.String(), "not decided") {
		t.Errorf("ends with %d, %q%s", code, complaints.String(), out.String())
	}
}
