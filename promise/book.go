package promise

import (
	"time"
)

// A Tally is how many requests there were, and how many of them were not answered
// as promised.
type Tally struct {
	All uint64 `json:"all"`
	Bad uint64 `json:"bad"`
}

func (t Tally) plus(other Tally) Tally { return Tally{All: t.All + other.All, Bad: t.Bad + other.Bad} }

// Share is the bad share, from 0 to 1; 0 where nothing was asked.
func (t Tally) Share() float64 {
	if t.All == 0 {
		return 0
	}
	return float64(t.Bad) / float64(t.All)
}

// A Book holds what users saw of one promise over its period, in cells that are the
// wider the longer ago they are. It takes some 30 KB, whatever the traffic. Its zero
// value is empty and ready.
type Book struct {
	rings [rings]ring
	began time.Time // of the first cell that was ever counted into
}

// The rings: ten seconds for an hour, a minute for six, ten minutes for three days,
// an hour for four weeks. So no window is off by more than a thirtieth of itself.
const rings = 4

// widths and spans of the rings, from the finest.
func widths() [rings]time.Duration {
	return [rings]time.Duration{10 * time.Second, time.Minute, 10 * time.Minute, time.Hour}
}

func spans() [rings]time.Duration {
	return [rings]time.Duration{time.Hour, 6 * time.Hour, 72 * time.Hour, 28 * 24 * time.Hour}
}

// Add counts what users saw until now, since it was counted last.
func (b *Book) Add(now time.Time, t Tally) {
	if t.All == 0 {
		return
	}
	if b.began.IsZero() {
		b.began = now
	}
	for i := range b.rings {
		b.rings[i].add(i, now, t)
	}
}

// In is what users saw in the window before an instant, at most four weeks long, by
// the finest cells that reach so far.
func (b *Book) In(window time.Duration, now time.Time) Tally {
	for i, span := range spans() {
		if window <= span {
			return b.rings[i].in(i, window, now)
		}
	}
	return b.rings[rings-1].in(rings-1, spans()[rings-1], now)
}

// Age is since when there are counts at all.
func (b *Book) Age(now time.Time) time.Duration {
	if b.began.IsZero() {
		return 0
	}
	return max(0, now.Sub(b.began))
}

// A ring counts by cells of one width. Cell n, counted from the epoch, is in place n
// modulo their number.
type ring struct {
	cells []Tally
	head  int64 // the newest cell counted into
}

func (r *ring) add(i int, now time.Time, t Tally) {
	width := widths()[i]
	if r.cells == nil {
		r.cells = make([]Tally, spans()[i]/width+1)
		r.head = cell(now, width)
	}
	r.turn(cell(now, width))
	place := r.place(r.head)
	r.cells[place] = r.cells[place].plus(t)
}

// turn makes a cell the newest. One that is older than the newest is not: the clock
// was set back.
func (r *ring) turn(to int64) {
	size := int64(len(r.cells))
	if to-r.head >= size {
		clear(r.cells)
		r.head = to
	}
	for r.head < to {
		r.head++
		r.cells[r.place(r.head)] = Tally{}
	}
}

func (r *ring) in(i int, window time.Duration, now time.Time) Tally {
	var sum Tally
	if r.cells == nil {
		return sum
	}
	width := widths()[i]
	newest := max(cell(now, width), r.head)
	for n := newest - int64(window/width) + 1; n <= r.head; n++ {
		if r.head-n < int64(len(r.cells)) {
			sum = sum.plus(r.cells[r.place(n)])
		}
	}
	return sum
}

func (r *ring) place(n int64) int { return int(n % int64(len(r.cells))) }

func cell(at time.Time, width time.Duration) int64 { return at.UnixNano() / int64(width) }
