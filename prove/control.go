package prove

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/load"
	"holdfast/report"
)

const (
	// controlFor is the length of the control run: at the default rate 600
	// requests, which tell 99.9 % from 99.5 % most of the time.
	controlFor = 3 * time.Second
	// lowered is how often the rate is halved before a copy counts as one that
	// cannot be loaded at all.
	lowered = 3
	// late is when a good answer is too late to be one: the default timeout of
	// a dependency. A promise on latency will say better.
	late = time.Second
	// patience is how long a user of the load waits for an answer.
	patience = 5 * time.Second
	// fresh is the share of requests on a connection of their own: kept and
	// fresh connections see a dead replica quite differently.
	fresh = 0.2
	// underWay bounds the requests in flight: five seconds of a rate of 1,000.
	underWay = 5000
	// longest is the hard end of one load, whatever happens to who watches it.
	longest = 5 * time.Minute
)

// errNoLoad says that nothing of the system can be asked.
const errNoLoad = holdfast.Refusal("no published HTTP route and no edge leads to what is to be drilled: publish a service with ports, or let another depend on it")

// control asks the copy without breaking it. What fails now would be blamed on
// the fault later, so it must be clean; a copy that cannot bear the rate gets
// less, and it is said.
func (p *proving) control(ctx context.Context) error {
	all, err := p.copy.asking(ctx, p.struck(), p.sessions())
	if err != nil {
		return err
	}
	if len(all.targets) == 0 {
		return errNoLoad
	}
	p.rate = p.o.Rate
	for range lowered {
		before := len(p.copy.chronicle.all())
		record, err := p.ask(ctx, all)
		if err != nil {
			return err
		}
		seen := load.Impact(record.Results)
		p.run.Control = report.Control{Sent: seen.Sent, Failed: seen.Failed, Late: seen.Late, Rate: p.rate, P99: float64(millis(record.P99))}
		if fell := p.copy.chronicle.fell(p.o.System, before); fell != "" {
			return fmt.Errorf("the control run failed: without any fault %s", fell)
		}
		if wrong := p.audit(ctx, all, record.Results); len(wrong.wrong) > 0 || wrong.unknown != "" {
			return fmt.Errorf("the control run failed: without any fault, %s; %s", strings.Join(said(append(wrong.wrong, wrong.unknown)...), "; "), p.statesLost())
		}
		if seen.Hurt() == 0 && record.Capped == 0 {
			p.o.Say(report.ControlLine(p.run.Control))
			return nil
		}
		if n := portless(record.Results); n > 0 {
			return fmt.Errorf("the control run failed: this machine had no port left from which %d of %d requests could be sent; next: %s", n, seen.Sent, morePorts)
		}
		err = fmt.Errorf("the control run failed: without any fault %d of %d requests were hurt, the first: %s", seen.Hurt(), seen.Sent, firstHurt(record.Results))
		if onlySessions(record.Results) && record.Capped == 0 {
			return fmt.Errorf("%w; only steps of sessions were hurt: %s", err, p.statesLost())
		}
		if p.rate /= 2; p.rate < minReached/controlFor.Seconds() {
			return err
		}
		p.o.Say(fmt.Sprintf("%v; trying %.0f/s", err, p.rate))
	}
	return fmt.Errorf("the control run failed: %d of %d requests were hurt without any fault", p.run.Control.Failed+p.run.Control.Late, p.run.Control.Sent)
}

func (p *proving) ask(ctx context.Context, all asking) (load.Record, error) {
	plan := p.plan(all, "", controlFor+p.ramp())
	generator, err := p.copy.generator(ctx, plan)
	if err != nil {
		return load.Record{}, err
	}
	select {
	case <-time.After(plan.For):
	case <-generator.Done():
	case <-ctx.Done():
	case <-p.copy.warden.Lost():
		generator.Stop(ctx)
		return load.Record{}, p.copy.lost()
	}
	record, err := generator.Stop(ctx)
	if ctx.Err() != nil {
		return record, ctx.Err()
	}
	return record, err
}

// plan is a load of what is to be asked, a part of it straight from who is struck,
// in the way that the file says.
func (p *proving) plan(all asking, struck holdfast.ServiceName, length time.Duration) load.Plan {
	said := p.o.System.Load
	plan := load.Plan{
		Seed: p.o.Seed, Rate: p.rate, For: length, Targets: weigh(all.targets, struck), Sessions: slices.Clone(all.sessions),
		Timeout: patience, Late: late, Fresh: fresh, Cap: underWay, Arrivals: said.Arrivals, Ramp: p.ramp(),
	}
	if len(plan.Sessions) > 0 {
		share(plan.Targets, plan.Sessions)
	}
	if length == longest {
		plan.For = time.Duration(float64(length) / max(1, plan.PerArrival())) // a load has room for so many requests
	}
	if said.Fresh != nil {
		plan.Fresh = *said.Fresh
	}
	if p.o.Live {
		plan.HTTP2 = said.HTTP2 // the gateway of a copy speaks HTTP/1.1 to its users
	}
	return plan
}

// ramp is how long a load takes to rise. Nothing is broken meanwhile.
func (p *proving) ramp() time.Duration { return p.o.System.Load.Ramp }

func firstHurt(results []load.Result) string {
	for _, result := range results {
		if result.Hurt() {
			return describe(result)
		}
	}
	return "none"
}
