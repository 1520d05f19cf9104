package load

import (
	"math"
	"testing"
	"time"
)

// story is results from a picture: a column per 100 ms from 1 s on, "." well,
// "x" failed, "l" late, " " nothing asked.
func story(picture string) []Result {
	var results []Result
	for i, mark := range picture {
		due := int64(time.Second) + int64(i)*int64(100*time.Millisecond)
		r := Result{Target: "front", Intended: due, Sent: due, Ended: due + int64(time.Millisecond), Status: 200}
		switch mark {
		case ' ':
			continue
		case 'x':
			r.Failed, r.Status = true, 502
		case 'l':
			r.Late, r.Ended = true, due+int64(300*time.Millisecond)
		}
		results = append(results, r)
	}
	return results
}

func TestWhole(t *testing.T) {
	for _, c := range []struct {
		name    string
		picture string
		from    time.Duration
		want    time.Duration // 0: not
	}{
		{name: "never hurt", picture: "...........", from: time.Second, want: time.Second},
		{name: "never hurt, and not for long enough", picture: "..........", from: time.Second},
		{name: "nothing asked", picture: "", from: time.Second},
		{name: "whole after the last failure", picture: "..xx.x...........", from: time.Second, want: 1600 * time.Millisecond},
		{name: "late is not whole", picture: "..xx.l...........", from: time.Second, want: 1600 * time.Millisecond},
		{name: "the second is not full yet", picture: "..xx.x..........", from: time.Second},
		{name: "a whole second, but it does not stay so", picture: "xx............x.", from: time.Second},
		{name: "hurt at the very end", picture: "............x", from: time.Second},
		{name: "what was before does not count", picture: "xxx............", from: 1300 * time.Millisecond, want: 1300 * time.Millisecond},
		{name: "from between two arrivals", picture: "xxx............", from: 1250 * time.Millisecond, want: 1250 * time.Millisecond},
		{name: "a hole is not whole", picture: "..            ...........", from: time.Second, want: 2400 * time.Millisecond},
		{name: "a hole at the beginning", picture: "            ...........", from: time.Second, want: 2200 * time.Millisecond},
		{name: "small holes are the rate", picture: "x . . . . . . . . .", from: time.Second, want: 1200 * time.Millisecond},
		{name: "two arrivals far apart", picture: ".              .", from: time.Second},
	} {
		got, ok := Whole(story(c.picture), int64(c.from), time.Second)
		if ok != (c.want != 0) || time.Duration(got) != c.want {
			t.Errorf("%s: %q from %s: %s (%v), want %s", c.name, c.picture, c.from, time.Duration(got), ok, c.want)
		}
	}
}

func TestWholeWhileSomeStillWait(t *testing.T) {
	results := story("xx.............")
	if _, ok := whole(results, int64(time.Second), int64(1500*time.Millisecond), time.Second); ok {
		t.Error("whole although what was due after 1.5 s is not settled")
	}
	if at, ok := whole(results, int64(time.Second), math.MaxInt64, time.Second); !ok || at != int64(1200*time.Millisecond) {
		t.Errorf("whole at %s (%v), want 1.2 s", time.Duration(at), ok)
	}
}

func TestWholeDoesNotMindTheOrder(t *testing.T) {
	results := story("..xx.x...........")
	results[0], results[16], results[5], results[9] = results[16], results[0], results[9], results[5]
	if at, ok := Whole(results, int64(time.Second), time.Second); !ok || at != int64(1600*time.Millisecond) {
		t.Errorf("whole at %s (%v), want 1.6 s", time.Duration(at), ok)
	}
}

func TestImpact(t *testing.T) {
	tally := Impact(story(".x.l.x...."))
	if want := (Tally{Sent: 10, Failed: 2, Late: 1}); tally != want {
		t.Fatalf("got %+v, want %+v", tally, want)
	}
	if tally.Share() != 0.3 || tally.Hurt() != 3 {
		t.Errorf("share %v, hurt %d", tally.Share(), tally.Hurt())
	}
	if none := Impact(nil); none.Share() != 1 || none.Below() != 1 {
		t.Errorf("nobody asked: %v below %v, want all of it", none.Share(), none.Below())
	}
}

func TestDuringTakesWhatWasUnderWay(t *testing.T) {
	results := story("..l...") // the late one is under way from 1.2 s to 1.5 s
	picked := During(results, int64(1350*time.Millisecond), int64(1500*time.Millisecond))
	if tally := Impact(picked); tally != (Tally{Sent: 2, Late: 1}) {
		t.Errorf("got %+v, want the late one and the one after it", tally)
	}
}

// TestUpperBound95 holds against the beta quantile computed elsewhere.
func TestUpperBound95(t *testing.T) {
	for _, c := range []struct {
		failed, sent int
		want         float64
	}{
		{failed: 0, sent: 1012, want: 0.0029558326556858258},
		{failed: 1, sent: 100, want: 0.04655981145353895},
		{failed: 5, sent: 100, want: 0.10225337764327451},
		{failed: 0, sent: 10, want: 0.2588655508930523},
		{failed: 0, sent: 1, want: 0.95},
		{failed: 3, sent: 200, want: 0.03830970849856935},
		{failed: 50, sent: 100, want: 0.5863782853690883},
		{failed: 99, sent: 100, want: 0.9994871985837378},
		{failed: 150, sent: 300000, want: 0.0005725280617869919},
		{failed: 4, sent: 4, want: 1},
		{failed: 0, sent: 0, want: 1},
	} {
		if got := float64(UpperBound95(c.failed, c.sent)); math.Abs(got-c.want) > 1e-6*c.want {
			t.Errorf("%d of %d: %.9f, want %.9f", c.failed, c.sent, got, c.want)
		}
	}
}

// TestUpperBound95AgainstTheDefinition adds up every term, the slow way.
func TestUpperBound95AgainstTheDefinition(t *testing.T) {
	for n := 1; n <= 40; n++ {
		for k := range n {
			p, sum, choose := float64(UpperBound95(k, n)), 0.0, 1.0
			for i := 0; i <= k; i++ {
				sum += choose * math.Pow(p, float64(i)) * math.Pow(1-p, float64(n-i))
				choose *= float64(n-i) / float64(i+1)
			}
			if math.Abs(sum-0.05) > 1e-6 {
				t.Fatalf("%d of %d: at %v the probability is %v, want 0.05", k, n, p, sum)
			}
		}
	}
}
