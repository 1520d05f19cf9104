package report

import (
	"math"
	"time"

	"holdfast"
)

// story is a run that nobody made: its figures are invented, in the shape that
// drills of examples/shop with one replica of cart take. What it has that a run on a
// quiet day has not are verdicts of every kind and an account of every length.
func story() Run {
	r := run(killed(), withHistory(passed()), withHistory(lost()), withHistory(covered()), withHistory(spread()), unseen(), unasked(), skipped(), stopped1())
	r.ID, r.At, r.Took, r.Digest = "20261127T013210-kqzv", time.Date(2026, 11, 27, 1, 32, 10, 0, time.UTC), 96_400, "5f1d3a0c9be27f44"
	r.Against = since()
	return r
}

// killed is a drill that failed, with everything that can be told of one.
func killed() Drill {
	d := failed()
	d.Fault, d.Strikes = "kill", "cart-1"
	d.Detect, d.Eject, d.Mitigate, d.Restore = millis(4.1), millis(3.2), millis(4_400), millis(12_400)
	d.Bounds.Restore = 10_000
	d.Sent, d.Failed, d.Late, d.Impact, d.Below = 1_012, 61, 4, 0.0642, 0.0813
	d.Remedies, d.Withheld, d.Escalated, d.Evidence = []string{"restart"}, []string{"back-off"}, true, nil
	d.Reason = "cart was whole again after 12.4s, and its bound is 10s; 65 of 1,012 requests were hurt, and its bound is 0.1%: start took 10.9s of the 12.4s"
	d.Marks = Marks{
		Began: millis(-1000), Witnessed: millis(0.8), Detected: millis(4.1), Mitigated: millis(4_400), Restored: millis(12_400), Ended: millis(13_500),
	}
	d.Steps = []Step{
		{Name: StepNotice, What: "until cart-1#1 was known to be gone", Took: 4.1},
		{Name: StepDecide, What: "until the restart was decided: back-off of 1s, the second attempt in a minute", Took: 1_000},
		{Name: StepStart, What: "cart-1#2 started", Took: 495.9},
		{Name: StepReady, What: "cart-1#2, from its start to its first good answer", Took: 10_900, Log: "warming the cache: 41,302 of 60,000 baskets"},
	}
	d.First = &Hurt{At: 12, Method: "POST", Route: "storefront:8080/cart", Status: 502, Body: `{"error":"cart: dial tcp 127.0.0.1:39412: connect: connection refused","request":"a81f"}`, Took: 3.4}
	d.Tolls = []Toll{{Method: "POST", Route: "storefront:8080/cart", Failed: 61}, {Method: "GET", Route: "storefront/cart", Late: 4}}
	d.Help = []string{
		"a second replica of cart: write `replicas: 2` under it, and a crash of one hurts nobody who may be asked again",
		"a fallback on storefront/cart: an empty cart is an answer, and 61 of 65 would have got it",
		"a faster start: cart-1#2 spent 10.9s warming its cache before its first good answer",
	}
	d.Buckets = history(-1000, 13_500, func(at float64) Bucket {
		switch {
		case at < 0 || at >= 4_400:
			return Bucket{Good: 20, P50: 2, Max: Millis(4 + 3*math.Mod(at/700+3, 2))}
		case at < 300:
			return Bucket{Good: 2, Failed: 18, P50: 1, Max: 9}
		case at < 3_900:
			return Bucket{Good: 19, Failed: 1, P50: 2, Max: 40}
		default:
			return Bucket{Good: 18, Late: 1, Degraded: 1, P50: 4, Max: 1_240}
		}
	})
	d.Timeline = []Moment{
		{At: 0, Text: "fault injected: kill on cart-1, pid 4711"},
		{At: 0.8, Text: "exit of pid 4711 seen by load", Cause: 1},
		{At: 3.2, Text: "ejected cart-1#1 by exit", Cause: 1},
		{At: 4.1, Text: "detected cart-1#1 cart.crash by exit after 4.1ms", Cause: 3},
		{At: 4.2, Text: "withheld restart of cart-1: back-off, 1s after the last", Cause: 4},
		{At: 1_004, Text: "decided restart of cart-1", Cause: 5},
		{At: 1_500, Text: "started cart-1#2, pid 4790", Cause: 6},
		{At: 4_100, Text: "escalated cart.crash to cart-team", Cause: 4},
		{At: 12_400, Text: "admitted cart-1#2", Cause: 7},
		{At: 12_400, Text: "restored cart.crash", Cause: 9},
	}
	return d
}

// withHistory gives a drill an account of a fault that hurt nobody.
func withHistory(d Drill) Drill {
	d.Marks = Marks{Began: millis(-1000), Witnessed: millis(1.1), Detected: d.Detect, Mitigated: d.Mitigate, Restored: d.Restore, Ended: millis(3_600)}
	d.Fault = "kill"
	if d.From == "undo" {
		d.Fault, d.Marks.Undone = "sever", millis(2_600)
		d.Marks.Restored = millis(2_600 + *d.Restore)
	}
	d.Buckets = history(-1000, 3_600, func(at float64) Bucket {
		b := Bucket{Good: 20, P50: 2, Max: 5}
		if at > 100 && at < 2_600 && d.Degraded > 0 {
			b = Bucket{Good: 4, Degraded: 16, P50: 3, Max: 12}
		}
		if at >= 0 && at < 200 {
			b.Max = 61
		}
		return b
	})
	d.Timeline = []Moment{{At: 0, Text: "fault injected"}, {At: 3.9, Text: "ejected catalog-2#1 by exit", Cause: 1}, {At: 640, Text: "restored", Cause: 2}}
	return d
}

func history(from, to Millis, at func(float64) Bucket) []Bucket {
	var all []Bucket
	for now := from; now < to; now += 100 {
		b := at(float64(now))
		b.At = now
		all = append(all, b)
	}
	return all
}

// skipped is a mode that cannot be drilled here, stopped1 one that a guard ended.
func skipped() Drill {
	return Drill{
		Mode: "cart.partition", Kind: "partition", Fault: "blackhole", Owner: "cart-team", Verdict: holdfast.Skip, Bounds: bounds(),
		Remedies: []string{}, Withheld: []string{}, Reason: "nothing may be dropped on this host: nftables needs CAP_NET_ADMIN; run it as root",
	}
}

func stopped1() Drill {
	d := withHistory(passed())
	d.Mode, d.Strikes, d.Verdict, d.Live = "storefront.hang", "storefront-1", holdfast.Aborted, true
	d.Restore, d.Marks.Restored, d.Reason = nil, nil, "users were hurt more than 1% for a second, and the guard took the fault away"
	return d
}

// forged has in every text what a stranger could put there.
func forged() Drill {
	d := killed()
	evil := "</script><img src=x onerror=alert(1)>\x00\x1b[31m\xff\u202e\"'><script>alert(2)</script>]]>{{.}}"
	d.Reason, d.Witness, d.First.Body, d.First.Error, d.First.Route, d.First.Method = evil, evil, evil, evil, evil, evil
	d.Mode, d.Strikes, d.Owner, d.Fault = holdfast.ModeName("a"+evil+".crash"), holdfast.ReplicaName(evil), holdfast.OwnerName(evil), holdfast.FaultName(evil)
	d.Steps[0].What, d.Steps[0].Log, d.Help[0], d.Timeline[0].Text = evil, evil, evil, evil
	d.Steps[1].Name, d.Evidence, d.Remedies, d.Withheld = StepName(evil), []string{evil}, []string{evil}, []string{evil}
	return d
}

// since is what changed in it.
func since() *Against {
	return &Against{
		Name: "main", ID: "20261125T090000-bdfh", At: time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC), Verdict: holdfast.Pass,
		Deltas: []Delta{
			{
				Mode: "cart.crash", Owner: "cart-team", What: Worse, Broken: true, Because: "getting ready now takes 10.9s (was 300ms)", Users: "61 POST storefront:8080/cart failed",
				Shifts: []Shift{{Figure: FigureRestore, Before: Read{Text: "640ms"}, After: Read{Text: "12.4s", Bound: ">10s"}, Worse: true, Broken: true, Sure: "3 of 3"}},
			},
			{Mode: "catalog.crash", Owner: "web", What: Better, Shifts: []Shift{{Figure: FigureDetect, Before: Read{Text: "140ms"}, After: Read{Text: "4.1ms", Bound: "≤1s"}, Sure: "below all of 3"}}},
			{Mode: "ads.crash", What: Appeared, After: &Side{Drills: 1, Verdict: holdfast.Invalid}},
			{Mode: "storefront/bank.loss", What: Same, After: &Side{Drills: 1, Counted: 1, Verdict: holdfast.Fail}},
		},
		Cautions: []string{"main was made at 150 requests/s, this at 200"},
	}
}
