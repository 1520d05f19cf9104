package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"holdfast"
)

// The elements of the XML that Jenkins, GitLab and GitHub's reporters read, as
// Jenkins' junit-10.xsd lays them down: the strictest of them refuses a file
// for one attribute too many. Lines stand in CDATA, where people can read them;
// what no document may hold is taken out by legible.
type (
	testsuites struct {
		XMLName  xml.Name    `xml:"testsuites"`
		Name     string      `xml:"name,attr"`
		Time     string      `xml:"time,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Suites   []testsuite `xml:"testsuite"`
	}
	testsuite struct {
		Name       string     `xml:"name,attr"`
		Tests      int        `xml:"tests,attr"`
		Failures   int        `xml:"failures,attr"`
		Errors     int        `xml:"errors,attr"`
		Skipped    int        `xml:"skipped,attr"`
		Time       string     `xml:"time,attr"`
		Timestamp  string     `xml:"timestamp,attr,omitempty"`
		ID         string     `xml:"id,attr,omitempty"`
		Properties []property `xml:"properties>property"`
		Cases      []testcase `xml:"testcase"`
	}
	testcase struct {
		Name    string   `xml:"name,attr"`
		Class   string   `xml:"classname,attr"`
		Time    string   `xml:"time,attr"`
		Failure *outcome `xml:"failure"`
		Error   *outcome `xml:"error"`
		Skipped *outcome `xml:"skipped"`
		Output  output   `xml:"system-out"`
	}
	outcome struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",cdata"`
	}
	output struct {
		Text string `xml:",cdata"`
	}
	property struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
)

// What a reader shows in a line, and what it shows below.
const (
	mostMessage = 1000
	mostLine    = 500
	mostLines   = 40
)

// JUnit writes a run as the XML that CI systems read from test suites: one suite,
// and a case for each drill. A bound that was broken is a failure; what could not
// be decided, or was ended before its end, is an error; what was not drilled is
// skipped.
//
// What is known of a case stands in its output as [[PROPERTY|name=value]] and not
// in properties of its own, which the schema has for suites only.
func JUnit(w io.Writer, run Run) error {
	suite := suiteOf(run)
	all := testsuites{
		Name: suite.Name, Time: suite.Time, Tests: suite.Tests, Failures: suite.Failures, Errors: suite.Errors, Suites: []testsuite{suite},
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(all); err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func suiteOf(run Run) testsuite {
	suite := testsuite{Name: legible(string(run.System), mostLine), Time: seconds(run.Took), ID: string(run.ID), Properties: propertiesOf(run)}
	if !run.At.IsZero() {
		suite.Timestamp = run.At.UTC().Format("2006-01-02T15:04:05")
	}
	for _, t := range trials(run.Drills) {
		suite.add(caseOf(t))
	}
	if run.Reason != "" {
		suite.add(testcase{
			Name: "the run itself", Class: suite.Name, Time: seconds(0), Output: output{Text: "\n"},
			Error: &outcome{Message: legible(run.Reason, mostMessage), Type: string(run.Verdict)},
		})
	}
	return suite
}

func (s *testsuite) add(c testcase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

func propertiesOf(run Run) []property {
	c := run.Control
	return []property{
		{Name: "verdict", Value: string(run.Verdict)},
		{Name: "seed", Value: fmt.Sprint(run.Seed)},
		{Name: "rate", Value: fmt.Sprintf("%.0f/s", c.Rate)},
		{Name: "control", Value: fmt.Sprintf("%d sent, %d failed, %d late, 99%% within %s", c.Sent, c.Failed, c.Late, Short(Millis(c.P99)))},
		{Name: "digest", Value: string(run.Digest)},
	}
}

func caseOf(t trial) testcase {
	c := testcase{Name: legible(t.Name, mostLine), Class: legible(target(t.Mode), mostLine), Time: seconds(t.lasted()), Output: output{Text: known(t.Drill)}}
	happened := &outcome{Message: legible(t.Reason, mostMessage), Type: string(t.Verdict)}
	switch t.Verdict {
	case holdfast.Pass:
		return c
	case holdfast.Fail:
		c.Failure = happened
	case holdfast.Skip:
		c.Skipped = happened
		return c
	default:
		c.Error = happened
	}
	happened.Text = "\n" + strings.Join(told(t.Drill), "\n") + "\n"
	return c
}

// told is what stands below the reason: what it rests on, where the time went,
// what the first user saw who was hurt, what would have helped.
func told(d Drill) []string {
	lines := titled("evidence:", d.Evidence)
	var steps []string
	for _, s := range d.Steps {
		steps = append(steps, fmt.Sprintf("%s  %-8s %s", seventh(s.Took), s.Name, s.What))
		if s.Log != "" {
			steps = append(steps, "         it printed: "+s.Log)
		}
	}
	lines = append(lines, titled("steps:", steps)...)
	if d.First != nil {
		lines = append(lines, titled("first hurt:", strings.Split(d.First.inFull(), "\n"))...)
	}
	lines = append(lines, titled("what would have helped:", d.Help)...)
	if d.Owner != "" {
		lines = append(lines, "owner: "+legible(string(d.Owner), mostLine))
	}
	return lines
}

// titled are lines below a title, of which there may be none.
func titled(title string, lines []string) []string {
	if len(lines) == 0 {
		return nil
	}
	out := []string{title}
	for _, line := range lines[:min(len(lines), mostLines)] {
		out = append(out, "  "+legible(line, mostLine))
	}
	if more := len(lines) - mostLines; more > 0 {
		out = append(out, fmt.Sprintf("  … %d more lines", more))
	}
	return out
}

// inFull is a hurt request as its user would tell it: when, what was asked, what
// came, and below it how the answer began.
func (h Hurt) inFull() string {
	text := fmt.Sprintf("%s after the fault: %s %s, %s after %s", Short(h.At), h.Method, h.Route, h.answer(), Short(h.Took))
	if h.Body != "" {
		text += "\n" + h.Body
	}
	return text
}

// answer is what came, in words.
func (h Hurt) answer() string {
	switch {
	case h.Status != 0 && h.Error != "":
		return fmt.Sprintf("status %d (%s)", h.Status, h.Error)
	case h.Status != 0:
		return fmt.Sprintf("status %d", h.Status)
	case h.Error != "":
		return h.Error
	default:
		return "no answer"
	}
}

// known is what else there is to know of a drill, for machines.
func known(d Drill) string {
	all := []property{
		{Name: "fault", Value: string(d.Fault)}, {Name: "strikes", Value: string(d.Strikes)}, {Name: "owner", Value: string(d.Owner)},
		{Name: "witness", Value: d.Witness},
	}
	if d.measured() {
		all = append(all,
			property{Name: "detect", Value: reached(d.Detect)}, property{Name: "mitigate", Value: reached(d.Mitigate)},
			property{Name: "restore", Value: reached(d.Restore)}, property{Name: "impact", Value: fmt.Sprintf("%d of %d", d.Failed+d.Late, d.Sent)})
	}
	for _, b := range []struct {
		name  string
		bound Millis
	}{{"detect_bound", d.Bounds.Detect}, {"mitigate_bound", d.Bounds.Mitigate}, {"restore_bound", d.Bounds.Restore}} {
		if b.bound > 0 || d.Walks == nil { // who was followed is judged by some alone
			all = append(all, property{Name: b.name, Value: Short(b.bound)})
		}
	}
	if d.Walks == nil {
		all = append(all, property{Name: "impact_bound", Value: d.Bounds.Impact.String()})
	}
	var out strings.Builder
	for _, p := range all {
		if p.Value != "" {
			value := strings.NewReplacer("\n", " ", "]]", "] ]").Replace(legible(p.Value, mostLine))
			fmt.Fprintf(&out, "\n[[PROPERTY|%s=%s]]", p.Name, value)
		}
	}
	return out.String() + "\n"
}

func reached(m *Millis) string {
	if m == nil {
		return "never"
	}
	return Short(*m)
}

// seventh is a time in a column seven wide.
func seventh(m Millis) string { return fmt.Sprintf("%7s", Short(m)) }

// seconds is a time as the schema wants it.
func seconds(m Millis) string { return fmt.Sprintf("%.3f", float64(m)/1000) }
