package detectors

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/detect"
)

// Simulations of the detectors, in simulated time, from fixed seeds: the figures
// of docs/detectors.md are what they say, to the letter. REWRITE=1 writes them
// anew.

const (
	page      = "../../docs/detectors.md"
	pageBegin = "<!-- simulated: REWRITE=1 go test ./bench/detectors -->\n"
	pageEnd   = "<!-- end -->\n"
)

func TestTheFiguresAreWhatTheSimulationSays(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the last bit of a logarithm is another on other processors, and the figures with it")
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), pageBegin)
	held, after, ends := strings.Cut(rest, pageEnd)
	if !begins || !ends {
		t.Fatalf("%s has no place for the figures", page)
	}
	got := figures()
	if os.Getenv("REWRITE") != "" {
		if err := os.WriteFile(page, []byte(before+pageBegin+got+pageEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if held != got {
		t.Errorf("%s holds\n%s\nand the simulation says\n%s", page, held, got)
	}
}

func figures() string {
	var b strings.Builder
	b.WriteString("\n### Errors: the score alone, 1 % usual\n\n| share that fails | noticed after: median | mean | 99 of 100 |\n|---|---|---|---|\n")
	for _, share := range []float64{1, 0.5, 0.3, 0.2, 0.1} {
		d := delays(2000, func(chance *rand.Rand) int { return scoreDelay(chance, share) })
		fmt.Fprintf(&b, "| %.0f %% | %d requests | %.0f | %d |\n", 100*share, d.median(), d.mean(), d.worst())
	}
	fmt.Fprintf(&b, "\nFalse alarms of the score at a true 1 %%: %s.\n", oneIn(scoreAlarms(10_000_000, 0.01)))
	fmt.Fprintf(&b, "At a true 3 %% with the baseline still at 1 %%: %s.\n", oneIn(scoreAlarms(2_000_000, 0.03)))

	b.WriteString("\n### Errors: the verdict, with the others asked\n\n| replicas | share that fails on one | ejected after, of its own requests: median | 99 of 100 | another one ejected |\n|---|---|---|---|---|\n")
	for _, n := range []int{2, 3, 5} {
		for _, share := range []float64{1, 0.5, 0.3, 0.2, 0.1} {
			wrong := 0
			d := delays(400, func(chance *rand.Rand) int {
				after, who := verdictDelay(chance, n, share, 0.01)
				if who != 0 {
					wrong++
				}
				return after
			})
			fmt.Fprintf(&b, "| %d | %.0f %% | %d | %d | %d of 400 |\n", n, 100*share, d.median(), d.worst(), wrong)
		}
	}

	b.WriteString("\n### Errors: all replicas alike\n\n| replicas | share that fails on all | for | ejections |\n|---|---|---|---|\n")
	for _, n := range []int{2, 3, 5} {
		for _, share := range []float64{0.1, 0.3, 0.6, 1} {
			ejections := 0
			for onset := range 1000 {
				ejections += alike(rand.New(rand.NewPCG(uint64(onset), 7)), n, share, 600, 300)
			}
			fmt.Fprintf(&b, "| %d | 0 %%, then %.0f %% | 1,000 onsets of 600 requests | %d |\n", n, 100*share, ejections)
		}
		fmt.Fprintf(&b, "| %d | 3 %%, always | 1,000,000 requests | %d |\n", n, alike(rand.New(rand.NewPCG(5, uint64(n))), n, 0.03, 1_000_000, 0))
	}

	b.WriteString(slowFigures())
	b.WriteString(checkFigures())
	b.WriteString(flapFigures())
	return b.String()
}

// counts are delays of many runs, sorted.
type counts []int

func delays(runs int, one func(*rand.Rand) int) counts {
	var all counts
	for run := range runs {
		all = append(all, one(rand.New(rand.NewPCG(uint64(run), 1))))
	}
	slices.Sort(all)
	return all
}

func (c counts) median() int { return c[len(c)/2] }
func (c counts) worst() int  { return c[len(c)*99/100] }
func (c counts) mean() float64 {
	sum := 0
	for _, n := range c {
		sum += n
	}
	return float64(sum) / float64(len(c))
}

func oneIn(outcomes, alarms int) string {
	if alarms == 0 {
		return fmt.Sprintf("none in %d requests", outcomes)
	}
	return fmt.Sprintf("%d in %d requests, one in %d", alarms, outcomes, outcomes/alarms)
}

// scoreDelay is how many requests a score of 0 needs to alarm.
func scoreDelay(chance *rand.Rand, share float64) int {
	var e detect.Errors
	odds := detect.Against(0.01)
	for n := 1; ; n++ {
		if e = e.Add(odds, chance.Float64() < share, detect.Outcomes{}, detect.Outcomes{}); e.Alarmed() {
			return n
		}
	}
}

// scoreAlarms counts alarms among healthy requests; each begins anew.
func scoreAlarms(outcomes int, share float64) (int, int) {
	chance := rand.New(rand.NewPCG(2, 3))
	odds := detect.Against(0.01)
	var e detect.Errors
	alarms := 0
	for range outcomes {
		if e = e.Add(odds, chance.Float64() < share, detect.Outcomes{}, detect.Outcomes{}); e.Alarmed() {
			alarms++
			e = detect.Errors{}
		}
	}
	return outcomes, alarms
}

// A town is a service whose gateway judges by errors alone: 400 requests a
// second, spread by chance, and every 40 requests a pulse.
type town struct {
	chance *rand.Rand
	errors []detect.Errors
	counts []detect.Outcomes
	told   []detect.Outcomes
	rates  []detect.Rate
	odds   []detect.Odds
	all    detect.Outcomes
	n      int
}

func newTown(chance *rand.Rand, n int) *town {
	t := &town{chance: chance, errors: make([]detect.Errors, n), counts: make([]detect.Outcomes, n), told: make([]detect.Outcomes, n), rates: make([]detect.Rate, n), odds: make([]detect.Odds, n)}
	t.pulse()
	return t
}

func (t *town) pulse() {
	now := time.Duration(t.n) * time.Second / 400
	var all detect.Rate
	for i := range t.rates {
		t.rates[i] = t.rates[i].Add(t.counts[i].Since(t.told[i]), now)
		t.told[i] = t.counts[i]
		all = t.rates[i].Plus(all)
	}
	for i := range t.odds {
		t.odds[i] = detect.Against(all.Less(t.rates[i]).Share())
	}
}

// request sends one and returns who is to be ejected for it, or -1.
func (t *town) request(share func(replica int) float64) int {
	if t.n++; t.n%40 == 0 {
		t.pulse()
	}
	i := t.chance.IntN(len(t.errors))
	failed := t.chance.Float64() < share(i)
	t.errors[i] = t.errors[i].Add(t.odds[i], failed, t.counts[i], t.all.Since(t.counts[i]))
	t.counts[i] = t.counts[i].Add(failed)
	t.all = t.all.Add(failed)
	for who := range t.errors {
		if !t.errors[who].Alarmed() {
			continue
		}
		switch t.errors[who].Compare(t.counts[who], t.all.Since(t.counts[who])) {
		case detect.Apart:
			return who
		case detect.Alike:
			t.errors[who] = detect.Errors{}
		}
	}
	return -1
}

// verdictDelay is how many requests of its own a replica that begins to fail
// after five healthy seconds has before somebody is ejected, and who.
func verdictDelay(chance *rand.Rand, n int, share, usual float64) (own, who int) {
	t := newTown(chance, n)
	healthy := func(int) float64 { return usual }
	for range 400 * 5 {
		t.request(healthy)
	}
	before := t.counts[0].All
	for {
		who := t.request(func(i int) float64 {
			if i == 0 {
				return share
			}
			return usual
		})
		if who >= 0 {
			return int(t.counts[0].All - before), who
		}
	}
}

// alike counts ejections while all replicas fail alike, after some that did not
// fail at all.
func alike(chance *rand.Rand, n int, share float64, requests, healthy int) (ejections int) {
	t := newTown(chance, n)
	for range healthy {
		t.request(func(int) float64 { return 0 })
	}
	for range requests {
		if who := t.request(func(int) float64 { return share }); who >= 0 {
			ejections++
			t.errors[who] = detect.Errors{}
		}
	}
	return ejections
}

// A street is a service whose gateway judges by pace alone.
type street struct {
	chance  *rand.Rand
	n       int
	rate    float64 // requests a second
	avoided bool    // the picker stays away from what is slow
	took    func(replica int, now time.Duration) time.Duration
	check   func(replica int, now time.Duration) time.Duration

	pace, old, older []detect.Pace
	slow             []detect.Slowness
	checked          []time.Duration
	lagging          []bool
	waiting          []answering
}

// answering is a request or a check that waits for its answer.
type answering struct {
	at, took time.Duration
	replica  int
	check    bool
}

// run goes on until somebody is ejected or the time is over, pulse by pulse.
func (s *street) run(over time.Duration) (who int, at time.Duration) {
	s.pace, s.old, s.older = make([]detect.Pace, s.n), make([]detect.Pace, s.n), make([]detect.Pace, s.n)
	s.slow, s.checked, s.lagging = make([]detect.Slowness, s.n), make([]time.Duration, s.n), make([]bool, s.n)
	for now := detect.Pulse; now < over; now += detect.Pulse {
		for range int(s.rate*detect.Pulse.Seconds() + s.chance.Float64()) {
			i := s.pick()
			took := s.took(i, now)
			s.waiting = append(s.waiting, answering{at: now + took, took: took, replica: i})
		}
		s.waiting = slices.DeleteFunc(s.waiting, func(a answering) bool { return s.learn(a, now) })
		if who := s.pulse(now); who >= 0 {
			return who, now
		}
	}
	return -1, 0
}

func (s *street) pick() int {
	i := s.chance.IntN(s.n)
	if s.avoided && s.lagging[i] && s.chance.Float64() > 0.02 {
		return (i + 1) % s.n
	}
	return i
}

func (s *street) pulse(now time.Duration) int {
	var all, old detect.Pace
	for i := range s.pace {
		if now-s.checked[i] >= time.Second {
			s.ask(i, now)
		}
		all.Plus(&s.pace[i])
		old.Plus(&s.older[i])
	}
	for i := range s.slow {
		usual, mine := all.Since(&old), s.pace[i].Since(&s.older[i])
		usual = usual.Since(&mine)
		tempo, _ := s.slow[i].Look(now, &s.pace[i], &all, &usual)
		s.lagging[i] = tempo != detect.Even
		if tempo == detect.Slow {
			return i
		}
		itself, others := s.slow[i].Needs(&s.pace[i], &all)
		for j := range s.n {
			if (j == i && itself || j != i && others) && now-s.checked[j] >= 2*detect.Pulse {
				s.ask(j, now)
			}
		}
	}
	if now%(5*time.Second) == 0 {
		copy(s.older, s.old)
		copy(s.old, s.pace)
	}
	return -1
}

func (s *street) ask(i int, now time.Duration) {
	took := s.check(i, now)
	s.waiting = append(s.waiting, answering{at: now + took, took: took, replica: i, check: true})
	s.checked[i] = now
}

// learn takes an answer in, if it has come.
func (s *street) learn(a answering, now time.Duration) bool {
	switch {
	case a.at > now:
		return false
	case a.check:
		s.pace[a.replica].Checks.Add(a.took)
	default:
		s.pace[a.replica].Answered.Add(a.took)
	}
	return true
}

// spread makes times that scatter as real ones do: their logarithm is normal.
func spread(chance *rand.Rand, median time.Duration, sigma float64) time.Duration {
	return time.Duration(float64(median) * math.Exp(sigma*chance.NormFloat64()))
}

// onset is when what a street goes through begins.
const onset = 12 * time.Second

func slowFigures() string { return oneSlow() + nobodySlow() }

// oneSlow makes one replica of a street slower: some times, and by some more.
func oneSlow() string {
	const ms = time.Millisecond
	var b strings.Builder
	b.WriteString("\n### Slow: one replica, from second 12 on\n\n| replicas | requests/s | usual median | becomes | the picker | ejected after: median | 99 of 100 | another one ejected |\n|---|---|---|---|---|---|---|---|\n")
	for _, c := range []struct {
		n       int
		rate    float64
		median  time.Duration
		more    time.Duration
		times   float64
		avoided bool
		says    string
	}{
		{2, 400, 5 * ms, time.Second, 1, false, "+1 s"}, {2, 400, 5 * ms, time.Second, 1, true, "+1 s"},
		{3, 400, 5 * ms, time.Second, 1, true, "+1 s"}, {3, 20, 5 * ms, time.Second, 1, true, "+1 s"},
		{2, 400, 5 * ms, 150 * ms, 1, false, "+150 ms"}, {2, 400, 5 * ms, 150 * ms, 1, true, "+150 ms"},
		{3, 400, 5 * ms, 150 * ms, 1, true, "+150 ms"}, {3, 2, 5 * ms, 150 * ms, 1, true, "+150 ms"},
		{3, 400, 50 * ms, 0, 5, false, "5 times"}, {3, 400, 50 * ms, 0, 5, true, "5 times"},
	} {
		wrong := 0
		d := delays(100, func(chance *rand.Rand) int {
			worse := func(d time.Duration, i int, now time.Duration) time.Duration {
				if i != 0 || now < onset {
					return d
				}
				return time.Duration(float64(d)*c.times) + c.more
			}
			s := street{chance: chance, n: c.n, rate: c.rate, avoided: c.avoided,
				took: func(i int, now time.Duration) time.Duration {
					return worse(spread(chance, c.median, 0.7), i, now)
				},
				check: func(i int, now time.Duration) time.Duration { return worse(spread(chance, c.median, 0.3), i, now) },
			}
			who, at := s.run(onset + 30*time.Second)
			if who != 0 || at < onset {
				wrong++
			}
			return int((at - onset) / ms)
		})
		fmt.Fprintf(&b, "| %d | %.0f | %v | %s | %s | %.1f s | %.1f s | %d of 100 |\n", c.n, c.rate, c.median, c.says, picks(c.avoided), float64(d.median())/1000, float64(d.worst())/1000, wrong)
	}
	return b.String()
}

// nobodySlow lets everything that is no replica's fault happen to a street.
func nobodySlow() string {
	var b strings.Builder
	b.WriteString("\n### Slow: nobody is\n\n| replicas | requests/s | what happens | for | ejections |\n|---|---|---|---|---|\n")
	for _, n := range []int{2, 3} {
		for _, rate := range []float64{5, 100} {
			for _, c := range []struct {
				says         string
				sigma        float64
				times, check float64
			}{
				{"nothing; one request in a hundred takes 5 times the median", 0.7, 1, 1},
				{"nothing; one request in a hundred takes 30 times the median", 1.5, 1, 1},
				{"everything becomes 20 % slower", 0.7, 1.2, 1.2},
				{"everything becomes 10 times slower", 0.7, 10, 10},
				{"requests become 10 times slower, checks do not", 0.7, 10, 1},
			} {
				ejections := 0
				for run := range 2 {
					chance := rand.New(rand.NewPCG(uint64(run), uint64(n)))
					from := func(now time.Duration, sigma, times float64) time.Duration {
						d := spread(chance, 30*time.Millisecond, sigma)
						if now < onset {
							return d
						}
						return time.Duration(float64(d) * times)
					}
					s := street{chance: chance, n: n, rate: rate, avoided: true,
						took:  func(_ int, now time.Duration) time.Duration { return from(now, c.sigma, c.times) },
						check: func(_ int, now time.Duration) time.Duration { return from(now, 0.4, c.check) },
					}
					if who, _ := s.run(10 * time.Minute); who >= 0 {
						ejections++
					}
				}
				fmt.Fprintf(&b, "| %d | %.0f | %s | 2 × 10 min | %d |\n", n, rate, c.says, ejections)
			}
		}
	}
	return b.String()
}

func picks(avoided bool) string {
	if avoided {
		return "stays away"
	}
	return "knows nothing"
}

// checkFigures simulates the checks of one replica for a year at one a second,
// of which 1 % time out by chance, each on its own; after a miss the next one is
// begun 100 ms later.
func checkFigures() string {
	chance := rand.New(rand.NewPCG(8, 9))
	ejections, three, silent := 0, 0, 0
	const timeouts, year = 0.01, 365 * 86400
	for second := 1; second <= year; second++ {
		began := time.Duration(second) * time.Second
		var c detect.Checks
		var q detect.Quiet
		for now := began; chance.Float64() < timeouts; now += 100 * time.Millisecond {
			c, q = c.Miss(holdfast.SignMissed, true, now, now), q.Look(began, began)
			switch c.Misses {
			case 2:
				ejections++
			case 3:
				three++
			}
			if c.Mute(2) && q.Silent(now, 1) {
				silent++
			}
		}
	}
	return fmt.Sprintf("\n### Checks: 1 %% time out by chance, one a second, a year\n\n| rule | happens |\n|---|---|\n"+
		"| two in a row (the default `retries`): ejected, back after two passes | %.1f a day |\n"+
		"| three in a row | %.2f a day |\n| silent: nothing but misses for 1.1 s | %d in the year |\n",
		float64(ejections)/365, float64(three)/365, silent)
}

// flapFigures simulates a replica that goes down again and again, seen by checks
// that put it out and take it back at once when nothing holds it.
func flapFigures() string {
	var b strings.Builder
	b.WriteString("\n### Flapping, a quarter of an hour\n\n| down, up | falls seen | transitions in the first minute | in the minutes after: most | mean |\n|---|---|---|---|---|\n")
	for _, c := range []struct{ down, up time.Duration }{
		{400 * time.Millisecond, 600 * time.Millisecond}, {time.Second, time.Second}, {5 * time.Second, 25 * time.Second}, {5 * time.Second, 5 * time.Minute},
	} {
		var perMinute [15]int
		falls, sum, most := flap(c.down, c.up, &perMinute), 0, 0
		for _, n := range perMinute[1:] {
			sum += n
			most = max(most, n)
		}
		fmt.Fprintf(&b, "| %v, %v | %d | %d | %d | %.1f |\n", c.down, c.up, falls, perMinute[0], most, float64(sum)/14)
	}
	return b.String()
}

func flap(down, up time.Duration, perMinute *[15]int) (falls int) {
	var f detect.Flapping
	var h detect.HoldDown
	out, until := false, time.Duration(0)
	const step = 50 * time.Millisecond
	good := time.Duration(0) // for how long it has been up
	for now := step; now < 15*time.Minute; now += step {
		isDown := now%(down+up) < down
		good += step
		if isDown {
			good = 0
		}
		_, suppressed := f.Suppressed(now)
		switch {
		case !out && isDown:
			var hold time.Duration
			h, hold = h.Eject(now, true)
			f, out, until = f.Down(now), true, now+hold
			falls++
			perMinute[now/time.Minute]++
		case out && good >= 150*time.Millisecond && now >= until && !suppressed:
			h, out = h.Admit(now), false
			perMinute[now/time.Minute]++
		}
	}
	return falls
}
