package load

import (
	"maps"
	"slices"
	"time"
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
