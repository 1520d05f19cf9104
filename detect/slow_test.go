package detect

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The histogram beside a sorted list: a median is right within an eighth.
func TestTimesBesideASortedList(t *testing.T) {
	chance := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		var times Times
		var naive []time.Duration
		for range 1 + chance.IntN(60) {
			d := time.Duration(1<<(17+chance.IntN(18))) + time.Duration(chance.Int64N(1<<17))
			times.Add(d)
			naive = append(naive, d)
		}
		slices.Sort(naive)
		want := naive[len(naive)/2]
		if got := times.Median(); got < want*7/8 || got > want*9/8 {
			t.Fatalf("median %v, want about %v", got, want)
		}
		above := 0
		for _, d := range naive {
			if d > want*5/4 {
				above++
			}
		}
		if got := times.Above(want); got < above || got > len(naive)-len(naive)/2-1 {
			t.Fatalf("%d above %v, at least %d are", got, want, above)
		}
	}
}

func TestTimesAtTheEnds(t *testing.T) {
	var times Times
	for _, d := range []time.Duration{-1, 0, 1, time.Hour} {
		times.Add(d)
	}
	if times.N() != 4 || times.Above(time.Second) != 1 || (&Times{}).Median() != 0 {
		t.Errorf("%+v", times)
	}
	for i := range places {
		if place(edge(i)) != i || i > 0 && place(edge(i)-1) != i-1 {
			t.Errorf("place %d begins at %v", i, edge(i))
		}
	}
}

// A difference is right even when a count has run over.
func TestTimesRunOver(t *testing.T) {
	before := Pace{Answered: Times{n: 1<<32 - 2}}
	before.Answered.counts[place(time.Second)] = 1<<32 - 2
	after := before
	for range 5 {
		after.Answered.Add(time.Second)
	}
	if d := after.Since(&before); d.Answered.N() != 5 || d.Answered.Above(100*time.Millisecond) != 5 {
		t.Errorf("%d, %d above", d.Answered.N(), d.Answered.Above(100*time.Millisecond))
	}
}

// pace makes a window of n answers and checks that all took as long.
func pace(answers int, took time.Duration, checks int, check time.Duration) Pace {
	var p Pace
	for range answers {
		p.Answered.Add(took)
	}
	for range checks {
		p.Checks.Add(check)
	}
	return p
}

func TestASlowWindow(t *testing.T) {
	const ms = time.Millisecond
	others := pace(100, 5*ms, 3, 2*ms)
	given := pace(40, 150*ms, 0, 0)
	for range 40 {
		given.GivenUp.Add(100 * ms)
		given.GivenUp.Add(10 * ms) // says nothing
	}
	mixed := pace(30, 150*ms, 0, 0)
	more := pace(25, 5*ms, 0, 0)
	mixed.Plus(&more)
	quick := pace(3, 150*ms, 3, 150*ms)
	quick.Checks.Add(2 * ms)
	for _, c := range []struct {
		name         string
		mine, theirs Pace
		want         finding
	}{
		{"fifty times slower", pace(60, 250*ms, 0, 0), others, slower},
		{"twelve times slower, and yet nothing to notice", pace(60, 58*ms, 0, 0), others, asUsual},
		{"half of them", mixed, others, slower},
		{"as slow as the others", pace(60, 250*ms, 0, 0), pace(100, 200*ms, 3, 2*ms), asUsual},
		{"most were given up", given, others, slower},
		{"few, with checks, all slow", pace(1, 150*ms, 3, 150*ms), others, slower},
		{"checks alone", pace(0, 0, 4, 150*ms), others, slower},
		{"few, and a check was quick", quick, others, turned},
		{"few, and no check", pace(9, 150*ms, 0, 0), others, tooLittle},
		{"few, and nobody to compare with", pace(3, 150*ms, 3, 150*ms), Pace{}, tooLittle},
		{"all checks are slow", pace(3, 150*ms, 3, 150*ms), pace(100, 5*ms, 3, 150*ms), tooLittle},
	} {
		got, lag := compare(&c.mine, &c.theirs)
		if got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
		if got == slower && lag.Own <= TooLong(lag.Others) {
			t.Errorf("%s: the evidence is %v beside %v", c.name, lag.Own, lag.Others)
		}
	}
}
