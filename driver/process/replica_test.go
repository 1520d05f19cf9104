package process

import (
	"testing"
	"time"

	"holdfast"
)

// The keeper's word and the answer to our own question overtake each other;
// what is known of a replica never goes back.
func TestWhatIsKnownNeverGoesBack(t *testing.T) {
	exit := &holdfast.ExitStatus{Code: 1}
	state := func(incarnation holdfast.Incarnation, exit *holdfast.ExitStatus, gone bool) holdfast.Process {
		return holdfast.Process{ID: life(1, incarnation), Pid: 1, Exit: exit, Gone: gone}
	}
	var r replica
	for i, c := range []struct {
		heard holdfast.Process
		news  bool
		lives bool
	}{
		{heard: state(2, nil, false), news: true, lives: true},
		{heard: state(2, nil, false), lives: true},
		{heard: state(1, exit, true), lives: true},
		{heard: state(1, nil, false), lives: true},
		{heard: state(2, exit, false), news: true},
		{heard: state(2, nil, false)},
		{heard: state(2, exit, true), news: true},
		{heard: state(2, exit, false)},
		{heard: state(2, nil, false)},
		{heard: state(3, nil, false), news: true, lives: true},
		{heard: state(2, exit, true), lives: true},
	} {
		before := r.life
		if news := r.learn(c.heard); news != c.news || r.lives() != c.lives || !news && r.life != before {
			t.Errorf("%d: after %+v: news %v, knows %+v", i, c.heard, news, r.life)
		}
	}
	if r.tried != 3 {
		t.Errorf("the highest incarnation is %d", r.tried)
	}
}

// The whole decision, as a table.
func TestNext(t *testing.T) {
	now := time.Now()
	want := func(incarnation holdfast.Incarnation) *holdfast.DesiredReplica {
		return &holdfast.DesiredReplica{ID: life(1, incarnation)}
	}
	living := holdfast.Process{ID: life(1, 2)}
	remains := holdfast.Process{ID: life(1, 2), Exit: &holdfast.ExitStatus{}}
	over := holdfast.Process{ID: life(1, 2), Exit: &holdfast.ExitStatus{}, Gone: true}
	for name, c := range map[string]struct {
		replica replica
		want    *holdfast.DesiredReplica
		next    step
	}{
		"nothing there, nothing wanted":    {next: rest},
		"nothing there, one wanted":        {want: want(1), next: start},
		"could not be started":             {replica: replica{tried: 1}, want: want(1), next: rest},
		"could not be started, the next":   {replica: replica{tried: 1}, want: want(2), next: start},
		"the keeper still holds something": {replica: replica{retry: now.Add(1)}, want: want(1), next: rest},
		"the keeper held something":        {replica: replica{retry: now}, want: want(1), next: start},
		"being asked":                      {replica: replica{busy: true}, want: want(1), next: rest},
		"lives as wanted":                  {replica: replica{life: living, tried: 2}, want: want(2), next: rest},
		"lives, a stale one wanted":        {replica: replica{life: living, tried: 2}, want: want(1), next: rest},
		"lives, the next wanted":           {replica: replica{life: living, tried: 2}, want: want(3), next: signalStop},
		"lives, not wanted":                {replica: replica{life: living, tried: 2}, next: signalStop},
		"in its grace":                     {replica: replica{life: living, stop: &stop{due: now.Add(1)}}, next: rest},
		"in its grace, wanted again":       {replica: replica{life: living, stop: &stop{due: now.Add(1)}}, want: want(2), next: rest},
		"grace over":                       {replica: replica{life: living, stop: &stop{due: now}}, next: signalKill},
		"grace over, wanted again":         {replica: replica{life: living, stop: &stop{due: now}}, want: want(2), next: signalKill},
		"remains of the last":              {replica: replica{life: remains, tried: 2}, want: want(3), next: rest},
		"over, still wanted":               {replica: replica{life: over, tried: 2}, want: want(2), next: rest},
		"over, the next wanted":            {replica: replica{life: over, tried: 2}, want: want(3), next: start},
	} {
		if got := c.replica.next(c.want, now); got != c.next {
			t.Errorf("%s: next is %d, want %d", name, got, c.next)
		}
	}
}
