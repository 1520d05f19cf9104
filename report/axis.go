package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// An axis is what users saw in a drill, over time, as a drawing: a bar of
// requests for each stretch, a mark below it where some were hurt, the slowest
// answer of each, and the instants that count, as lines across all of it.
//
// Places along the time are shares of the width, and everything else is in
// pixels, so that words keep their size on a narrow screen.
type axis struct {
	Says    string // to who cannot see it
	Stretch string // how long a bar is
	Legend  []kind
	Most    string // requests in the fullest bar

	Cols   int    // bars from one end to the other
	Layers []kind // of the bars, in their own coordinates: a column wide, a pixel high
	Hurt   string // where some were hurt
	Slow   string // the slowest answer; empty: nobody measured
	Scale  []tick // of the slowest answer
	Times  []tick
	Marks  []mark

	Height, Top, HurtTop, SlowTop, Foot int
}

// A kind is one of the kinds of answers.
type kind struct {
	Name  string // good, degraded, late, failed
	Count string
	D     string // its bars, as a path
}

// A tick is a place on a scale, and what stands there.
type tick struct {
	X    string
	Y    int
	Text string
}

// A mark is an instant that counts.
type mark struct {
	Name   string // injected, witnessed, …
	Text   string
	X      string
	Y      int // of its words, and where its line begins
	Before bool

	at   Millis
	lane int
}

// How high the parts of a drawing are, in pixels.
const (
	lane      = 16 // one row of words
	barHeight = 84
	hurtBelow = 3 // from the bars to the marks of hurt
	hurtHigh  = 5
	slowBelow = 12
	slowHigh  = 54
	feet      = 20 // the times below everything
	least     = 4  // a single failure in a full bar can be seen
)

const (
	// mostCols keeps a long drill as small, and as readable, as a short one: a
	// bar for every 100 ms of twenty seconds.
	mostCols = 200
	// narrow is the width that labels have to share without touching each other,
	// that of a phone; on anything wider there is only more room.
	narrow = 290.0
	// perRune is what a character of a label takes there, rather more than less.
	perRune = 6.4
)

// A column is what became of the requests of one bar.
type column struct {
	good, degraded, late, failed int
	slowest                      Millis
}

func (c column) hurt() int { return c.late + c.failed }
func (c column) sent() int { return c.good + c.degraded + c.late + c.failed }

// axisOf draws a drill; nil where nothing was kept that could be drawn.
func axisOf(d Drill) *axis {
	if len(d.Buckets) == 0 {
		return nil
	}
	marks := marksOf(d.Marks)
	from, stretch, cols := span(d, marks)
	columns := collect(d.Buckets, from, stretch, cols)
	width := stretch * Millis(cols)
	lanes := place(marks, from, width)
	a := &axis{Stretch: Short(stretch), Cols: cols, Marks: marks, Times: times(from, width)}
	a.Top = lanes*lane + 6
	a.HurtTop = a.Top + barHeight + hurtBelow
	a.Foot = a.HurtTop + hurtHigh
	a.bars(columns)
	if slowest := slowestOf(columns); slowest > 0 {
		a.SlowTop = a.Foot + slowBelow
		a.Foot = a.SlowTop + slowHigh
		a.slow(columns, slowest)
	}
	a.Height = a.Foot + feet
	a.Says = a.words(from, width)
	return a
}

// span is the instant a drawing begins at, how long a bar of it is and how many
// there are: all that was watched, and every mark.
func span(d Drill, marks []mark) (from, stretch Millis, cols int) {
	const bucket = 100
	last := d.Buckets[len(d.Buckets)-1]
	from, to := min(0, d.Buckets[0].At), last.At+bucket
	for _, m := range marks {
		from, to = min(from, m.at), max(to, m.at)
	}
	for _, at := range []*Millis{d.Marks.Began, d.Marks.Ended} {
		if at != nil {
			from, to = min(from, *at), max(to, *at)
		}
	}
	behind := math.Mod(float64(d.Buckets[0].At-from), bucket) // bars begin where buckets do
	if behind > 0 {
		from -= Millis(bucket - behind)
	}
	buckets := math.Ceil(float64(to-from) / bucket)
	each := max(1, math.Ceil(buckets/mostCols))
	return from, Millis(each * bucket), int(max(1, math.Ceil(buckets/each)))
}

// collect sums buckets up in columns. What lies outside is counted at the end it
// lies beyond: nothing is left out of the sums.
func collect(buckets []Bucket, from, stretch Millis, cols int) []column {
	columns := make([]column, cols)
	for _, b := range buckets {
		c := &columns[min(max(0, int(math.Floor(float64((b.At-from)/stretch)+1e-6))), cols-1)]
		c.good += b.Good
		c.degraded += b.Degraded
		c.late += b.Late
		c.failed += b.Failed
		c.slowest = max(c.slowest, b.Max)
	}
	return columns
}

// marksOf are the instants that a drill reached, in the order of time; of those
// at one instant, in the order in which they can follow each other.
func marksOf(m Marks) []mark {
	injected := Millis(0)
	var marks []mark
	for _, next := range []struct {
		name string
		at   *Millis
	}{
		{name: "injected", at: &injected}, {name: "witnessed", at: m.Witnessed}, {name: "detected", at: m.Detected},
		{name: "mitigated", at: m.Mitigated}, {name: "undone", at: m.Undone}, {name: "restored", at: m.Restored},
	} {
		if next.at != nil {
			marks = append(marks, mark{Name: next.name, Text: next.name + " " + Short(*next.at), at: *next.at})
		}
	}
	slices.SortStableFunc(marks, func(a, b mark) int { return cmp.Compare(a.at, b.at) })
	return marks
}

// place gives every mark its place, and its words a lane in which they touch no
// others however narrow the drawing is. Words stand behind their line where there
// is room, and then above the words of later marks that they reach over, so that
// the lines of those do not run through them. It returns how many lanes it took.
func place(marks []mark, from, width Millis) int {
	type taken struct{ begin, end float64 }
	var all []taken
	lanes := 1
	for i := range marks {
		m := &marks[i]
		x := float64((m.at-from)/width) * narrow
		words := perRune*float64(len(m.Text)) + 8
		m.X, m.Before = percentOf(m.at-from, width), x+words > narrow
		mine := taken{begin: x, end: x + words}
		if m.Before {
			mine = taken{begin: x - words, end: x}
		}
		for j, other := range all {
			if mine.begin <= other.end && other.begin <= mine.end {
				m.lane = max(m.lane, marks[j].lane+1)
			}
		}
		m.Y = m.lane*lane + 12
		lanes = max(lanes, m.lane+1)
		all = append(all, mine)
	}
	return lanes
}

// bars draws the columns, what is good at the bottom and what failed on top.
func (a *axis) bars(columns []column) {
	fullest := 1
	for _, c := range columns {
		fullest = max(fullest, c.sent())
	}
	a.Most = thousands(fullest)
	below := make([]int, len(columns))
	for _, k := range kinds() {
		var path boxes
		total := 0
		for i, c := range columns {
			n := k.of(c)
			total += n
			if n > 0 {
				high := max(least, int(math.Round(float64(n)*barHeight/float64(fullest))))
				top := max(0, barHeight-below[i]-high)
				path.add(i, top, barHeight-below[i]-top)
				below[i] = barHeight - top
			}
		}
		layer := kind{Name: k.name, Count: thousands(total), D: path.String()}
		a.Legend = append(a.Legend, layer)
		if total > 0 {
			a.Layers = append(a.Layers, layer)
		}
	}
	var hurt boxes
	for i, c := range columns {
		if c.hurt() > 0 {
			hurt.add(i, 0, hurtHigh)
		}
	}
	a.Hurt = hurt.String()
}

// A count is a kind of answer, and how many of them there are in a column.
type count struct {
	name string
	of   func(column) int
}

func kinds() []count {
	return []count{
		{name: "good", of: func(c column) int { return c.good }},
		{name: "degraded", of: func(c column) int { return c.degraded }},
		{name: "late", of: func(c column) int { return c.late }},
		{name: "failed", of: func(c column) int { return c.failed }},
	}
}

// boxes is a path of boxes; those side by side that are alike become one.
type boxes struct {
	out                  strings.Builder
	x, wide, top, height int
}

func (b *boxes) add(x, top, height int) {
	if b.wide > 0 && x == b.x+b.wide && top == b.top && height == b.height {
		b.wide++
		return
	}
	b.flush()
	b.x, b.wide, b.top, b.height = x, 1, top, height
}

func (b *boxes) flush() {
	if b.wide > 0 && b.height > 0 {
		fmt.Fprintf(&b.out, "M%d %dh%dv%dh-%dz", b.x, b.top, b.wide, b.height, b.wide)
	}
	b.wide = 0
}

// String is the path's text.
func (b *boxes) String() string {
	b.flush()
	return b.out.String()
}

func slowestOf(columns []column) Millis {
	slowest := Millis(0)
	for _, c := range columns {
		slowest = max(slowest, c.slowest)
	}
	return slowest
}

// slow draws the slowest answer of each column on a scale of powers of ten, from
// a millisecond on. Where nobody asked, or nobody was answered, there is a gap.
func (a *axis) slow(columns []column, slowest Millis) {
	decades := max(2, math.Ceil(math.Log10(float64(slowest))-1e-9))
	height := func(m Millis) float64 {
		return slowHigh * (1 - max(0, math.Log10(max(1, float64(m))))/decades)
	}
	var path strings.Builder
	open := false
	for i, c := range columns {
		switch {
		case c.slowest == 0:
			open = false
			continue
		case !open:
			fmt.Fprintf(&path, "M%d %.1f", i, height(c.slowest))
		default:
			fmt.Fprintf(&path, "V%.1f", height(c.slowest))
		}
		fmt.Fprintf(&path, "H%d", i+1)
		open = true
	}
	a.Slow = path.String()
	for power := range int(decades) + 1 {
		at := Millis(math.Pow10(power))
		a.Scale = append(a.Scale, tick{Y: a.SlowTop + int(math.Round(height(at))), Text: Short(at)})
	}
}

// times are the places on the axis that get a number: round ones, six at most.
func times(from, width Millis) []tick {
	var ticks []tick
	for _, step := range []Millis{100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000} {
		if width/step > 6 {
			continue
		}
		for at := Millis(math.Ceil(float64(from/step))) * step; at <= from+width; at += step {
			ticks = append(ticks, tick{X: percentOf(at-from, width), Text: Short(at)})
		}
		break
	}
	return ticks
}

func percentOf(part, whole Millis) string {
	return fmt.Sprintf("%.2f%%", float64(part/whole)*100)
}

// words say what the drawing shows.
func (a *axis) words(from, width Millis) string {
	var out strings.Builder
	fmt.Fprintf(&out, "Requests from %s to %s, counted from the injection, in bars of %s:", Short(from), Short(from+width), a.Stretch)
	for i, k := range a.Legend {
		fmt.Fprintf(&out, "%s %s %s", []string{"", ","}[min(i, 1)], k.Count, k.Name)
	}
	for i, m := range a.Marks {
		fmt.Fprintf(&out, "%s %s", []string{".", ","}[min(i, 1)], m.Text)
	}
	return out.String() + "."
}
