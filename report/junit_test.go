package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"holdfast"
	"holdfast/internal/golden"
)

func junit(t *testing.T, run Run) string {
	t.Helper()
	var out bytes.Buffer
	if err := JUnit(&out, run); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTheSuiteOfARun(t *testing.T) {
	for name, run := range map[string]Run{"junit.xml": story(), "junit-stopped.xml": stopped(), "junit-repeats.xml": repeated()} {
		golden.Compare(t, filepath.Join("testdata", name), junit(t, run))
	}
}

// repeated is a mode drilled by two faults, and by one of them twice.
func repeated() Run {
	by := func(fault holdfast.FaultName) Drill {
		d := passed()
		d.Fault = fault
		return d
	}
	return run(by("kill"), by("oom"), by("kill"), lost())
}

// A rule is what Jenkins' junit-10.xsd lays down for an element.
type rule struct {
	within   []string
	required []string
	allowed  []string
	text     bool
}

func rules() map[string]rule {
	one := func(within ...string) []string { return within }
	return map[string]rule{
		"testsuites": {within: one(""), allowed: one("name", "time", "tests", "failures", "errors")},
		"testsuite": {
			within: one("testsuites", "testsuite"), required: one("name", "tests", "failures", "errors"),
			allowed: one("group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"),
		},
		"properties": {within: one("testsuite")},
		"property":   {within: one("properties"), required: one("name", "value")},
		"testcase":   {within: one("testsuite"), required: one("name"), allowed: one("time", "classname", "group")},
		"failure":    {within: one("testcase"), allowed: one("type", "message"), text: true},
		"error":      {within: one("testcase"), allowed: one("type", "message"), text: true},
		"skipped":    {within: one("testcase"), allowed: one("type", "message"), text: true},
		"system-out": {within: one("testcase", "testsuite"), text: true},
	}
}

// hold reads a document and holds every element to its rule.
func hold(t *testing.T, document string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(document))
	open := []string{""}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("not XML: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			holdElement(t, open[len(open)-1], token)
			open = append(open, token.Name.Local)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if in := open[len(open)-1]; strings.TrimSpace(string(token)) != "" && !rules()[in].text {
				t.Errorf("%q stands in %s, which holds no text", token, in)
			}
		}
	}
}

func holdElement(t *testing.T, within string, element xml.StartElement) {
	t.Helper()
	name := element.Name.Local
	r, known := rules()[name]
	if !known || !slices.Contains(r.within, within) {
		t.Errorf("%s stands in %q", name, within)
	}
	missing := slices.Clone(r.required)
	for _, attribute := range element.Attr {
		missing = slices.DeleteFunc(missing, func(s string) bool { return s == attribute.Name.Local })
		if !slices.Contains(r.required, attribute.Name.Local) && !slices.Contains(r.allowed, attribute.Name.Local) {
			t.Errorf("%s has the attribute %s, which the schema refuses", name, attribute.Name.Local)
		}
		if attribute.Name.Local == "time" && !regexp.MustCompile(`^[0-9]*\.[0-9]{3}$`).MatchString(attribute.Value) {
			t.Errorf("%s took %q seconds", name, attribute.Value)
		}
	}
	if len(missing) > 0 {
		t.Errorf("%s lacks %v", name, missing)
	}
}

func TestEveryReaderTakesTheSuite(t *testing.T) {
	for _, run := range []Run{story(), stopped(), run(), repeated(), run(forged(), passed(), forged())} {
		document := junit(t, run)
		hold(t, document)
		var all testsuites
		if err := xml.Unmarshal([]byte(document), &all); err != nil {
			t.Fatal(err)
		}
		counts := map[string]int{}
		names := map[string]bool{}
		for _, c := range all.Suites[0].Cases {
			names[c.Class+" "+c.Name] = true
			for what, is := range map[string]bool{"failures": c.Failure != nil, "errors": c.Error != nil, "skipped": c.Skipped != nil} {
				if is {
					counts[what]++
				}
			}
		}
		s := all.Suites[0]
		if s.Tests != len(s.Cases) || s.Failures != counts["failures"] || s.Errors != counts["errors"] || s.Skipped != counts["skipped"] || all.Tests != s.Tests {
			t.Errorf("the sums are %+v, and of the cases %v", s, counts)
		}
		if len(names) != s.Tests {
			t.Errorf("%d cases have %d names", s.Tests, len(names))
		}
		if run.Verdict != holdfast.Pass && run.Verdict != holdfast.Skip && s.Failures+s.Errors == 0 {
			t.Errorf("the run is %s, and no case says so", run.Verdict)
		}
	}
}

// What a service answered is in the document, but for what no document may hold.
func TestABodyIsTextInTheSuite(t *testing.T) {
	document := junit(t, run(forged()))
	if !utf8.ValidString(document) || strings.ContainsAny(document, "\x00\x1b\u202e") {
		t.Error("the document holds what XML may not")
	}
	var all testsuites
	if err := xml.Unmarshal([]byte(document), &all); err != nil {
		t.Fatal(err)
	}
	if c := all.Suites[0].Cases[0]; !strings.Contains(c.Failure.Text, "</script><img src=x onerror=alert(1)>") || !strings.Contains(c.Failure.Message, "]]>") {
		t.Errorf("what was answered is not told: %q", c.Failure.Text)
	}
}

func TestALongAnswerIsCut(t *testing.T) {
	d := killed()
	d.First.Body, d.Reason = strings.Repeat("x", 1<<20), strings.Repeat("y", 1<<20)
	d.Evidence = slices.Repeat([]string{strings.Repeat("z", 1<<16)}, 1000)
	if document := junit(t, run(d)); len(document) > 64<<10 || !strings.Contains(document, "more characters") || !strings.Contains(document, "960 more lines") {
		t.Errorf("%d bytes of one drill", len(document))
	}
}
