package prove

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/fault"
	"holdfast/internal/proc"
	"holdfast/keeper"
	"holdfast/load"
	"holdfast/report"
	"holdfast/warden"
)

// A call is the drill of how people are told: a copy of its own, in which a replica
// is really lost and nobody but stand-ins is told of it, by two providers of which
// one misbehaves. Whom the file names is told nothing.
type call struct {
	*proving
	mode  holdfast.FailureMode
	by    holdfast.Drill
	stand *stand
	facts callFacts
	// struck is the agent that was ended in the middle of handing over; 0: none was.
	struck int
}

// callFacts are the facts of such a drill. Instants are 0 where it did not come to
// that.
type callFacts struct {
	mode     holdfast.FailureMode
	by       holdfast.Drill
	strikes  holdfast.ReplicaName
	witness  string
	injected time.Duration // when the replica was lost
	opened   time.Duration // when it was known that people are needed
	told     time.Duration // when somebody was told by who says that it has it
	mended   time.Duration
	calmed   time.Duration // when all who were told were told that it is over
	took     []taken
	residue  []string
	entries  []event.Entry
}

// drillPager exercises a failure mode of what tells people.
func (p *proving) drillPager(ctx context.Context, mode holdfast.FailureMode, by holdfast.Drill) (drill report.Drill, err error) {
	standing, err := raise()
	if err != nil {
		return report.Drill{}, err
	}
	defer standing.close()
	inner := *p
	inner.o.File = standing.file(p.o.Program, "")
	inner.o.File.Dir = p.o.File.Dir
	inner.o.System, inner.o.standIn, inner.o.Live = standsFor(), true, false
	p.o.Say(fmt.Sprintf("%s  starting a copy of its own, with stand-ins for providers and people", mode.Name))
	inner.copy, err = startPrivate(ctx, inner.o)
	defer func() { err = errors.Join(err, inner.endCopy()) }()
	if err != nil {
		return report.Drill{}, err
	}
	c := &call{proving: &inner, mode: mode, by: by, stand: standing, facts: callFacts{mode: mode, by: by, strikes: "pager-1"}}
	before, err := warden.TakeSnapshot(c.copy.ledger, c.copy.chronicle.knows, stillThere)
	if err != nil {
		return report.Drill{}, err
	}
	if err := c.happen(ctx); err != nil {
		return report.Drill{}, err
	}
	after, err := warden.TakeSnapshot(c.copy.ledger, c.copy.chronicle.knows, stillThere)
	if err != nil {
		return report.Drill{}, err
	}
	c.facts.residue = warden.Residue(before, after)
	c.facts.took, _ = standing.all()
	c.facts.entries = c.copy.chronicle.all()
	return c.facts.judge(), nil
}

// happen breaks the provider, loses a replica, sees who is told, mends the replica
// and sees who is told that.
func (c *call) happen(ctx context.Context) error {
	c.misbehave()
	victim, err := c.copy.chronicle.victim("errand-1")
	if err != nil {
		return err
	}
	c.o.Say(fmt.Sprintf("%s  %s by a stand-in; kill on %s, pid %d", c.mode.Name, c.by.Fault, victim.ID, victim.Pid))
	c.facts.injected = proc.Now()
	if err := c.kill(ctx, victim); err != nil {
		return err
	}
	if c.by.Fault == "kill" && !c.o.Neuter {
		if err := c.killAgent(ctx); err != nil {
			return err
		}
	}
	late := c.mode.Bounds.Mitigate + watchBeyond
	if err := c.waits(ctx, late, func() bool { return c.told() }); err != nil || c.facts.told == 0 {
		return err
	}
	c.stand.free()
	c.stand.feel("")
	c.facts.mended = proc.Now()
	c.copy.o.File.Text = c.stand.file(c.o.Program, "eject, restart").Text
	if err := c.copy.declare(ctx); err != nil {
		return err
	}
	return c.waits(ctx, c.mode.Bounds.Restore+watchBeyond, c.calmed)
}

// misbehave gives the first stand-in the mood that the drill is about.
func (c *call) misbehave() {
	switch {
	case c.o.Neuter:
	case c.by.Fault == "refuse":
		c.stand.refuse()
	default:
		c.stand.feel(c.by.Fault)
	}
}

// waits is until, for which being late is no error.
func (c *call) waits(ctx context.Context, limit time.Duration, holds func() bool) error {
	err := c.stand.until(ctx, c.copy, limit, holds)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil
	}
	return err
}

// kill ends a process, with its entry in the ledger.
func (c *call) kill(ctx context.Context, victim holdfast.Victim) error {
	kill, ok := fault.Find("kill")
	if !ok {
		return errors.New("there is no fault kill")
	}
	entry, err := c.arm(ctx, kill, victim)
	if err != nil {
		return err
	}
	if err := kill.Inject(ctx, victim); err != nil {
		return err
	}
	return errors.Join(c.copy.warden.Injected(ctx, entry), kill.Undo(ctx, victim), c.copy.warden.Undone(ctx, entry))
}

// killAgent ends the agent once it is in the middle of handing a message over, and
// lets the stand-in answer the next one.
func (c *call) killAgent(ctx context.Context) error {
	inTheMiddle := func() bool { _, bitten := c.stand.all(); return bitten > 0 }
	if err := c.waits(ctx, c.mode.Bounds.Mitigate+watchBeyond, inTheMiddle); err != nil || !inTheMiddle() {
		return err
	}
	client, err := keeper.Dial(ctx, filepath.Join(c.copy.dir, keeper.SocketName), "prove", 0)
	if err != nil {
		return err
	}
	defer client.Close()
	roles, err := client.Roles(ctx)
	if err != nil {
		return err
	}
	for _, role := range roles {
		if role.Name != keeper.Agent {
			continue
		}
		ticks, err := proc.Ticks(role.Pid)
		if err != nil {
			return err
		}
		c.stand.feel("")
		c.struck = role.Pid
		return c.kill(ctx, holdfast.Victim{ID: holdfast.ReplicaID{Service: "agent", Ordinal: 1, Incarnation: holdfast.Incarnation(role.Restarts + 1)}, Pid: role.Pid, Ticks: ticks})
	}
	return errors.New("the private copy has no agent")
}

// told looks who has been told, and who has seen the first stand-in misbehave.
func (c *call) told() bool {
	for _, e := range c.copy.chronicle.all() {
		if opened, ok := e.Body.(event.Opened); ok && !opened.Again {
			c.facts.opened = e.At.Boot
		}
	}
	took, bitten := c.stand.all()
	for _, t := range took {
		if t.said && !t.over && c.facts.told == 0 {
			c.facts.told = t.at
		}
	}
	if c.o.Blind {
		c.facts.witness = ""
	} else if c.facts.witness == "" {
		c.facts.witness = c.saw(bitten)
	}
	return c.facts.told != 0 && c.facts.opened != 0 && (c.facts.witness != "" || c.o.Blind || c.o.Neuter)
}

// saw is what somebody else than the injector saw of the fault: who was kept waiting
// or lied to asked for it, and of a refusal the kernel tells.
func (c *call) saw(bitten int) string {
	if bitten > 0 && c.by.Fault != "kill" {
		return fmt.Sprintf("a stand-in, asked %d times", bitten)
	}
	for _, e := range c.copy.chronicle.all() {
		switch b := e.Body.(type) {
		case event.Undelivered:
			if c.by.Fault == "refuse" && strings.Contains(b.Why, "refused") {
				return "the agent, told by the kernel: " + b.Why
			}
		case event.Woken:
			if c.struck != 0 && b.Pid != c.struck && e.At.Boot > c.facts.injected {
				return fmt.Sprintf("the agent of pid %d, woken in the place of pid %d, which a stand-in had not answered", b.Pid, c.struck)
			}
		}
	}
	return ""
}

// calmed looks whether all who got a page, or may have, were told that it is over.
func (c *call) calmed() bool {
	took, _ := c.stand.all()
	open, last := unended(took)
	if len(open) > 0 {
		return false
	}
	c.facts.calmed = last
	return true
}

// unended are the places that were told that something is bad and not that it is
// over, and when the last was told so.
func unended(took []taken) (open map[string]bool, last time.Duration) {
	open = map[string]bool{}
	for _, t := range took {
		place := fmt.Sprintf("%d/%s", t.by, t.to)
		switch {
		case t.lied:
		case !t.over:
			open[place] = true
		case t.said:
			delete(open, place)
			last = t.at
		}
	}
	return open, last
}

// judge makes the verdict. It is pure. What was to be told is a page, and to each who
// may have got one that it is over; what of it did not come is hurt.
func (f callFacts) judge() report.Drill {
	drill := blank(f.mode, f.by)
	drill.Strikes, drill.Witness, drill.From = f.strikes, f.witness, fromUndo
	if f.opened != 0 {
		drill.Detect = since(f.injected, f.opened)
	}
	if f.told != 0 {
		drill.Mitigate = since(f.injected, f.told)
		drill.Remedies = append(drill.Remedies, string(f.mode.Remedies[0]))
	}
	if f.calmed != 0 {
		drill.Restore = since(f.mended, f.calmed)
	}
	tally := f.tally()
	drill.Sent, drill.Failed, drill.Impact, drill.Below = tally.Sent, tally.Failed, tally.Share(), tally.Below()
	drill.Timeline, drill.Escalated = nil, f.opened != 0
	drill.Verdict, drill.Reason = f.verdict(drill)
	if drill.Verdict == holdfast.Fail {
		drill.Evidence = timeline(f.entries, f.injected, 0, "fault injected", "", evidenceLines)
	}
	return drill
}

func (f callFacts) tally() load.Tally {
	places := map[string]bool{}
	for _, t := range f.took {
		places[fmt.Sprintf("%d/%s", t.by, t.to)] = true
	}
	open, _ := unended(f.took)
	lost := len(open)
	if f.told == 0 {
		lost++
	}
	return load.Tally{Sent: len(places) + 1, Failed: lost}
}

func (f callFacts) verdict(d report.Drill) (holdfast.Verdict, string) {
	all := facts{mode: f.mode, by: f.by, residue: f.residue}
	switch {
	case f.witness == "":
		return undecidable(all, "nobody but the injector saw the fault")
	case f.opened == 0:
		return undecidable(all, "the loss of a replica that nothing mends opened no incident, so that nobody was to be told")
	}
	reasons := said(leftBehind(all), overDetect(d), f.overTold(d), f.overCalm(d), f.twice())
	if len(reasons) > 0 {
		return holdfast.Fail, strings.Join(reasons, "; ")
	}
	return holdfast.Pass, ""
}

func (f callFacts) overTold(d report.Drill) string {
	switch {
	case d.Mitigate == nil:
		return "nobody was told"
	case *d.Mitigate > d.Bounds.Mitigate:
		return fmt.Sprintf("somebody was told only after %s", report.Short(*d.Mitigate))
	default:
		return ""
	}
}

func (f callFacts) overCalm(d report.Drill) string {
	switch {
	case d.Mitigate == nil:
		return "" // overTold says why
	case d.Restore == nil:
		return "somebody was told that a replica is lost, and never that it is back"
	case *d.Restore > d.Bounds.Restore:
		return fmt.Sprintf("all were told that it is over only after %s", report.Short(*d.Restore))
	default:
		return ""
	}
}

// twice says that a page came to one place more often than once. A stand-in that was
// killed for has not said that it took the first.
func (f callFacts) twice() string {
	pages := map[string]int{}
	for _, t := range f.took {
		if t.said && !t.over {
			pages[fmt.Sprintf("%d/%s", t.by, t.to)]++
		}
	}
	for place, n := range pages {
		if n > 1 {
			return fmt.Sprintf("%s was told %d times", place, n)
		}
	}
	return ""
}
