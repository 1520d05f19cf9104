package prove

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"holdfast"
	"holdfast/mode"
	"holdfast/proof"
	"holdfast/report"
)

// inspect notes what verdicts will rest on, before a copy starts what it names.
// That is what the file declares: a mode that is drilled by other faults than the
// file's is the same mode.
func (p *proving) inspect(ctx context.Context) {
	if p.bases == nil {
		p.bases = proof.NewBases(p.o.State, os.Environ())
	}
	p.on = p.basesOf(ctx, p.o.Modes...)
}

// basesOf looks at what some modes rest on and at nothing else: each service
// that is looked at costs several questions to git.
func (p *proving) basesOf(ctx context.Context, modes ...holdfast.FailureMode) map[holdfast.ModeName]proof.Basis {
	some := *p.o.System
	some.Modes = slices.DeleteFunc(slices.Concat(some.Modes, mode.OfHoldfast(&some)), func(m holdfast.FailureMode) bool {
		return !slices.ContainsFunc(modes, func(drilled holdfast.FailureMode) bool { return drilled.Name == m.Name })
	})
	return p.bases.Of(ctx, &some)
}

// keep writes a verdict down where an agent finds it, unless nobody could say
// what it was made on. A drill without a witness is a drill of the drill, and no
// proof of anything.
func (p *proving) keep(ctx context.Context, of holdfast.FailureMode, drill report.Drill) {
	if p.o.Blind || drill.Verdict == holdfast.Skip {
		return
	}
	basis := p.on[of.Name]
	if basis.Why == "" && p.basesOf(ctx, of)[of.Name] != basis {
		basis.Why = "what it was made on changed meanwhile"
	}
	if basis.Why != "" {
		p.notKept(drill, basis.Why)
		return
	}
	err := proof.Keep(p.o.State, proof.Kept{
		Mode: drill.Mode, Fault: drill.Fault, Basis: basis.Digest, Verdict: drill.Verdict, At: time.Now().UTC().Round(0),
		Detect: span(drill.Detect), Mitigate: span(drill.Mitigate), Restore: span(drill.Restore),
		Sent: drill.Sent, Hurt: drill.Failed + drill.Late, Witness: drill.Witness, Reason: drill.Reason,
	})
	if err != nil {
		p.notKept(drill, err.Error())
	}
}

func (p *proving) notKept(drill report.Drill, why string) {
	p.o.Say(fmt.Sprintf("%s  this verdict is not kept, and arms nothing: %s", drill.Mode, why))
}

func span(m *report.Millis) *time.Duration {
	if m == nil {
		return nil
	}
	took := time.Duration(float64(*m) * float64(time.Millisecond))
	return &took
}
