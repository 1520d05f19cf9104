package gateway

import (
	"slices"
	"time"

	"holdfast"
	"holdfast/detect"
)

// A standing is what the gateway makes of an incarnation.
//
//	            one pass                     bad, others are admitted
//	unknown ──────────────▶ admitted ─────────────────────────────▶ ejected
//	   │                     ▲    │                                 ▲  │
//	   │                     │    │ bad, and the last     another   │  │
//	   │          two passes │    └────────────────▶ kept ──────────┘  │
//	   │                     │◀────────────────────── │  is admitted   │
//	   │                     │◀────────────────────────────────────────┘
//	   └─ not ready within its start period ─────────────▶ ejected     two passes,
//	                                                                   not held
//
//	any ── the kernel says it ended ──▶ gone, for ever
//
// Bad is what the checks say (a refused connection, or as many misses in a row
// as the file demands) or what the traffic shows beside the others' (errors,
// slow). Traffic's evidence is relative: it ejects half of the replicas at most,
// and is taken back when too few are left. What never was admitted is not bad
// when it refuses: it is starting.
type standing uint8

const (
	unknown standing = iota
	admitted
	kept // looks bad, is used all the same: a bad answer beats none
	ejected
	gone
)

// maxDetail bounds the evidence text of a verdict.
const maxDetail = 200

// crashTime is how long after an ejection the kernel's word still explains it.
const crashTime = time.Second

// A sighting is what one check saw.
type sighting struct {
	sign   holdfast.Sign // empty for a pass
	detail string
	began  time.Duration // CLOCK_BOOTTIME
	took   time.Duration
	mute   bool  // it was connected, and not a byte came
	late   bool  // the answer of a check that was told as missed before
	lack   error // why nothing could be seen: the gateway's own want
}

// judge takes a check's sighting into account.
func (g *Gateway) judge(s *service, e *endpoint, seen sighting) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e.isRetired() || e.standing == gone {
		return
	}
	at := now()
	e.took = seen.took
	waited := seen.sign == holdfast.SignMissed || seen.sign == holdfast.SignUnreachable
	switch {
	case seen.late:
		e.lessons.check(seen.took)
		e.checks, e.lateBy = e.checks.Late(at), seen.took
		return
	case seen.sign == "":
		e.lessons.check(seen.took)
		g.passed(s, e, seen, at)
		g.compare(s, at)
	case waited && !g.health.Trustworthy(seen.began, at):
		e.nudge() // we stood still ourselves: nothing was seen, look again
	default:
		g.missed(s, e, seen, at)
	}
	g.settle(s)
}

func (g *Gateway) passed(s *service, e *endpoint, seen sighting, at time.Duration) {
	e.checks = e.checks.Pass(seen.began, at)
	switch e.standing {
	case admitted:
		e.reason = seen.detail
	case unknown:
		if until, flaps := s.records[e.ID.Name()].flapping.Suppressed(at); flaps && s.fleet().MayHold() {
			e.held, e.reason = until, "held back, for it goes up and down: "+seen.detail
			return
		}
		g.admit(e, seen.detail)
	case kept, ejected:
		if e.standing == ejected && s.holds(e, seen.took, at) {
			e.checks = e.checks.Forget()
		}
		if e.checks.Passes >= 2 {
			if relative(e.sign) {
				e.sideline.trial.Store(int64(at + trialTime)) // its checks passed all along
			}
			g.admit(e, seen.detail+", twice")
		}
	}
}

// holds says whether a pass of an ejected endpoint is no evidence of a return:
// it is held down, or it was too slow and is so still. Nobody is held while too
// few are left: a replica that answers beats one that does not.
func (s *service) holds(e *endpoint, took, at time.Duration) bool {
	if at < e.held && s.fleet().MayHold() {
		return true
	}
	return e.sign == holdfast.SignSlow && took > detect.TooLong(s.usualCheck(e))
}

// usualCheck is the median of the other admitted endpoints' last checks, or 0.
func (s *service) usualCheck(but *endpoint) time.Duration {
	var all []time.Duration
	for _, e := range s.endpoints {
		if e != but && e.standing == admitted {
			all = append(all, e.took)
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func (g *Gateway) missed(s *service, e *endpoint, seen sighting, at time.Duration) {
	if e.checks.Misses == 0 {
		s.askOthers(e)
		e.pool.drain() // who serves one connection at a time may be waiting on an idle one of ours
	}
	e.checks = e.checks.Miss(seen.sign, seen.mute, seen.began, at)
	sign, detail := e.checks.Sign(), seen.detail
	if sign == holdfast.SignSlow {
		detail = "answers come after " + short(e.lateBy).String() + ": " + detail
	}
	switch e.standing {
	case admitted:
		switch {
		case !e.checks.Bad(s.check.Retries):
		case s.alike(e, sign, at):
			e.reason = bounded("looks bad, and so do the others: " + detail)
		default:
			g.doubt(s, e, sign, detail)
		}
	case kept, ejected:
		g.reconsider(s, e, sign, detail, at)
	case unknown:
		e.reason = detail
		if late := at - e.since; s.check.StartPeriod > 0 && late > s.check.StartPeriod && e.checks.Misses >= s.check.Retries {
			g.eject(s, e, sign, "not ready within "+s.check.StartPeriod.String()+": "+detail)
		}
	}
}

// alikeTime is how long replicas that all miss their checks at once are left in
// use: what they have in common (a dependency they ask in their health check, the
// machine) is over by then, or is theirs.
const alikeTime = 3 * time.Second

// alike says whether most of the others miss their checks with this one: then it
// is what they wait for that does not answer, and to put one after the other out
// of use mends nothing and hurts whoever waits there.
func (s *service) alike(e *endpoint, sign holdfast.Sign, at time.Duration) bool {
	common := sign == holdfast.SignMissed || sign == holdfast.SignSlow || sign == holdfast.SignUnhealthy
	if !common || e.checks.MissingFor(at) > alikeTime {
		return false
	}
	others, well := 0, 0
	for _, other := range s.endpoints {
		if other == e || other.standing != admitted {
			continue
		}
		others++
		if other.checks.Outdo(e.checks) {
			well++
		}
	}
	return others > 0 && 2*well < others
}

// askOthers has the others checked beside one that missed its check.
func (s *service) askOthers(e *endpoint) {
	for _, other := range s.endpoints {
		if other != e && other.standing == admitted {
			other.nudge()
		}
	}
}

// reconsider tells of an ejection again when as many checks in a row as it takes
// say something else. What is silent does not become anything else by more of the
// same, nor by connects that nobody answers: a hung process's queue fills up.
func (g *Gateway) reconsider(s *service, e *endpoint, sign holdfast.Sign, detail string, at time.Duration) {
	more := sign == holdfast.SignMissed || sign == holdfast.SignUnreachable
	e.listen(at)
	switch {
	case g.hearsNothing(s, e, at):
		g.retell(s, e, holdfast.SignSilent, e.soSilent(at)+": "+detail)
	case sign == e.sign || !e.checks.Agreed(s.check.Retries):
	case more && (e.sign == holdfast.SignSilent || e.sign == holdfast.SignMissed):
	default:
		g.retell(s, e, sign, detail)
	}
}

// hearsNothing says whether what is out for missed checks is silent by now. One
// that a client of ours holds up may be unable to do anything else, if it does
// one thing at a time, and is not to be ended for that.
func (g *Gateway) hearsNothing(s *service, e *endpoint, at time.Duration) bool {
	return e.heldUp.Load() == 0 && e.sign == holdfast.SignMissed && e.checks.Mute(s.check.Retries) && e.quiet.Silent(at, g.health.Factor())
}

// retell announces a verdict that stands, by its new evidence.
func (g *Gateway) retell(s *service, e *endpoint, sign holdfast.Sign, detail string) {
	e.sign, e.reason = sign, bounded(detail)
	g.announce(e.verdict(g.name, s))
}

// refused takes a connection that a request was refused into account. Whoever
// needs no check is not judged by it: there would be no way back.
func (g *Gateway) refused(e *endpoint, detail string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e.isRetired() || e.standing != admitted || e.service.check.Disabled {
		return
	}
	g.doubt(e.service, e, holdfast.SignRefused, detail)
	g.settle(e.service)
	e.nudge()
}

// doubt ejects an admitted endpoint, unless it is the last. One that is only as
// slow as those that are out for it is not even that.
func (g *Gateway) doubt(s *service, e *endpoint, sign holdfast.Sign, detail string) {
	switch fleet := s.fleet(); {
	case fleet.Admitted == 1 && !(relative(sign) && fleet.Passive > 0):
		e.stand(kept, detail)
		e.sign = sign
		e.checks = e.checks.Forget()
		e.waits.giveUpCovered() // who waited without a timeout would, for as long as it is silent
		g.announce(e.verdict(g.name, s))
	case relative(sign):
		g.outdone(s, e, sign, detail)
	default:
		g.eject(s, e, sign, detail)
	}
}

// outdone ejects an endpoint that does worse than the others, unless as many are
// out as such evidence may put out.
func (g *Gateway) outdone(s *service, e *endpoint, sign holdfast.Sign, detail string) {
	if s.fleet().MayEject() {
		g.eject(s, e, sign, detail)
		return
	}
	e.reason = bounded("looks bad, but as many as may be are out: " + detail)
}

// relative signs are those that say how a replica stands beside the others.
func relative(sign holdfast.Sign) bool {
	return sign == holdfast.SignErrors || sign == holdfast.SignSlow
}

func (g *Gateway) eject(s *service, e *endpoint, sign holdfast.Sign, detail string) {
	if e.standing == admitted {
		if hold := s.fell(e, sign, now()); hold > 0 {
			detail = bounded(detail) + "; out for at least " + hold.Round(time.Second).String()
		}
	}
	e.stand(ejected, detail)
	e.sign = sign
	e.checks = e.checks.Forget()
	e.pool.drain()
	e.waits.giveUp()
	g.announce(e.verdict(g.name, s))
}

func (g *Gateway) admit(e *endpoint, detail string) {
	e.stand(admitted, detail)
	e.sign, e.held, e.apart = "", 0, 0
	e.checks = e.checks.Begin()
	e.lessons.begin()
	e.admittedAt.Store(int64(e.since))
	e.service.returned(e, e.since)
	g.announce(e.verdict(g.name, e.service))
}

// bury takes the kernel's word. It is the only way out for the last one.
func (g *Gateway) bury(s *service, e *endpoint, detail string) {
	if e.standing == gone {
		return
	}
	if e.standing == ejected && now()-e.since < crashTime {
		s.forgive(e)
	}
	e.stand(gone, detail)
	e.sign = holdfast.SignExit
	e.pool.close()
	g.announce(e.verdict(g.name, s))
}

// stand changes the standing. The reason is bounded: it goes into the journal.
func (e *endpoint) stand(as standing, reason string) {
	e.standing, e.since, e.reason = as, now(), bounded(reason)
}

func bounded(reason string) string { return reason[:min(len(reason), maxDetail)] }

// verdict is the standing as an observation, or nil while there is none.
func (e *endpoint) verdict(by holdfast.GatewayName, s *service) holdfast.Observation {
	switch e.standing {
	case unknown:
		return nil
	case admitted:
		return holdfast.Admitted{Gateway: by, ID: e.ID, Detail: e.reason}
	default:
		return holdfast.Ejected{
			Gateway:   by,
			ID:        e.ID,
			Sign:      e.sign,
			Detail:    e.reason,
			Remaining: s.count(admitted) + s.count(kept),
			Kept:      e.standing == kept,
		}
	}
}

func (s *service) count(as standing) int {
	n := 0
	for _, e := range s.endpoints {
		if e.standing == as {
			n++
		}
	}
	return n
}

// fleet is how the service's replicas stand.
func (s *service) fleet() detect.Fleet {
	f := detect.Fleet{Minimum: s.minimum}
	for _, e := range s.endpoints {
		switch {
		case e.standing == gone:
			continue
		case e.standing == admitted:
			f.Admitted++
		case e.standing == ejected && relative(e.sign):
			f.Passive++
		}
		f.Living++
	}
	return f
}

// settle decides anew whom requests go to: the admitted; those kept, if they
// are all there is; everybody who is not known to be dead, if there is nobody
// else. The caller holds mu.
func (g *Gateway) settle(s *service) {
	g.failOpen(s)
	if s.count(admitted) > 0 {
		g.release(s)
	}
	next := &lineup{trusted: s.count(admitted) > 0}
	for _, e := range s.endpoints {
		switch e.standing {
		case admitted, kept:
			next.usable = append(next.usable, e)
		case unknown, ejected:
			next.standby = append(next.standby, e)
		}
	}
	if len(next.usable) == 0 {
		next.usable, next.standby = next.standby, nil
	}
	before := s.lineup.Load()
	next.await(before)
	if before == nil || before.trusted != next.trusted || !slices.Equal(before.usable, next.usable) || !slices.Equal(before.standby, next.standby) {
		s.lineup.Store(next)
		if before != nil && before.opened != nil && next.trusted {
			close(before.opened)
		}
	}
}

// await begins, or goes on with, the time in which nobody is admitted.
func (l *lineup) await(before *lineup) {
	switch {
	case l.trusted:
	case before == nil || before.opened == nil:
		l.lost, l.opened = now(), make(chan struct{})
	default:
		l.lost, l.opened = before.lost, before.opened
	}
}

// failOpen takes back what traffic's evidence has put out while fewer than half
// are left, the longest out first: too little is known for sure to overload the
// rest.
func (g *Gateway) failOpen(s *service) {
	for s.fleet().FailsOpen() {
		var oldest *endpoint
		for _, e := range s.endpoints {
			if e.standing == ejected && relative(e.sign) && (oldest == nil || e.since < oldest.since) {
				oldest = e
			}
		}
		g.admit(oldest, "used again, for fewer than half are left: "+oldest.reason)
	}
}

// release ejects what was only kept because it was the last.
func (g *Gateway) release(s *service) {
	for _, e := range s.endpoints {
		if e.standing == kept {
			g.eject(s, e, e.sign, e.reason)
		}
	}
}
