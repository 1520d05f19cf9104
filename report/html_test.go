package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast"
)

func html(t *testing.T, run Run) string {
	t.Helper()
	var out bytes.Buffer
	if err := HTML(&out, run); err != nil {
		t.Fatal(err)
	}
	if path := os.Getenv("PAGE"); path != "" { // to look at it: PAGE=/tmp/page.html go test -run TestThePageTellsOfEveryDrill ./report
		if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

// An element of a page, as a strict reader finds it: the page is written so that
// every XML reader takes it, which holds all of it to being closed and quoted.
type node struct {
	name string
	attr map[string]string
	text string
}

func nodes(t *testing.T, page string) []node {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(page))
	decoder.Entity = xml.HTMLEntity
	var all []node
	var open []int
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			n := node{name: token.Name.Local, attr: map[string]string{}}
			for _, a := range token.Attr {
				if _, twice := n.attr[a.Name.Local]; twice {
					t.Errorf("%s has %s twice", n.name, a.Name.Local)
				}
				n.attr[a.Name.Local] = a.Value
			}
			open = append(open, len(all))
			all = append(all, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			for _, i := range open {
				all[i].text += string(token)
			}
		}
	}
}

func TestThePageTellsOfEveryDrill(t *testing.T) {
	run := story()
	page := html(t, run)
	all := nodes(t, page)
	ids := map[string]bool{}
	for _, n := range all {
		if id := n.attr["id"]; id != "" && ids[id] {
			t.Errorf("%s stands there twice", id)
		} else {
			ids[id] = true
		}
	}
	for _, n := range all {
		if to, ok := strings.CutPrefix(n.attr["href"], "#"); ok && !ids[to] {
			t.Errorf("a link leads to %s, which is not there", to)
		}
		if n.name == "svg" && n.attr["role"] == "img" && n.attr["aria-label"] == "" {
			t.Error("a drawing says nothing to who cannot see it")
		}
		if n.name == "table" && n.attr["class"] == "" {
			t.Error("a table without a class")
		}
	}
	text := all[slices.IndexFunc(all, func(n node) bool { return n.name == "body" })].text
	for _, d := range run.Drills {
		for _, want := range []string{string(d.Mode), string(d.Verdict), d.Reason, string(d.Owner), d.Witness} {
			if !strings.Contains(text, want) {
				t.Errorf("nothing says %q of %s", want, d.Mode)
			}
		}
		for _, m := range d.Timeline {
			if !strings.Contains(text, m.Text) {
				t.Errorf("the timeline of %s lacks %q", d.Mode, m.Text)
			}
		}
	}
	for _, want := range []string{
		headline(run), "8812", "27 November 2026, 01:32 UTC", "200 requests/s", "0 of 1,000 failed", "What changed since main", "Compared with main, run 20261125T090000-bdfh", "broken",
		"because getting ready now takes 10.9s", "fails as before", "made at 150 requests/s", "POST storefront:8080/cart: 61 failed", "What was never drilled, and why", "nftables needs CAP_NET_ADMIN", "status 502 after 3.4ms",
		"connection refused", "a fallback on storefront/cart", "the longest", "warming the cache", "mitigated 4.4s", "restored 12.4s", "90 failed", "live: what runs",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("nothing says %q", want)
		}
	}
}

func TestThePageNeedsNothingButItself(t *testing.T) {
	page := html(t, story())
	for _, n := range nodes(t, page) {
		for name, value := range n.attr {
			switch {
			case slices.Contains([]string{"src", "srcset", "action", "formaction", "data", "poster", "style", "background"}, name), strings.HasPrefix(name, "on"):
				t.Errorf("%s has %s=%q", n.name, name, value)
			case name == "href" && !strings.HasPrefix(value, "#"):
				t.Errorf("%s leads to %q", n.name, value)
			}
		}
		if slices.Contains([]string{"link", "img", "iframe", "object", "embed", "form", "base", "audio", "video", "use", "image", "foreignObject"}, n.name) {
			t.Errorf("the page holds %s", n.name)
		}
	}
	for _, found := range regexp.MustCompile(`url\(|@import|https?://|"//`).FindAllString(page, -1) {
		t.Errorf("the page holds %s", found)
	}
	policy := nodes(t, page)[3].attr["content"]
	for _, want := range []string{"default-src 'none'", "script-src 'sha256-", "style-src 'sha256-", "base-uri 'none'", "form-action 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy is %q", policy)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %q", policy)
	}
}

// What a stranger wrote makes no element, and closes none.
func TestWhatStrangersWroteIsText(t *testing.T) {
	evil := forged()
	against := since()
	against.Name, against.Cautions = evil.Reason, []string{evil.Reason}
	against.Deltas[0] = Delta{Mode: evil.Mode, What: What(evil.Reason), Owner: evil.Owner, Because: evil.Reason, Users: evil.Reason, Notes: []string{evil.Reason}}
	skip := skipped()
	skip.Reason, skip.Mode = evil.Reason, evil.Mode
	r := run(evil, skip)
	r.Against = against
	r.System, r.Reason, r.ID, r.Digest = holdfast.SystemName(evil.Reason), evil.Reason, RunID(evil.Reason), holdfast.Digest(evil.Reason)
	page := html(t, r)
	scripts, told := 0, false
	for _, n := range nodes(t, page) {
		if n.name == "img" {
			t.Error("an answer became an image")
		}
		if n.name == "script" {
			scripts++
		}
		told = told || n.name == "pre" && strings.Contains(n.text, "</script><img src=x onerror=alert(1)>")
	}
	if scripts != 1 || !told {
		t.Errorf("%d scripts; the answer is told: %v", scripts, told)
	}
	if strings.ContainsAny(page, "\x00\x1b\u202e") || strings.Contains(page, "ZgotmplZ") {
		t.Error("the page holds what turns round or hides what stands beside it")
	}
}

func TestAPageHasABound(t *testing.T) {
	long, line := strings.Repeat("wörtlich ", 2000), strings.Repeat("buchstäblich ", 40)
	worst := killed()
	worst.Reason, worst.Witness, worst.First.Body, worst.First.Error = long, long, long, long
	worst.Timeline = slices.Repeat([]Moment{{At: 1, Text: line, Cause: 1}}, 1000)
	worst.Evidence, worst.Help = slices.Repeat([]string{"so " + long[:900]}, 1000), slices.Repeat([]string{line + "und"}, 100)
	worst.Steps = slices.Repeat([]Step{{Name: StepReady, What: line, Took: 10, Log: line}}, 100)
	worst.Buckets = history(-1000, 600_000, func(at float64) Bucket {
		n := int(math.Mod(at/100*7919, 31))
		return Bucket{Good: 40 - n, Failed: n % 7, Late: n % 5, Degraded: n % 3, Max: Millis(1 + n)}
	})
	ordinary := slices.Repeat([]Drill{killed(), withHistory(passed())}, 100)
	for _, c := range []struct {
		name  string
		run   Run
		bytes int
	}{
		{name: "200 ordinary drills", run: run(ordinary...), bytes: 3 << 20},
		{name: "200 of the worst", run: run(slices.Repeat([]Drill{worst}, 200)...), bytes: 14 << 20},
		{name: "2000 of the worst", run: run(slices.Repeat([]Drill{worst}, 2000)...), bytes: 20 << 20},
	} {
		began := time.Now()
		page := html(t, c.run)
		t.Logf("%s: %d kB in %s", c.name, len(page)>>10, time.Since(began).Round(time.Millisecond))
		if len(page) > c.bytes {
			t.Errorf("%s make a page of %d bytes, more than %d", c.name, len(page), c.bytes)
		}
	}
	told := worst
	told.Timeline = nil
	page := html(t, run(worst, told))
	for _, want := range []string{"940 of 1,000 lines are left out", "more characters", "… 92 more", "… 980 more"} {
		if !strings.Contains(page, want) {
			t.Errorf("nothing says %q", want)
		}
	}
}

// What is left out of a page that is too long is what holds.
func TestAFullPageKeepsWhatFailed(t *testing.T) {
	all := append(slices.Repeat([]Drill{passed()}, mostDrills), failed(), unseen())
	kept, left := fit(trials(all))
	if len(kept) != mostDrills || kept[len(kept)-2].Verdict != holdfast.Fail || !strings.Contains(left, "Left out: 2 PASS") {
		t.Errorf("%d are kept; %s", len(kept), left)
	}
	if page := html(t, run(all...)); !strings.Contains(page, left) {
		t.Error("the page does not say what it leaves out")
	}
}

func TestTheHeadlineCountsModes(t *testing.T) {
	twice := failed()
	twice.Verdict = holdfast.Pass
	besides := skipped() // one fault of a mode that passed by another
	besides.Mode, besides.Kind = passed().Mode, passed().Kind
	for want, run := range map[string]Run{
		"Nothing was drilled.": run(skipped()),
		"The one failure mode that was drilled behaves as promised.":                                                                run(passed()),
		"All 2 failure modes behave as promised. 1 was not drilled.":                                                                run(passed(), lost(), skipped()),
		"0 of 1 failure mode behave as promised; 1 does not.":                                                                       run(failed(), twice),
		"1 of 3 failure modes behaves as promised; 1 does not, 1 could not be decided.":                                             run(passed(), failed(), unseen()),
		"3 of 8 failure modes behave as promised; 2 do not, 1 was ended before the end, 2 could not be decided. 1 was not drilled.": story(),
		"All 2 failure modes behave as promised.":                                                                                   run(passed(), lost(), besides),
	} {
		if got := headline(run); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Words on the axis touch no other words on a phone, wherever the instants are.
func TestLabelsDoNotOverlap(t *testing.T) {
	for _, instants := range [][]Millis{{0.1, 0.2, 0.3, 0.4, 0.5}, {0, 4.1, 4_400, 4_450, 12_400}, {900, 9_000, 9_100, 13_400, 13_500}, {13_500, 13_500, 13_500, 13_500, 13_500}} {
		marks := marksOf(Marks{Witnessed: &instants[0], Detected: &instants[1], Mitigated: &instants[2], Undone: &instants[3], Restored: &instants[4]})
		if lanes := place(marks, -1000, 14_500); lanes > len(marks) {
			t.Errorf("%d lanes", lanes)
		}
		for i, a := range marks {
			for _, b := range marks[:i] {
				if a.lane == b.lane && touch(a, b) {
					t.Errorf("%s touches %s", a.Text, b.Text)
				}
			}
		}
	}
}

func touch(a, b mark) bool {
	reach := func(m mark) (float64, float64) {
		x, _ := strconv.ParseFloat(strings.TrimSuffix(m.X, "%"), 64)
		x *= narrow / 100
		if m.Before {
			return x - perRune*float64(len(m.Text)), x
		}
		return x, x + perRune*float64(len(m.Text))
	}
	fromA, toA := reach(a)
	fromB, toB := reach(b)
	return fromA < toB && fromB < toA
}

// What is drawn is what was counted: no request is lost in a bar.
func TestTheAxisCountsEveryRequest(t *testing.T) {
	for _, to := range []Millis{300, 13_500, 200_000} {
		d := killed()
		d.Buckets = history(-1000, to, func(at float64) Bucket { return Bucket{Good: 17, Failed: 2, Late: 1, Degraded: 3, Max: 7} })
		a := axisOf(d)
		n := len(d.Buckets)
		for i, want := range []int{17 * n, 3 * n, n, 2 * n} {
			if a.Legend[i].Count != thousands(want) {
				t.Errorf("%s %s, want %d", a.Legend[i].Count, a.Legend[i].Name, want)
			}
		}
		if a.Cols > mostCols {
			t.Errorf("%d bars", a.Cols)
		}
	}
	if axisOf(passed()) != nil {
		t.Error("a drill without buckets is drawn")
	}
}

// A cause that is none, or comes later, is no cause; and nothing is too deep.
func TestTheTimelineIsAsDeepAsItsCauses(t *testing.T) {
	all := []Moment{{}, {Cause: 1}, {Cause: 2}, {Cause: 9}, {Cause: 5}, {Cause: -1}}
	for range 20 {
		all = append(all, Moment{Cause: len(all)})
	}
	got := depths(all)
	if want := []int{0, 1, 2, 0, 0, 0, 1, 2, 3, 4, 5, 6, 6}; !slices.Equal(got[:len(want)], want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Every word can be read on what it stands on, by daylight and at night: 4.5 to 1
// is what WCAG asks of text at level AA, 3 to 1 of what is drawn.
func TestTheColoursCanBeTold(t *testing.T) {
	light, dark, found := strings.Cut(pageStyle, "prefers-color-scheme: dark")
	if !found {
		t.Fatal("no dark colours")
	}
	for name, style := range map[string]string{"light": light, "dark": dark[:strings.Index(dark, "* {")]} {
		colours := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z]+): (#[0-9a-f]{6})`).FindAllStringSubmatch(style, -1) {
			colours[m[1]] = m[2]
		}
		for _, text := range []string{"ink", "soft", "link", "pass", "fail", "aborted", "invalid", "skip"} {
			for _, below := range []string{"page", "sheet"} {
				if c := contrast(t, colours[text], colours[below]); c < 4.5 {
					t.Errorf("%s: %s on %s is %.1f to 1", name, text, below, c)
				}
			}
		}
		for _, pair := range [][2]string{{"failed", "page"}, {"degraded", "page"}, {"failed", "good"}} {
			floor := 3.0
			if pair[1] == "good" {
				floor = 2.2 // they also differ in place, and what was hurt is marked below
			}
			if c := contrast(t, colours[pair[0]], colours[pair[1]]); c < floor {
				t.Errorf("%s: %s on %s is %.1f to 1", name, pair[0], pair[1], c)
			}
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	la, lb := luminance(t, a), luminance(t, b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	var rgb [3]int
	if _, err := fmt.Sscanf(colour, "#%02x%02x%02x", &rgb[0], &rgb[1], &rgb[2]); err != nil {
		t.Fatalf("%q: %v", colour, err)
	}
	var sum float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		c := float64(rgb[i]) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

// A name, or a text, that hides or turns round what stands beside it does not.
func TestHiddenCharactersShow(t *testing.T) {
	if got := legible("a\x00b\u202ec\xffd\ne\u200bf", 100); got != "a\uFFFDb\uFFFDc\uFFFDd\ne\uFFFDf" {
		t.Errorf("%q", got)
	}
	if got := legible("wörtlich", 3); got != "wör … (5 more characters)" {
		t.Errorf("%q", got)
	}
}
