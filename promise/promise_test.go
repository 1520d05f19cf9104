package promise

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"holdfast"

	"pgregory.net/rapid"
)

func start() time.Time { return time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC) }

func of(target holdfast.Share) holdfast.Promise {
	return holdfast.Promise{Target: target, Window: 28 * 24 * time.Hour}
}

func TestFactorsAreExact(t *testing.T) {
	var got []float64
	for _, r := range Rules() {
		got = append(got, math.Round(r.Factor(of(0.999))*1000)/1000)
	}
	if want := []float64{13.44, 5.6, 2.8, 0.933}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestARuleThatNeverHoldsIsKnown(t *testing.T) {
	for target, want := range map[holdfast.Share][2]bool{0.9257: {true, true}, 0.9255: {false, true}, 0.822: {false, true}, 0.821: {false, false}} {
		rules := Rules()
		if got := [2]bool{rules[0].Reachable(of(target)), rules[1].Reachable(of(target))}; got != want {
			t.Errorf("at %v: got %v, want %v", target, got, want)
		}
	}
}

// The table of the SRE workbook's arithmetic, for 28 days.
func TestWhenSomebodyIsPaged(t *testing.T) {
	for _, c := range []struct {
		target holdfast.Share
		bad    float64
		want   time.Duration
	}{
		{0.99, 1, 484 * time.Second}, {0.999, 1, 48 * time.Second}, {0.9999, 1, 5 * time.Second},
		{0.999, 0.05, 968 * time.Second}, {0.999, 0.01, 12096 * time.Second}, {0.999, 0.005, 0}, {0.99, 0.05, 0},
	} {
		got, ever := After(of(c.target), c.bad)
		if got.Round(time.Second) != c.want || ever != (c.want > 0) {
			t.Errorf("%v with %v bad: after %v, %v; want %v", c.target, c.bad, got, ever, c.want)
		}
	}
}

func TestAlertsAreExplained(t *testing.T) {
	rough := of(0.9)
	rough.Name = "rough"
	all := Explain(&holdfast.System{Promise: &holdfast.Promise{Target: 0.999, Window: 28 * 24 * time.Hour}, Promises: []holdfast.Promise{rough}})
	var got []string
	for _, i := range all {
		got = append(got, i.Path+": "+i.Value+": "+i.Because)
	}
	want := []string{
		"promise.alerts: paged after 48s at 100% bad, paged after 8m4s at 10% bad, paged after 3h21m36s at 1% bad: page by 2% in 1h, at 13.44 times the even pace; page by 5% in 6h, at 5.6 times the even pace; ticket by 10% in 1d, at 2.8 times the even pace; ticket by 10% in 3d, at 0.9333 times the even pace",
		"promises.rough.alerts: paged after 3h21m36s at 100% bad, nobody is paged at 10% bad, nobody is paged at 1% bad: page by 2% in 1h, at 13.44 times the even pace, which can never be; page by 5% in 6h, at 5.6 times the even pace; ticket by 10% in 1d, at 2.8 times the even pace; ticket by 10% in 3d, at 0.9333 times the even pace",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

// The least bad count of so many requests that is beyond chance.
func TestChanceIsCountedAsInTheTables(t *testing.T) {
	for e, want := range map[float64][5]uint64{
		0.01: {4, 7, 25, 140, 1120}, 0.001: {2, 4, 7, 25, 140}, 0.0001: {2, 2, 4, 7, 25},
	} {
		for i, n := range []uint64{10, 100, 1000, 10_000, 100_000} {
			k := uint64(1)
			for !beyondChance(Tally{All: n, Bad: k}, e) {
				k++
			}
			if k != want[i] {
				t.Errorf("of %d at %v: from %d on, want %d", n, e, k, want[i])
			}
		}
	}
}

// A tail is the sum of its terms.
func TestATailIsItsSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(1, 400).Draw(t, "n")
		k := rapid.Uint64Range(0, n).Draw(t, "k")
		e := rapid.Float64Range(1e-6, 0.999).Draw(t, "e")
		want := 0.0
		for j := k; j <= n; j++ {
			want += math.Exp(choose(n, j) + float64(j)*math.Log(e) + float64(n-j)*math.Log1p(-e))
		}
		if got := tail(n, k, e); math.Abs(got-want) > 1e-9*max(1, want) && math.Abs(got-want) > 1e-7*want {
			t.Fatalf("P[Bin(%d, %v) >= %d] = %v, want %v", n, e, k, got, want)
		}
	})
}

func choose(n, k uint64) float64 {
	a, _ := math.Lgamma(float64(n) + 1)
	b, _ := math.Lgamma(float64(k) + 1)
	c, _ := math.Lgamma(float64(n-k) + 1)
	return a - b - c
}

// A book says what a list of everything would say, up to the width of its cells;
// and it says the same after it was written down and read back.
func TestABookIsAsGoodAsAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type counted struct {
			at time.Time
			t  Tally
		}
		var book Book
		var list []counted
		now := start()
		for range rapid.IntRange(1, 60).Draw(t, "counts") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(40*time.Hour)).Draw(t, "gap")))
			all := rapid.Uint64Range(1, 1000).Draw(t, "all")
			c := counted{at: now, t: Tally{All: all, Bad: rapid.Uint64Range(0, all).Draw(t, "bad")}}
			book.Add(c.at, c.t)
			list = append(list, c)
		}
		text, err := json.Marshal(book)
		if err != nil {
			t.Fatal(err)
		}
		var back Book
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		for _, window := range []time.Duration{5 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 72 * time.Hour, 28 * 24 * time.Hour} {
			var least, most Tally
			for _, c := range list {
				if age := now.Sub(c.at); age < window-window/30 {
					least = least.plus(c.t)
				}
				if age := now.Sub(c.at); age <= window {
					most = most.plus(c.t)
				}
			}
			got := book.In(window, now)
			if got.All < least.All || got.All > most.All || got.Bad < least.Bad || got.Bad > most.Bad {
				t.Fatalf("in %v: %+v, want from %+v to %+v", window, got, least, most)
			}
			if again := back.In(window, now); again != got {
				t.Fatalf("read back it says %+v, before %+v", again, got)
			}
		}
	})
}

func TestAClockThatIsSetBackLosesNothing(t *testing.T) {
	var book Book
	book.Add(start().Add(time.Hour), Tally{All: 10, Bad: 1})
	book.Add(start(), Tally{All: 10, Bad: 1})
	if got := book.In(time.Hour, start()); got != (Tally{All: 20, Bad: 2}) {
		t.Errorf("got %+v", got)
	}
}

func TestWhatIsDamagedIsNotRead(t *testing.T) {
	var full Book
	full.Add(start(), Tally{All: 10, Bad: 1})
	text, _ := json.Marshal(full)
	for i := range text {
		bad := slices.Clone(text)
		bad[i] ^= 1
		var book Book
		_ = json.Unmarshal(bad, &book) // whatever it says, it ends, and what it left can be asked
		book.In(28*24*time.Hour, start())
	}
}

func FuzzABookIsReadInBounds(f *testing.F) {
	var full Book
	full.Add(start(), Tally{All: 10, Bad: 1})
	text, _ := json.Marshal(full)
	f.Add(string(text))
	f.Fuzz(func(t *testing.T, text string) {
		var book Book
		if json.Unmarshal([]byte(text), &book) == nil {
			book.Add(start(), Tally{All: 1})
			book.In(time.Hour, start())
		}
	})
}

func TestNobodyAskedIsNotAllIsWell(t *testing.T) {
	var book Book
	if b := book.Budget(of(0.999), start()); !b.Quiet || b.Left != 0 {
		t.Errorf("of nothing: %+v", b)
	}
	book.Add(start(), Tally{All: 100_000, Bad: 25})
	b := book.Budget(of(0.999), start())
	if b.Quiet || math.Abs(b.Left-0.75) > 1e-9 || math.Abs(b.Allowed-100) > 1e-6 || math.Abs(b.Minutes-30.24) > 1e-9 {
		t.Errorf("got %+v", b)
	}
}

// A traffic is requests an hour, by the hour of the day.
type traffic func(hour int) float64

func steady(rate float64) traffic { return func(int) float64 { return rate } }

func byDay(day, night float64) traffic {
	return func(hour int) float64 {
		if hour >= 8 && hour < 20 {
			return day
		}
		return night
	}
}

// live lets days go by, minute by minute, with a bad share at every minute, and
// gives the instants at which somebody was paged.
func live(seed uint64, days int, rate traffic, bad func(minute int) float64) []int {
	draw := rand.New(rand.NewPCG(seed, 7))
	var book Book
	var pages []int
	burning := map[string]bool{}
	for minute := range days * 24 * 60 {
		now := start().Add(time.Duration(minute) * time.Minute)
		all := poisson(draw, rate(minute/60%24)/60)
		book.Add(now, Tally{All: all, Bad: binomial(draw, all, bad(minute))})
		held := map[string]bool{}
		for _, b := range book.Burns(of(0.999), now) {
			held[b.Rule.Name] = true
			if b.Rule.Urgency == holdfast.Page && !burning[b.Rule.Name] {
				pages = append(pages, minute)
			}
		}
		burning = held
	}
	return pages
}

func poisson(draw *rand.Rand, mean float64) uint64 {
	if mean > 30 {
		return uint64(max(0, math.Round(mean+math.Sqrt(mean)*draw.NormFloat64())))
	}
	n, limit, product := uint64(0), math.Exp(-mean), draw.Float64()
	for product > limit {
		n++
		product *= draw.Float64()
	}
	return n
}

// binomial draws by the gaps between bad ones, which are few, or one by one.
func binomial(draw *rand.Rand, n uint64, p float64) uint64 {
	switch {
	case p <= 0:
		return 0
	case p >= 1:
		return n
	}
	k := uint64(0)
	for at := gap(draw, p); at < float64(n); at += 1 + gap(draw, p) {
		k++
	}
	return k
}

func gap(draw *rand.Rand, p float64) float64 {
	return math.Floor(math.Log(1-draw.Float64()) / math.Log1p(-p))
}

// Thirty days in which a third of the budget goes, at every traffic: nobody is
// woken. Without the guard of chance there are pages in vain.
func TestNobodyIsWokenInVain(t *testing.T) {
	for name, rate := range map[string]traffic{
		"10/h": steady(10), "100/h": steady(100), "2000/h by day, 20/h by night": byDay(2000, 20), "20000/h, 200/h": byDay(20_000, 200),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(3) {
				if pages := live(seed, 30, rate, func(int) float64 { return 0.0003 }); len(pages) > 0 {
					t.Errorf("seed %d: paged at minutes %v", seed, pages)
				}
			}
		})
	}
}

// All is lost at three in the night of the third day: somebody is paged within what
// the counts of such a night allow.
func TestATotalOutageIsPaged(t *testing.T) {
	for _, c := range []struct {
		name   string
		rate   traffic
		median int // minutes
	}{
		{"10/h", steady(10), 15}, {"100/h", steady(100), 4}, {"2000/h by day, 20/h by night", byDay(2000, 20), 10}, {"20000/h, 200/h", byDay(20_000, 200), 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			const lost = (2*24 + 3) * 60
			var took []int
			for seed := range uint64(9) {
				pages := live(seed, 3, c.rate, func(minute int) float64 {
					if minute >= lost && minute < lost+120 {
						return 1
					}
					return 0.0003
				})
				i := slices.IndexFunc(pages, func(at int) bool { return at >= lost })
				if i < 0 {
					t.Fatalf("seed %d: nobody was paged", seed)
				}
				took = append(took, pages[i]-lost)
			}
			slices.Sort(took)
			if median := took[len(took)/2]; median > c.median {
				t.Errorf("paged after %d minutes, want %d; all: %v", median, c.median, took)
			}
			t.Log(fmt.Sprint("paged after minutes: ", took))
		})
	}
}

// What check states of a promise is what happens: with the counts as they come, every
// fifteen seconds, somebody is paged then and not a window's cell later.
func TestSomebodyIsPagedWhenItIsStated(t *testing.T) {
	const every = 15 * time.Second
	for _, target := range []holdfast.Share{0.99, 0.999, 0.9999} {
		p := of(target)
		for _, share := range []float64{1, 0.5, 0.1, 0.05, 0.02, 0.01} {
			stated, ever := After(p, share)
			var book Book
			now, lost := start(), start().Add(25*time.Hour)
			paged := time.Duration(-1)
			for paged < 0 && now.Sub(lost) < 7*time.Hour {
				tally := Tally{All: 15_000}
				if !now.Before(lost) {
					tally.Bad = uint64(share * 15_000)
				}
				now = now.Add(every)
				book.Add(now, tally)
				for _, b := range book.Burns(p, now) {
					if b.Rule.Urgency == holdfast.Page {
						paged = now.Sub(lost)
					}
				}
			}
			slack := every + stated/20 // a count, and the width of a cell
			if ever != (paged >= 0) || ever && (paged < stated-slack || paged > stated+slack) {
				t.Errorf("%v, %v bad: paged after %v, stated is %v (%v)", target, share, paged, stated, ever)
			}
		}
	}
}

// What is seen no more is no longer told: the short window ends it.
func TestWhatIsOverIsTakenBack(t *testing.T) {
	var book Book
	now := start()
	for range 24 * 60 {
		now = now.Add(time.Minute)
		book.Add(now, Tally{All: 1000})
	}
	for range 10 {
		now = now.Add(time.Minute)
		book.Add(now, Tally{All: 1000, Bad: 500})
	}
	if len(book.Burns(of(0.999), now)) == 0 {
		t.Fatal("half of everything is bad, and nothing burns")
	}
	for range 6 {
		now = now.Add(time.Minute)
		book.Add(now, Tally{All: 1000})
	}
	for _, b := range book.Burns(of(0.999), now) {
		if b.Rule.Long == time.Hour {
			t.Errorf("%s still burns six minutes after all was well", b.Rule.Name)
		}
	}
}

// Users are whole when enough was asked to tell: of what half was bad, a few good
// answers tell it, of what one in seventy was, hundreds do. Silence tells nothing.
func TestUsersAreWholeAgain(t *testing.T) {
	quick, slow := Rules()[0], Rules()[1]
	for _, c := range []struct {
		name   string
		target holdfast.Share
		held   Rule
		after  []Tally // minute by minute
		want   bool
	}{
		{"nothing is asked", 0.99, quick, make([]Tally, 10), false},
		{"a little is", 0.99, quick, minutes(10, Tally{All: 1}), false},
		{"enough is", 0.99, quick, minutes(10, Tally{All: 20}), true},
		{"not for five minutes yet", 0.99, quick, minutes(4, Tally{All: 20}), false},
		{"some is bad, as is allowed", 0.99, quick, minutes(10, Tally{All: 1000, Bad: 9}), true},
		{"more is", 0.99, quick, minutes(10, Tally{All: 1000, Bad: 20}), false},
		{"the stricter the promise, the more has to be seen", 0.9999, quick, minutes(10, Tally{All: 100}), false},
		{"and is", 0.9999, quick, minutes(10, Tally{All: 1000}), true},
		{"a slow rule waits for its own window", 0.99, slow, minutes(20, Tally{All: 1000}), false},
		{"and no longer", 0.99, slow, minutes(31, Tally{All: 1000}), true},
	} {
		var book Book
		now := start()
		for _, tally := range slices.Concat(minutes(60, Tally{All: 100}), minutes(5, Tally{All: 100, Bad: 100}), c.after) {
			now = now.Add(time.Minute)
			book.Add(now, tally)
		}
		if got := book.Well(of(c.target), c.held, now); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func minutes(n int, tally Tally) []Tally { return slices.Repeat([]Tally{tally}, n) }

func BenchmarkBurns(b *testing.B) {
	var book Book
	now := start()
	for range 3 * 24 * 60 {
		now = now.Add(time.Minute)
		book.Add(now, Tally{All: 100, Bad: 1})
	}
	for b.Loop() {
		book.Burns(of(0.999), now)
	}
}
