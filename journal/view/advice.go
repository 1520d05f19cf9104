package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"holdfast"
	"holdfast/event"
)

// next is what to do now, in the order in which it is to be done: take it, look, mend.
func (i *Incident) next(m *memory) []string {
	steps := []string{"holdfast ack " + string(i.ID) + "   # so that nobody else is woken"}
	if i.By != "" {
		steps = []string{i.By + " has it; holdfast incidents show " + string(i.ID)}
	}
	steps = append(steps, i.advice(m)...)
	var lines []string
	for n, step := range steps {
		lines = append(lines, fmt.Sprintf("%d. %s", n+1, step))
	}
	return lines
}

// advice is for what leads. What forbids its remedy says more than its kind, unless
// the remedy was applied after that.
func (i *Incident) advice(m *memory) []string {
	p := i.lead()
	if !p.overAt().IsZero() {
		return []string{"holdfast status   # what it began with serves again; mend what is still bad, if it does not mend itself"}
	}
	if h, ok := p.Course.forbidden(); ok {
		if steps := p.unblock(h, m); steps != nil {
			return steps
		}
	}
	steps := p.byKind(m)
	if changed := slices.ContainsFunc(i.Changes, func(r Row) bool { return r.Kind == (event.Declared{}).Kind() || r.Kind == (event.Woken{}).Kind() }); changed && p.Facts.Kind != "partition" {
		steps = append(steps, "if what was changed lately may be it: put the file, or the program, back and holdfast reload")
	}
	return steps
}

// forbidden is what was withheld last, with no try since.
func (c Course) forbidden() (Held, bool) {
	if len(c.Withheld) == 0 {
		return Held{}, false
	}
	h := c.Withheld[len(c.Withheld)-1]
	if n := len(c.Tries); n > 0 && c.Tries[n-1].At.After(h.At) {
		return Held{}, false
	}
	return h, true
}

// unblock says how what a guardrail forbids is done nevertheless, or need not be.
func (p Part) unblock(h Held, m *memory) []string {
	replica, logs := string(p.ID.Name()), p.logs()
	end := p.end(m)
	switch h.Guardrail {
	case holdfast.RailPause:
		return []string{"ask who paused, and why: " + cmp.Or(pausedBy(m), "it is not recorded"), "holdfast resume " + m.pausedScope(p.Service) + "   # it is mended by itself then"}
	case holdfast.RailAttempts:
		return []string{logs + "   # why it ends: restarting it does not help", "mend the cause (its input, its disk, what it needs, the last change), then holdfast reload; one more attempt is made whenever the budget has room"}
	case holdfast.RailShadow:
		return []string{logs, end, "by day: holdfast prove FILE " + string(p.Mode) + "   # once it passes, this is done without you"}
	case holdfast.RailUnavailable, holdfast.RailZone:
		return []string{"holdfast status " + string(p.Service) + "   # bring back first what is out already", end}
	case holdfast.RailEverything, holdfast.RailMass:
		return []string{"ask it as a user would, from elsewhere: if it answers, it is our sight that fails", "holdfast doctor; look at what all of them share: disk, memory, network, a dependency, the last change", logs, end}
	case holdfast.RailEvidence:
		return []string{logs + "   # is it stuck, or only slow?", end}
	case holdfast.RailDependency:
		return []string{"look at what it needs first, it is only the symptom: " + h.Why, "holdfast status; it is looked at again when that serves"}
	case holdfast.RailFlapping:
		return []string{logs + "   (" + replica + " comes and goes, which no restart mends)", "look for what comes and goes with it: memory, a timer, a dependency; then holdfast reload"}
	case holdfast.RailVelocity:
		return []string{"nothing at once: it is done by itself in a moment; holdfast status " + string(p.Service)}
	default:
		return nil
	}
}

// logs is the command that shows what a replica printed.
func (p Part) logs() string {
	if p.ID.Ordinal > 0 {
		return "holdfast logs " + string(p.ID.Name())
	}
	return "holdfast logs " + string(p.Service)
}

// end is how a person ends a replica, which then is started again at once.
func (p Part) end(m *memory) string {
	if pid := m.Alive[p.ID.Name()].Pid; pid > 0 {
		return fmt.Sprintf("kill -KILL %d   # if it is stuck: %s is started again at once", pid, p.ID.Name())
	}
	return "end its process by hand if it is stuck (holdfast status --json names the pid): it is started again at once"
}

// byKind is what to do about a kind of failure where no guardrail is in the way.
func (p Part) byKind(m *memory) []string {
	switch p.Facts.Kind {
	case "crash":
		return []string{p.logs() + "   # why it ends", "holdfast status " + string(p.Service)}
	case "hang":
		return []string{"read the evidence, then " + p.logs(), p.end(m)}
	case "slow":
		return []string{"holdfast status " + string(p.Service) + "; " + p.logs(), "compare it with its peers: load on its machine, its disk, what it alone waits for", p.end(m)}
	case "errors":
		return []string{p.logs() + "   # which error, and since when", "if every replica of " + string(p.Service) + " answers so, it is the release or what it needs, not the replica"}
	case "partition":
		return []string{"holdfast doctor; can its address be reached from here? It runs: do not restart it for a broken link", p.logs() + "   # does it miss us, too?"}
	case "overload":
		return []string{"who asks so much? holdfast events; stop it, or", "raise replicas: of " + string(p.Service) + " in the file, then holdfast reload"}
	case "loss":
		return []string{"holdfast status " + string(p.Service) + "; holdfast logs " + string(p.Service), "bring " + string(p.Service) + " back: " + p.callers() + " waits for it, and needs no restart"}
	case "state-loss":
		return []string{"restart nothing of " + string(p.Service) + ": each restart loses the sessions of more users", "by day: keep its sessions outside of its memory, and declare state:"}
	default:
		return p.byNobody()
	}
}

func (p Part) callers() string {
	caller, _, edge := strings.Cut(string(p.Mode), "/")
	if !edge {
		return "who needs it"
	}
	return caller
}

// byNobody is for Holdfast's own processes, for promises, and for what no mode answers
// for.
func (p Part) byNobody() []string {
	switch {
	case p.Facts.Kind != "": // a role's
		return []string{"holdfast status   # does it answer? the keeper starts what ended again", "read .holdfast/log: agent.log, gateway.log, keeper.log", "what is served goes on; if it does not: holdfast up FILE takes over what runs"}
	case p.Mode == "" && p.ID.Ordinal == 0:
		return []string{"holdfast status; holdfast events   # what fails of what it rests on?", "if nothing is known to fail: read the logs of " + cmp.Or(string(p.Service), "what is published") + ", ask it as a user would, look at the last change"}
	case strings.Contains(p.Why, "since the file was changed"):
		return []string{p.logs() + "   # why the new one does not get ready", "put the file back as it was, then holdfast reload: those that still run as before keep serving"}
	default:
		return []string{p.logs() + "   # why it failed", "mend it, then holdfast reload: it is run once more"}
	}
}

// pausedBy is who forbade remedies last.
func pausedBy(m *memory) string {
	if i := m.paused(); i >= 0 {
		return m.Changes[i].Text
	}
	return ""
}

func (m *memory) paused() int {
	for i, r := range slices.Backward(m.Changes) {
		if r.Kind == (event.Paused{}).Kind() {
			return i
		}
	}
	return -1
}

// pausedScope is what is to be resumed: a service by its name, everything by none.
func (m *memory) pausedScope(service holdfast.ServiceName) string {
	if i := m.paused(); i >= 0 && strings.HasPrefix(m.Changes[i].Text, "paused "+string(service)+" ") {
		return string(service)
	}
	return ""
}
