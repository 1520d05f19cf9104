package gateway

import (
	"sync"
	"time"

	"holdfast/detect"
)

// Lessons are what the tries of one endpoint taught. Their lock is
// their own: no two replicas' requests wait for each other.
type lessons struct {
	mu     sync.Mutex
	counts detect.Outcomes
	errors detect.Errors
	odds   detect.Odds
	pace   detect.Pace
}

// learn takes the outcome of a try into account. A failure's time is kept as a
// lower bound: a quick one would make the replica look fast. A replica that was
// used for want of a better one, and comes back, still owes the answers of that
// time: they come late, and say nothing about now.
func (e *endpoint) learn(o outcome, at time.Duration) {
	l := &e.lessons
	l.mu.Lock()
	defer l.mu.Unlock()
	if o.failed || o.givenUp {
		l.pace.GivenUp.Add(o.took)
	} else {
		l.pace.Answered.Add(o.took)
	}
	if o.givenUp || at-o.took < time.Duration(e.admittedAt.Load()) {
		return // what it was asked before it was put on trial is no part of the trial
	}
	before := l.errors.Alarmed()
	l.errors = l.errors.Add(l.odds, o.failed, l.counts, e.service.outcomes().Since(l.counts))
	l.counts = l.counts.Add(o.failed)
	e.service.answered.Add(1)
	if o.failed {
		e.service.broken.Add(1)
	}
	if l.errors.Alarmed() && !before {
		e.service.alarm()
	}
}

// outcomes are those of all replicas the service ever had. What failed is read
// first: it is counted last, and never exceeds the whole.
func (s *service) outcomes() detect.Outcomes {
	failed := s.broken.Load()
	return detect.Outcomes{All: s.answered.Load(), Failed: failed}
}

// alarm asks for a review now. It never waits; the next pulse comes anyway.
func (s *service) alarm() {
	select {
	case s.alarms <- struct{}{}:
	default:
	}
}

// check counts the time of a health check that was answered.
func (l *lessons) check(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pace.Checks.Add(took)
}

// begin drops the suspicion: an endpoint that is admitted is on trial.
func (l *lessons) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errors = detect.Errors{}
}

// weigh sets what the others' failures make of one here.
func (l *lessons) weigh(odds detect.Odds) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.odds = odds
}

func (l *lessons) outcomes() detect.Outcomes {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}

func (l *lessons) times() detect.Pace {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pace
}

// compare puts an endpoint whose score alarms beside the others. One that fares
// no worse than they begins anew.
func (l *lessons) compare(all detect.Outcomes) (contrast detect.Contrast, mine, theirs detect.Outcomes) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.errors.Alarmed() {
		return detect.Undecided, mine, theirs
	}
	others := all.Since(l.counts)
	mine, theirs = l.errors.Span(l.counts, others)
	contrast = l.errors.Compare(l.counts, others)
	if contrast == detect.Alike {
		l.errors = detect.Errors{}
	}
	return contrast, mine, theirs
}
