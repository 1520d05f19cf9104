package prove

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/internal/proc"
	"holdfast/load"
	"holdfast/mode"
	"holdfast/report"
	"holdfast/warden"
)

// A wander is a drill that follows one user at a time: first all steps at one
// replica, then each at another one, with a restart in between. What the user is
// answered must be the same.
type wander struct {
	*proving
	mode     holdfast.FailureMode
	by       holdfast.Drill
	service  holdfast.Service
	open     map[holdfast.ServiceName]door
	walks    report.Walks
	slowest  time.Duration // of the restarts
	witness  string        // of the last restart
	unsaid   string        // why nothing can be said; empty: it can
	last     holdfast.ReplicaName
	restarts []holdfast.ReplicaName // of each step of the walk under way, who was restarted before it; "" where nobody was
	where    []holdfast.ReplicaName // and who was asked; "" for one of another service
}

// bySession tells whether a mode is drilled by following users.
func bySession(m holdfast.FailureMode) bool {
	found, _ := mode.Find(m.Kind)
	return found.BySession
}

// wander makes the drill of a mode that follows users. It needs no load, and no
// control run: a copy that loses sessions would fail it.
func (p *proving) wander(ctx context.Context, m holdfast.FailureMode, by holdfast.Drill) (report.Drill, error) {
	w := &wander{proving: p, mode: m, by: by}
	w.service, _ = p.o.System.Service(m.Strikes.Service)
	addresses, err := p.copy.addresses(ctx)
	if err != nil {
		return report.Drill{}, err
	}
	w.open = doors(p.o.System, addresses)
	before, err := warden.TakeSnapshot(p.copy.ledger, p.copy.chronicle.knows, stillThere)
	if err != nil {
		return report.Drill{}, err
	}
	var lost []string
	for _, session := range p.o.System.Sessions {
		if !slices.Contains(session.Asks(), w.service.Name) || w.unsaid != "" {
			continue
		}
		differs, err := w.follow(ctx, session)
		if err != nil {
			return report.Drill{}, err
		}
		lost = append(lost, said(differs)...)
	}
	after, err := warden.TakeSnapshot(p.copy.ledger, p.copy.chronicle.knows, stillThere)
	if err != nil {
		return report.Drill{}, err
	}
	return w.conclude(lost, warden.Residue(before, after)), nil
}

// conclude makes the verdict. What was seen to be lost is, whatever else could not
// be looked at.
func (w *wander) conclude(lost, residue []string) report.Drill {
	drill := undecided(w.mode, w.by, w.unsaid)
	drill.Strikes, drill.Witness, drill.Walks = holdfast.ReplicaName(w.service.Name), w.witness, &w.walks
	drill.From = fromInjection
	if w.slowest > 0 {
		drill.Restore = since(0, w.slowest)
	}
	late := ""
	if w.slowest > w.mode.Bounds.Restore {
		late = fmt.Sprintf("a restart took %s", report.Short(*drill.Restore))
	}
	if reasons := said(append(lost, leftBehind(facts{residue: residue}), late)...); len(reasons) > 0 {
		drill.Verdict, drill.Reason = holdfast.Fail, strings.Join(reasons, "; ")
		if len(lost) > 0 {
			drill.Help = []string{fmt.Sprintf("keep what a session needs where every replica of %s finds it, also after a restart: a shared store, or in what the user sends", w.service.Name)}
		}
	} else if w.unsaid == "" {
		drill.Verdict, drill.Reason = w.unharmed()
	}
	return drill
}

// unharmed is the verdict where nothing was seen to be lost. Where no user came back
// after a restart nothing could be.
func (w *wander) unharmed() (holdfast.Verdict, string) {
	if w.walks.Restarts > 0 {
		return holdfast.Pass, ""
	}
	return holdfast.Skip, fmt.Sprintf("no session asks %s a second time, so that nothing it forgets would be missed; next: a step that asks it for what an earlier one left there", w.service.Name)
}

// follow walks through a session, and says which step lost what the ones before it
// had left, if one did.
func (w *wander) follow(ctx context.Context, session holdfast.Session) (string, error) {
	if why := unsendable(w.o.System, session, w.open); why != "" && !w.onlyHere(session) {
		w.unsaid = fmt.Sprintf("the session %s cannot be followed: %s", session.Name, why)
		return "", nil
	}
	w.walks.Sessions++
	references, err := w.references(ctx, session)
	if err != nil || w.unsaid != "" {
		return "", err
	}
	w.restarts, w.where, w.last = nil, nil, ""
	turn := 0
	answers, err := w.walk(ctx, session, func(step int) (string, error) {
		return w.elsewhere(ctx, session.Steps[step-1].On, &turn)
	})
	if w.unsaid != "" {
		return "", ctx.Err()
	}
	if err != nil {
		return "", err
	}
	return w.compare(session, answers, references), nil
}

// onlyHere tells whether all of a session's steps ask the struck service: its
// replicas are asked themselves, and no door is needed.
func (w *wander) onlyHere(session holdfast.Session) bool {
	return len(session.Asks()) == 1 && spared(w.o.System, w.service.Name) == ""
}

// references are what a user is answered by one replica that nobody restarts. It is
// asked twice, of two replicas where there are two: what differs even so differs by
// itself, and could not be told from what is lost.
func (w *wander) references(ctx context.Context, session holdfast.Session) (walks [2][]load.Answer, err error) {
	for i := range walks {
		name := holdfast.NameReplica(w.service.Name, i%w.service.Replicas+1)
		answers, err := w.walk(ctx, session, func(step int) (string, error) {
			return w.at(session.Steps[step-1].On, name)
		})
		if err != nil {
			return walks, err
		}
		last := answers[len(answers)-1]
		if last.Failed != "" {
			w.unsaid = fmt.Sprintf("%s is not answered well even by %s alone and without any restart: %s; next: correct what the step expects, or its service", called(session, last.Step), name, last.Failed)
			return walks, nil
		}
		walks[i] = answers
	}
	for i, answer := range walks[1] {
		if differs := load.Differs(answer, walks[0][i], session.Steps[i].Expect.Volatile); differs != "" {
			w.unsaid = fmt.Sprintf("%s is answered differently to two users who were each at one replica, without any restart: %s; next: name what may differ, `expect: {volatile: […]}` in that step", called(session, answer.Step), differs)
			return walks, nil
		}
	}
	return walks, nil
}

// compare finds the first step that was answered otherwise than by one replica. What
// a step captures is its user's own, unless two users captured the same: then it is
// what the service knows, and one who comes back after a restart has to find it.
func (w *wander) compare(session holdfast.Session, answers []load.Answer, references [2][]load.Answer) string {
	reference, shared := references[0], []string(nil)
	if first := slices.IndexFunc(w.restarts, func(name holdfast.ReplicaName) bool { return name != "" }); first >= 0 {
		shared = load.Alike(references[0], references[1], first)
	}
	for i, answer := range answers {
		w.walks.Answers++
		differs := answer.Failed
		if differs == "" {
			differs = load.Differs(answer.Owning(shared), reference[i].Owning(shared), session.Steps[i].Expect.Volatile)
		}
		if differs == "" {
			continue
		}
		w.walks.Differ++
		return fmt.Sprintf("%s: %s: %s; on one replica, without a restart, it was answered well", called(session, answer.Step), w.asked(i), differs)
	}
	return ""
}

// asked says who answered a step of the walk, and what had happened before it.
func (w *wander) asked(i int) string {
	who := "through the gateway"
	if w.where[i] != "" {
		who = "on " + string(w.where[i])
	}
	for j := i; j >= 0; j-- {
		if w.restarts[j] != "" {
			return who + " after " + string(w.restarts[j]) + " was restarted"
		}
	}
	return who
}

// called is a step as a person finds it in the file.
func called(session holdfast.Session, step int) string {
	s := session.Steps[step-1]
	return fmt.Sprintf("step %d, %s %s of session %s", step, s.Method, s.Path, session.Name)
}

func (w *wander) walk(ctx context.Context, session holdfast.Session, at func(step int) (string, error)) ([]load.Answer, error) {
	return load.Walk(ctx, sendable(session, w.open), load.Way{
		ID: fmt.Sprintf("hf-%016x", w.rng.Uint64()), Timeout: patience, At: at,
		Look: func(name string) (string, bool) { return variable(w.o.Environ, name) },
	})
}

// at is where a service is asked: the struck one at a replica, others as their
// users do.
func (w *wander) at(service holdfast.ServiceName, name holdfast.ReplicaName) (string, error) {
	if service != w.service.Name {
		return w.open[service].address, nil
	}
	l, ok := w.copy.chronicle.life(name)
	if !ok || l.started.Address == "" {
		return "", fmt.Errorf("%s has no address", name)
	}
	return l.started.Address, nil
}

// elsewhere is where the next step of the walk is asked: the struck service at
// another replica than the one before, which is restarted first.
func (w *wander) elsewhere(ctx context.Context, service holdfast.ServiceName, turn *int) (string, error) {
	var name, restarted holdfast.ReplicaName
	if service == w.service.Name {
		if restarted = w.last; restarted != "" {
			if err := w.restart(ctx, restarted); err != nil {
				return "", err
			}
		}
		name = holdfast.NameReplica(service, *turn%w.service.Replicas+1)
		w.last = name
		*turn++
	}
	w.restarts, w.where = append(w.restarts, restarted), append(w.where, name)
	return w.at(service, name)
}

// errUnsaid ends a walk of which nothing can be said.
const errUnsaid = holdfast.Refusal("nothing can be said of this walk")

// restart kills a replica, has it witnessed, and waits until it serves again.
func (w *wander) restart(ctx context.Context, name holdfast.ReplicaName) error {
	killing, err := w.proving.fault(w.mode, w.by)
	if err != nil {
		return err
	}
	d := &drilling{proving: w.proving, mode: w.mode, by: w.by, service: w.service, fault: killing}
	if d.victim, err = w.copy.chronicle.victim(name); err != nil {
		return err
	}
	if d.generator, err = w.copy.generator(ctx, w.watching(d.victim)); err != nil {
		return err
	}
	defer d.generator.Stop(atOnce())
	w.o.Say(d.announcement())
	if err := d.inject(ctx); err != nil {
		return err
	}
	if err := w.back(ctx, d); err != nil {
		return err
	}
	if err := d.undo(ctx); err != nil {
		return err
	}
	w.walks.Restarts++
	if w.unsaid != "" {
		return errUnsaid
	}
	return w.copy.client.ResetGuards(ctx, "prove")
}

// back waits until a killed replica was seen to end and serves again.
func (w *wander) back(ctx context.Context, d *drilling) error {
	limit := w.mode.Bounds.Restore + watchBeyond
	err := d.watch(ctx, func() bool { return d.witness() != "" && d.whole() || proc.Now()-d.injected >= limit })
	if err != nil {
		return err
	}
	took := proc.Now() - d.injected
	w.witness, w.slowest = cmp.Or(d.witness(), w.witness), max(w.slowest, took)
	switch {
	case d.witness() == "":
		w.unsaid = "nobody but the injector saw the fault: " + unseen(facts{by: w.by, victim: d.victim})
	case !d.whole():
		w.unsaid = fmt.Sprintf("%s was not back %s after it was killed: %s", d.victim.ID.Name(), report.Short(millis(took)), w.copy.diagnose(ctx))
	}
	return nil
}

// whole tells whether another incarnation serves in the victim's place, and
// everybody else does.
func (d *drilling) whole() bool {
	return d.replaced() && len(d.copy.chronicle.missing(d.o.System)) == 0
}

// watching is the plan of the witness: it asks the replica now and then, and is
// told of its end by the kernel.
func (w *wander) watching(victim holdfast.Victim) load.Plan {
	target := itself(w.service, victim.ID, victim.Address)
	target.Weight = 1
	plan := load.Plan{Seed: w.o.Seed, Rate: askItself, For: longest, Targets: []load.Target{target}, Timeout: patience, Late: late, Fresh: 1, Cap: 100}
	if !w.o.Blind {
		plan.Watch = []load.Watch{{Pid: victim.Pid, Ticks: victim.Ticks}}
	}
	return plan
}
