package prove

import (
	"cmp"
	"fmt"
	"time"

	"holdfast"
	"holdfast/event"
)

// Held says why a live drill of a mode does not begin now, if it does not: nobody
// is there to see it, a person has paused what it strikes, or it would spend what
// is not there. The error says that nobody can tell.
func Held(o Options, mode holdfast.FailureMode) (why string, err error) {
	if !o.Live || !runsElsewhere(o.System, mode) {
		return "", nil
	}
	if why, err = closedAt(o.System.Prove.Hours, time.Now()); err != nil {
		return "", err
	}
	if why != "" && !o.OutsideHours {
		return why, nil
	}
	if by, paused := o.paused(mode.Strikes.Service); paused {
		return fmt.Sprintf("%s is paused by %s, and what is paused is not drilled; next: holdfast resume, when whoever paused it agrees", mode.Strikes.Service, by), nil
	}
	purse, before, err := purseOf(o, mode)
	if err != nil {
		return "", err
	}
	return purse.refuses(foresee(mode, o.Rate, before)), nil
}

func (o Options) paused(name holdfast.ServiceName) (by string, paused bool) {
	if o.Paused == nil {
		return "", false
	}
	return o.Paused(name)
}

// purseOf is what a live drill of a mode may spend, and what others have.
func purseOf(o Options, mode holdfast.FailureMode) (purse, []spending, error) {
	p := purse{promise: strictest(o.System, mode.Strikes.Service), share: cmp.Or(o.System.Prove.Budget, budgetShare)}
	if !p.owed() {
		return p, nil, nil
	}
	before, err := readSpent(o.State, time.Now().Add(-p.promise.Window))
	p.spent = total(before)
	return p, before, err
}

// Guarded is what keeps the live drills of a run, a line for each thing.
func Guarded(o Options) ([]string, error) {
	open, err := openLine(o.System.Prove.Hours, time.Now())
	if err != nil {
		return nil, err
	}
	lines := []string{open}
	seen := map[string]bool{}
	for _, mode := range o.Modes {
		if !runsElsewhere(o.System, mode) || Untouchable(o.System, o.Live, mode) != "" {
			continue
		}
		purse, before, err := purseOf(o, mode)
		if err != nil {
			return nil, err
		}
		for _, line := range []string{limitOf(o.System.Prove, mode, o.Rate).line(mode), purseLine(purse, foresee(mode, o.Rate, before), mode)} {
			if !seen[line] {
				seen[line] = true
				lines = append(lines, line)
			}
		}
	}
	return lines, nil
}

// line is the limit as a person reads it.
func (l limit) line(mode holdfast.FailureMode) string {
	text := fmt.Sprintf("abort: %s  a drill ends when more than %s of the requests of %s are hurt", mode.Name, l.Hurt, event.Short(l.Within))
	if l.spared > 0 {
		text += fmt.Sprintf(", and more than the %d that its bound on impact allows", l.spared)
	}
	return text
}

func purseLine(p purse, foreseen time.Duration, mode holdfast.FailureMode) string {
	if !p.owed() {
		return fmt.Sprintf("budget: %s  no promise rests on %s, so there is none", mode.Name, mode.Strikes.Service)
	}
	return fmt.Sprintf("budget: %s  spends about %s; %s", mode.Name, event.Short(foreseen), p)
}
