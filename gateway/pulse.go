package gateway

import (
	"context"
	"fmt"
	"slices"
	"time"

	"holdfast"
	"holdfast/detect"
)

// The constants of suspicion. 50 ms is below what a person notices and above
// what a busy machine delays an answer by; a burst of checks takes 300 ms.
const (
	overdue      = 50 * time.Millisecond
	overdueTimes = 4 // the usual time to the first byte
	burstTime    = 300 * time.Millisecond
)

// memory is how far back the usual pace looks: from once to twice as far.
const memory = 5 * time.Second

// enough answers make a usual pace.
const enough = 5

// pulse reviews every service ten times a second, at once when a score alarms,
// and when what is out for missed checks becomes silent. The pulse is also by
// what the gateway feels how late it is itself.
func (g *Gateway) pulse(ctx context.Context) {
	tick := time.NewTicker(detect.Pulse)
	defer tick.Stop()
	silence := time.NewTimer(detect.Pulse)
	defer silence.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if due := g.beat(now()); due > 0 {
				silence.Reset(due - now())
			}
		case <-silence.C:
			g.reviewSilence(now())
		case <-g.alarms:
			g.reviewErrors(now())
		}
	}
}

// beat reviews everything, and says when the next silence is due; 0 is never.
func (g *Gateway) beat(at time.Duration) (due time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.health = g.health.Tick(at)
	g.factor.Store(int64(g.health.Factor()))
	for _, s := range g.services {
		s.weigh(at)
		g.reviewPace(s, at)
		if next := g.listen(s, at); next > 0 && (due == 0 || next < due) {
			due = next
		}
		g.compare(s, at)
		g.settle(s)
		g.announceLoad(s, at)
	}
	return due
}

func (g *Gateway) reviewSilence(at time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.services {
		g.listen(s, at)
	}
}

// patience is what the gateway's own health makes of a time it waits for others.
func (g *Gateway) patience(d time.Duration) time.Duration {
	return d * time.Duration(max(1, g.factor.Load()))
}

func (g *Gateway) reviewErrors(at time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.services {
		s.weigh(at)
		g.compare(s, at)
		g.settle(s)
	}
}

// weigh brings the recent rates up to date, and with them what a failure weighs.
func (s *service) weigh(at time.Duration) {
	total := s.outcomes()
	if total == s.weighed {
		return
	}
	s.weighed = total
	var all detect.Rate
	for _, e := range s.endpoints {
		counts := e.lessons.outcomes()
		e.rate = e.rate.Add(counts.Since(e.counted), at)
		e.counted = counts
		all = e.rate.Plus(all)
	}
	for _, e := range s.endpoints {
		e.lessons.weigh(detect.Against(all.Less(e.rate).Share()))
	}
}

// compare ejects an endpoint whose failures stand out from the others', once a
// check that was begun after it did so has passed: who cannot be reached or does
// not answer fails requests, too, and is to be called that. It is waited for no
// longer than a check takes.
func (g *Gateway) compare(s *service, at time.Duration) {
	all := s.outcomes()
	for _, e := range s.endpoints {
		if e.standing != admitted || s.check.Disabled {
			continue
		}
		contrast, mine, theirs := e.lessons.compare(all)
		switch {
		case contrast != detect.Apart:
			e.apart = 0
		case e.apart == 0:
			e.apart = at
			e.sideline.trial.Store(int64(at + trialTime)) // five were enough
			e.nudge()
		case e.checks.PassedSince(e.apart) || at-e.apart > 2*g.patience(s.check.Timeout):
			g.outdone(s, e, holdfast.SignErrors, fmt.Sprintf("%d of %d requests failed, %d of %d on the others", mine.Failed, mine.All, theirs.Failed, theirs.All))
		}
	}
}

// reviewPace ejects an endpoint that is slower than the others, and asks for
// checks where they would tell.
func (g *Gateway) reviewPace(s *service, at time.Duration) {
	members := s.members()
	changed := !slices.Equal(members, s.paced)
	s.paced = members
	var all, usual detect.Pace
	for _, e := range members {
		e.last = e.lessons.times()
		all.Plus(&e.last)
		recent := e.last.Since(&e.older)
		usual.Plus(&recent)
	}
	if usual.Answered.N() >= enough {
		s.typical.Store(int64(usual.Answered.Median()))
	}
	for _, e := range members {
		if changed {
			e.slowness = detect.Open(at, &e.last, &all) // the old window holds others that are not among all any more
		}
		recent := e.last.Since(&e.older)
		recent = usual.Since(&recent)
		g.follow(s, e, &all, &recent, at)
	}
	if at-s.turned >= memory {
		s.turned = at
		for _, e := range s.endpoints {
			e.older, e.old = e.old, e.last
		}
	}
}

// members are those whose pace is compared. Whoever is out is checked so often
// that its checks would be the median of all.
func (s *service) members() []*endpoint {
	if !slices.ContainsFunc(s.endpoints, func(e *endpoint) bool { return e.standing != admitted }) {
		return s.endpoints
	}
	var in []*endpoint
	for _, e := range s.endpoints {
		if e.standing == admitted {
			in = append(in, e)
		}
	}
	return in
}

func (g *Gateway) follow(s *service, e *endpoint, all, usual *detect.Pace, at time.Duration) {
	tempo, lag := e.slowness.Look(at, &e.last, all, usual)
	if tempo == detect.Even {
		return
	}
	if tempo == detect.Slow {
		what := "first byte"
		if lag.Checks {
			what = "health check"
		}
		g.outdone(s, e, holdfast.SignSlow, fmt.Sprintf("median time to the %s %s, %s on the others", what, short(lag.Own), short(lag.Others)))
		return
	}
	itself, others := e.slowness.Needs(&e.last, all)
	for _, other := range s.paced {
		if other == e && itself || other != e && others {
			other.nudge()
		}
	}
}

// short is a duration with the precision the histogram has.
func short(d time.Duration) time.Duration {
	if d < 10*time.Millisecond {
		return d.Round(100 * time.Microsecond)
	}
	return d.Round(time.Millisecond)
}

// listen follows how long not a byte has come while something waits: it makes a
// suspect first, and silence of what is out for missed checks in the end. It says
// when that is due next; 0 is never.
func (g *Gateway) listen(s *service, at time.Duration) (due time.Duration) {
	limit := max(overdue, overdueTimes*time.Duration(s.typical.Load()))
	for _, e := range s.endpoints {
		e.listen(at)
		switch e.standing {
		case admitted:
			if e.waits.age(at) > limit && e.quiet.For(at) > limit && at-e.suspected >= burstTime {
				e.suspected = at
				e.nudge()
			}
		case kept, ejected:
			if g.hearsNothing(s, e, at) {
				g.retell(s, e, holdfast.SignSilent, e.soSilent(at))
			}
			if next := e.quiet.Due(g.health.Factor()); e.sign == holdfast.SignMissed && next > at && (due == 0 || next < due) {
				due = next
			}
		}
	}
	return due
}

// listen takes in what waits, requests and checks, and when a byte last came.
func (e *endpoint) listen(at time.Duration) {
	oldest := max(e.waits.age(at), e.asked.age(at))
	if oldest == 0 {
		e.quiet = e.quiet.Look(0, 0)
		return
	}
	e.quiet = e.quiet.Look(at-oldest, time.Duration(max(e.heard.Load(), e.checkHeard.Load())))
}

// soSilent is the evidence of silence, as a person reads it.
func (e *endpoint) soSilent(at time.Duration) string {
	return fmt.Sprintf("not one byte for %s, %d health checks without an answer", e.quiet.For(at).Round(100*time.Millisecond), e.checks.Misses)
}
