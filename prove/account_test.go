package prove

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/load"
	"holdfast/mode"
	"holdfast/report"
)

func ms(m report.Millis) *report.Millis { return &m }

func same(a, b *report.Millis) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

func TestMarksCountFromTheInjection(t *testing.T) {
	seen := func(f *facts) { f.began, f.witnessed = began-1100*time.Millisecond, began+20*time.Millisecond }
	for _, c := range []struct {
		name  string
		scene *scene
		want  report.Marks
	}{
		{"a crash", mended().but(seen), report.Marks{Began: ms(-1100), Witnessed: ms(20), Detected: ms(4), Mitigated: ms(0), Restored: ms(640), Ended: ms(4000)}},
		{"nothing is known", crash(2, 4*time.Second), report.Marks{Mitigated: ms(0), Ended: ms(4000)}},
		{
			"a fault that we end", pathFault(mode.Slow()).but(seen).ejects(time.Second, holdfast.SignSlow).returns(4 * time.Second),
			report.Marks{Began: ms(-1100), Witnessed: ms(20), Detected: ms(1000), Mitigated: ms(0), Undone: ms(3000), Restored: ms(4000), Ended: ms(6000)},
		},
		{
			"a lost edge without which nobody is served", severed(true, false).owes(5*time.Millisecond).then(4*time.Second, holdfast.Admitted{ID: id("catalog-1#1")}),
			report.Marks{Detected: ms(500), Mitigated: ms(3000), Undone: ms(3000), Restored: ms(4000), Ended: ms(6000)},
		},
	} {
		got := judge(c.scene.facts).Marks
		for i, pair := range [][2]*report.Millis{
			{got.Began, c.want.Began}, {got.Witnessed, c.want.Witnessed}, {got.Detected, c.want.Detected}, {got.Mitigated, c.want.Mitigated},
			{got.Undone, c.want.Undone}, {got.Restored, c.want.Restored}, {got.Ended, c.want.Ended},
		} {
			if !same(pair[0], pair[1]) {
				t.Errorf("%s: mark %d of %+v, want %+v", c.name, i+1, got, c.want)
			}
		}
	}
}

func TestTheFirstThatWasHurt(t *testing.T) {
	d := judge(mended().hurts(10*time.Millisecond, 30*time.Millisecond).facts)
	want := report.Hurt{At: 10, Method: "GET", Route: "storefront/catalog", Status: 502, Body: "no replica of catalog answers", Took: 1}
	if d.First == nil || *d.First != want {
		t.Errorf("first %+v, want %+v", d.First, want)
	}
	if d := judge(mended().facts); d.First != nil {
		t.Errorf("nobody was hurt, and the first was %+v", d.First)
	}
	late := judge(severed(true, false).owes(1600 * time.Millisecond).facts)
	if late.First == nil || late.First.Route != "storefront:8080" || late.First.Took != 1600 {
		t.Errorf("nobody was told in time, and the first was %+v", late.First)
	}
}

func TestWhatARequestAskedFor(t *testing.T) {
	for _, c := range []struct {
		r             load.Result
		method, route string
	}{
		{load.Result{Target: "storefront/catalog"}, "GET", "storefront/catalog"},
		{load.Result{Target: "cache", Bare: true}, "connect", "cache"},
		{load.Result{Target: "shopping/2 POST storefront:8080/cart", Session: "shopping"}, "POST", "storefront:8080/cart"},
	} {
		if method, route := asked(c.r); method != c.method || route != c.route {
			t.Errorf("%+v: %q %q", c.r, method, route)
		}
	}
}

// No request is counted twice or left out, none before the fault stands in a
// bucket with one after it, and a gap stays a gap.
func TestBucketsCountEveryRequestOnce(t *testing.T) {
	s := mended().but(func(f *facts) { f.began = began - time.Second }).hurts(100*time.Millisecond, 250*time.Millisecond).slows(500*time.Millisecond, 600*time.Millisecond)
	s.results = slices.DeleteFunc(s.results, func(r load.Result) bool {
		due := time.Duration(r.Intended) - began
		return due >= 2*time.Second && due < 2300*time.Millisecond
	})
	sum, last := 0, report.Millis(-1e9)
	for _, b := range judge(s.facts).Buckets {
		sum += b.Good + b.Degraded + b.Failed + b.Late
		if b.At <= last || b.At >= 2000 && b.At < 2300 {
			t.Errorf("a bucket at %gms after one at %gms", float64(b.At), float64(last))
		}
		if b.At == 200 && (b.Failed != 10 || b.Good != 10 || b.P50 != 1 || b.Max != 1) || b.At == 500 && (b.Late != 20 || b.Max != 1100) || b.At == -100 && b.Good != 20 {
			t.Errorf("bucket %+v", b)
		}
		last = b.At
	}
	if sum != len(s.results) {
		t.Errorf("%d requests in buckets, of %d", sum, len(s.results))
	}
}

// The whole of the drill's time is told, whoever it is about, and our own deeds
// once, at their instant.
func TestTheTimelineTellsAllAndItsCauses(t *testing.T) {
	s := mended().but(func(f *facts) { f.began, f.witnessed = began-time.Second, began+2*time.Millisecond }).
		then(2*time.Second, event.Detected{Mode: "cart.crash", ID: id("cart-1#1")}).
		then(-2*time.Second, event.GuardsReset{By: "prove"}).then(5*time.Second, event.GuardsReset{By: "prove"}).
		then(time.Millisecond, event.FaultInjected{Mode: "catalog.crash", Fault: "kill", ID: id("catalog-2#1")})
	for i := range s.entries {
		s.entries[i].ID = event.ID{Writer: "mind", Seq: uint64(i + 1)}
	}
	s.entries[3].Cause = s.entries[1].ID // the decision, of the detection
	d := judge(s.facts)
	var lines []string
	for _, m := range d.Timeline {
		lines = append(lines, fmt.Sprintf("%g %s <%d>", float64(m.At), m.Text, m.Cause))
	}
	text := strings.Join(lines, "\n")
	for _, want := range []string{
		"-1000 the load begins <0>", "0 kill on catalog-2 <0>", "2 witnessed: exit of pid 4711 seen by load <0>", "4 decided restart catalog-2#2 <6>",
		"640 everything is whole again <0>", "2000 detected cart-1#1 cart.crash by  after 0s <0>", "4000 the watching ends <0>",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if strings.Contains(text, "guards reset") || strings.Contains(text, "fault injected") {
		t.Errorf("what was before or after, or is said already:\n%s", text)
	}
}

func TestALongTimelineKeepsBothEndsAndItsMarks(t *testing.T) {
	for _, n := range []int{mostMoments - 6, mostMoments - 5, mostMoments - 4, mostMoments - 3, 3 * mostMoments} {
		s := crash(2, 30*time.Second).but(func(f *facts) { f.began, f.witnessed = began-time.Second, began+15*time.Second })
		for i := range n {
			s.then(time.Duration(i)*time.Millisecond, event.GuardsReset{By: fmt.Sprint(i)})
		}
		told := judge(s.facts).Timeline
		text := fmt.Sprint(told)
		if len(told) > mostMoments || len(told) < min(n, mostMoments) || !strings.Contains(text, "witnessed") || !strings.Contains(text, "the watching ends") ||
			!strings.Contains(text, fmt.Sprintf("guards reset by %d ", n-1)) {
			t.Errorf("of %d there are %d moments, or an end of them is missing", n, len(told))
		}
		total := 0
		for _, m := range told {
			more := 0
			if _, err := fmt.Sscanf(m.Text, "… %d more …", &more); err == nil {
				total += more - 1
			}
		}
		if got := len(told) + total; got != n+5 {
			t.Errorf("of %d and five marks %d are accounted for", n, got)
		}
	}
}

func TestALogIsHeardAsItGrows(t *testing.T) {
	g := &growing{by: "catalog-2"}
	g.take(time.Second, []byte("read"))
	g.take(2*time.Second, []byte("ing\n\x1b[31mred\x1b[0m\n\n  \nlist"))
	g.take(3*time.Second, []byte("ening\n"))
	want := []printed{{2 * time.Second, "catalog-2", "reading"}, {2 * time.Second, "catalog-2", "[31mred[0m"}, {3 * time.Second, "catalog-2", "listening"}}
	if !slices.Equal(g.lines, want) {
		t.Errorf("heard %v", g.lines)
	}
	for range 3 * mostLines {
		g.take(4*time.Second, []byte(strings.Repeat("x", 2*mostOfALine)+"\n"))
	}
	if len(g.lines) > 2*mostLines || len(g.lines[len(g.lines)-1].line) != mostOfALine {
		t.Errorf("%d lines are kept, the last of %d bytes", len(g.lines), len(g.lines[len(g.lines)-1].line))
	}
}

func TestTheLineBeforeTheLongestSilence(t *testing.T) {
	lines := []printed{{1, "x", "before"}, {10, "x", "a"}, {12, "x", "b"}, {40, "x", "c"}, {60, "x", "after"}}
	for _, c := range []struct {
		from, to time.Duration
		want     silence
	}{
		{5, 50, silence{line: "b", took: 28}}, {5, 11, silence{line: "a", before: true, took: 5}},
		{5, 100, silence{line: "after", took: 40}}, {2, 9, silence{}},
	} {
		if got := longestSilence(lines, c.from, c.to); got != c.want {
			t.Errorf("from %d to %d: %+v, want %+v", c.from, c.to, got, c.want)
		}
	}
	if text := (silence{line: "listening", before: true, took: time.Second}).text(); text != `; it printed nothing for 1s and then "listening"` {
		t.Error(text)
	}
}
