package load

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// anyResult is a result of any class, due at any instant.
func anyResult(t *rapid.T) Result {
	due := rapid.Int64Range(-int64(3*time.Second), int64(3*time.Second)).Draw(t, "due")
	r := Result{Intended: due, Ended: due + rapid.Int64Range(0, int64(5*time.Second)).Draw(t, "took")}
	switch rapid.IntRange(0, 4).Draw(t, "class") {
	case 1:
		r.Degraded = true
	case 2:
		r.Late, r.Degraded = true, rapid.Bool().Draw(t, "degraded")
	case 3:
		r.Failed = true
	}
	return r
}

// TestEveryResultIsInOneBucket holds buckets to a naive count.
func TestEveryResultIsInOneBucket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		results := rapid.SliceOf(rapid.Custom(anyResult)).Draw(t, "results")
		origin := rapid.Int64Range(-int64(time.Second), int64(time.Second)).Draw(t, "origin")
		buckets := Buckets(results, origin)
		total := 0
		for n, b := range buckets {
			if (b.At-origin)%int64(100*time.Millisecond) != 0 || n > 0 && b.At <= buckets[n-1].At {
				t.Fatalf("bucket %d begins at %d", n, b.At)
			}
			counts, took := map[Class]int{}, []time.Duration(nil)
			for _, r := range results {
				if r.Intended >= b.At && r.Intended < b.At+int64(100*time.Millisecond) {
					total++
					counts[r.Class()]++
					if !r.Failed {
						took = append(took, r.Took())
					}
				}
			}
			if counts[Good] != b.Good || counts[Degraded] != b.Degraded || counts[Late] != b.Late || counts[Failed] != b.Failed || b.Good+b.Degraded+b.Late+b.Failed == 0 {
				t.Fatalf("%+v holds %v", b, counts)
			}
			if len(took) > 0 && (b.Max != slices.Max(took) || atOrBelow(took, b.P50) < 0.5 || atOrBelow(took, b.P50-1) > 0.5) {
				t.Fatalf("%+v of %v", b, took)
			}
		}
		if total != len(results) {
			t.Fatalf("%d of %d results are in a bucket", total, len(results))
		}
	})
}

func atOrBelow(took []time.Duration, limit time.Duration) float64 {
	n := 0
	for _, d := range took {
		if d <= limit {
			n++
		}
	}
	return float64(n) / float64(len(took))
}

func TestClasses(t *testing.T) {
	for want, results := range map[Class][]Result{
		Good:     {{}, {Status: 404}},
		Degraded: {{Degraded: true}},
		Late:     {{Late: true}, {Late: true, Degraded: true}},
		Failed:   {{Failed: true}, {Failed: true, Degraded: true}},
	} {
		for _, r := range results {
			if got := r.Class(); got != want {
				t.Errorf("%+v is %s, want %s", r, got, want)
			}
			if hurt := want == Late || want == Failed; r.Hurt() != hurt {
				t.Errorf("%+v: hurt %v", r, r.Hurt())
			}
		}
	}
}

func TestWhatWasAsked(t *testing.T) {
	for want, r := range map[string]Result{
		"GET front":                {Target: "front"},
		"GET front over HTTP/2":    {Target: "front", Protocol: "h2"},
		"a connection to cache":    {Target: "cache", Bare: true},
		"shopping/2 POST shop/":    {Target: "shopping/2 POST shop/", Session: "shopping"},
		"basket/1 GET over HTTP/2": {Target: "basket/1 GET", Session: "basket", Protocol: "h2"},
	} {
		if got := r.Asked(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
