package load

import (
	"maps"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// bucket is how long a bucket is: half the shortest time that a person takes for
// an instant, and at 200 requests a second still twenty of them.
const bucket = 100 * time.Millisecond

// A Bucket is a tenth of a second of results, by the instant they were due.
type Bucket struct {
	At       int64 // its beginning
	Good     int
	Degraded int
	Late     int
	Failed   int
	P50      time.Duration // of the answers that did not fail; 0 where all did
	Max      time.Duration
}

// Buckets puts results into buckets, in order. Their beginnings are whole tenths
// of a second away from origin, before it and behind. Where nothing was due there
// is none.
func Buckets(results []Result, origin int64) []Bucket {
	filled := map[int64][]Result{}
	for _, result := range results {
		since := result.Intended - origin
		n := since / int64(bucket)
		if since%int64(bucket) < 0 { // division is towards 0, and buckets go up
			n--
		}
		filled[n] = append(filled[n], result)
	}
	var buckets []Bucket
	for _, n := range slices.Sorted(maps.Keys(filled)) {
		b := Bucket{At: origin + n*int64(bucket)}
		b.fill(filled[n])
		buckets = append(buckets, b)
	}
	return buckets
}

func (b *Bucket) fill(results []Result) {
	var took []time.Duration
	for _, result := range results {
		switch class := result.Class(); class {
		case Good:
			b.Good++
		case Degraded:
			b.Degraded++
		case Late:
			b.Late++
		case Failed:
			b.Failed++
			continue
		}
		took = append(took, result.Took())
	}
	if len(took) > 0 {
		slices.Sort(took)
		b.P50, b.Max = took[(len(took)-1)/2], took[len(took)-1]
	}
}

// A Spread is how long the requests of one class took.
type Spread struct {
	Class Class
	Count int
	P50   time.Duration
	P90   time.Duration
	P99   time.Duration
	Max   time.Duration
}

// Spreads tells how long requests took, one class after the other, best first. A
// class that nobody was in is left out.
func Spreads(results []Result) []Spread {
	scales := map[Class]*hdrhistogram.Histogram{}
	for _, result := range results {
		class := result.Class()
		if scales[class] == nil {
			scales[class] = scale()
		}
		record(scales[class], result.Took())
	}
	var spreads []Spread
	for _, class := range []Class{Good, Degraded, Late, Failed} {
		if in := scales[class]; in != nil {
			at := func(quantile float64) time.Duration { return time.Duration(in.ValueAtQuantile(quantile)) }
			spreads = append(spreads, Spread{Class: class, Count: int(in.TotalCount()), P50: at(50), P90: at(90), P99: at(99), Max: time.Duration(in.Max())})
		}
	}
	return spreads
}
