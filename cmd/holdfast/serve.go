package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/api"
	"holdfast/event"
	"holdfast/gateway"
	"holdfast/journal/view"
	"holdfast/keeper"
	"holdfast/prove"
	"holdfast/source"
	"holdfast/spec"
	"holdfast/topology"
)

var _ api.Agent = (*agent)(nil)

// Status implements api.Agent.
func (a *agent) Status(ctx context.Context) api.Status {
	status := api.Status{Version: api.Version, Pid: os.Getpid(), Epoch: a.agree.Epoch(), Private: a.private}
	status.View, status.Listeners = a.look()
	status.System = status.View.System
	status.Budgets = a.budgetsNow()
	status.Quiet = a.Duty(ctx).Maintenance
	system := a.inForce()
	status.Secured = slices.Sorted(maps.Keys(topology.Secured(&system)))
	health := a.journal.Health()
	status.Journal = api.Journal{Unrecorded: health.Unrecorded, Trouble: health.Trouble, Mended: a.mended}
	if state, err := answer(ctx, a.gateway.State); err == nil {
		status.Gateways = append(status.Gateways, state)
	} else {
		status.Mute = append(status.Mute, string(gatewayRole))
	}
	roles, err := answer(ctx, a.keeper.Roles)
	if err != nil {
		status.Mute = append(status.Mute, "keeper")
	}
	for _, role := range roles {
		status.Roles = append(status.Roles, api.Role{Name: string(role.Name), Pid: role.Pid, Restarts: role.Restarts, Since: role.Since})
	}
	return status
}

// answerWithin bounds what a person's question asks of another process of ours, which
// answers from memory: one that is stopped must not keep a person from the rest.
const answerWithin = 2 * time.Second

func answer[A any](ctx context.Context, ask func(context.Context) (A, error)) (A, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return ask(ctx)
}

// look is a copy of the view, which the loop goes on changing.
func (a *agent) look() (view.Status, []holdfast.Listener) {
	a.mu.Lock()
	defer a.mu.Unlock()
	text, err := json.Marshal(a.status)
	if err != nil {
		panic("holdfast: the view cannot be written: " + err.Error())
	}
	var copied view.Status
	if err := json.Unmarshal(text, &copied); err != nil {
		panic("holdfast: the view cannot be read back: " + err.Error())
	}
	return copied, a.listeners
}

// Declare implements api.Agent.
func (a *agent) Declare(ctx context.Context, file api.File) error {
	a.declaring.Lock()
	defer a.declaring.Unlock()
	system, _, err := readDeclared(file)
	if err != nil {
		return err
	}
	listeners, err := a.keeper.Listen(ctx, a.listenersFor(system))
	if errors.Is(err, keeper.ErrAddressTaken) {
		return &api.Problem{Code: api.AddressTaken, Message: err.Error(), Hint: "end what listens there, or publish another port in " + file.Name}
	}
	if err != nil {
		return err
	}
	if err := a.pager.listen(system); err != nil {
		return &api.Problem{Code: api.AddressTaken, Message: err.Error(), Hint: "end what listens there, or have `on_call` listen elsewhere in " + file.Name}
	}
	a.mu.Lock()
	a.listeners = listeners
	a.mu.Unlock()
	if a.private {
		arm(system)
		unfix(system)
		unsecure(system)
		a.silence(system)
	} else if err := a.proofs.of(ctx, *system); err != nil {
		return err
	}
	return a.declare(ctx, system)
}

// declare tells the mind, and returns when it has taken the file over: who asks
// for the status next sees the new one.
func (a *agent) declare(ctx context.Context, system *holdfast.System) error {
	a.mu.Lock()
	heard := a.heard
	a.mu.Unlock()
	if err := a.tell(ctx, event.Declared{System: *system}); err != nil {
		return err
	}
	select {
	case <-heard:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readDeclared understands a file as this agent has to: by its own environment.
func readDeclared(file api.File) (*holdfast.System, string, error) {
	read := source.File{Name: file.Name, Text: []byte(file.Text), Dir: file.Dir}
	reading, problems := readSystem(read, environ())
	text := strings.TrimRight(read.Show(problems, false), "\n")
	if reading.System == nil {
		return nil, "", &api.Problem{Code: api.BadFile, Message: text}
	}
	return reading.System, text, nil
}

// listenersFor are the sockets a system needs, and those of edges that it has no
// more: replicas that were started with them are replaced one after the other.
func (a *agent) listenersFor(system *holdfast.System) []holdfast.Listener {
	listeners := topology.Listeners(system, a.private)
	before := a.inForce()
	for _, route := range topology.Routes(&before) {
		stays := slices.ContainsFunc(listeners, func(l holdfast.Listener) bool { return l.Name == route.Listener })
		if route.Caller != "" && !stays {
			listeners = append(listeners, holdfast.Listener{Name: route.Listener, Address: "127.0.0.1:0"})
		}
	}
	return listeners
}

// inForce is the system that was declared last.
func (a *agent) inForce() holdfast.System {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.declared
}

// Compare implements api.Agent.
func (a *agent) Compare(_ context.Context, file api.File) (api.Difference, error) {
	next, warnings, err := readDeclared(file)
	if err != nil {
		return api.Difference{}, err
	}
	now := a.inForce()
	if now.Name != "" && next.Name != now.Name {
		return api.Difference{}, &api.Problem{
			Code: api.BadFile, Message: fmt.Sprintf("%s is the file of another system: %s, and %s runs here", file.Name, next.Name, now.Name),
			Hint: "name the right file; another system needs another --state",
		}
	}
	found := api.Difference{Version: api.Version, Changes: []api.Change{}, Warnings: warnings}
	for _, c := range spec.Compare(&now, next) {
		change := api.Change{Service: c.Service, What: string(c.What), Keys: c.Keys}
		service, _ := next.Service(c.Service)
		if change.Once = c.Replaces && service.Once; c.Replaces && !service.Once {
			before, _ := now.Service(c.Service)
			for n := range min(before.Replicas, service.Replicas) {
				change.Replaced = append(change.Replaced, holdfast.NameReplica(c.Service, n+1))
			}
			change.Alone = len(change.Replaced) == 1
		}
		found.Changes = append(found.Changes, change)
	}
	return found, nil
}

// arm lets every remedy of a private copy act: a drill shows what a remedy does,
// and that is what arms it elsewhere.
func arm(system *holdfast.System) {
	for i := range system.Modes {
		system.Modes[i].Armed = true
	}
}

// unfix lets the replicas of a private copy listen anywhere, as its published
// ports do, so that it meets nobody: where the command says that it listens on
// $PORT. What does not is left at its port, and is refused it when that is taken.
func unfix(system *holdfast.System) {
	for i, service := range system.Services {
		if movable(service) {
			system.Services[i].Listen = nil
		}
	}
}

// unsecure lets a private copy speak in clear text: a drill needs no key, and no
// name that leads to it.
func unsecure(system *holdfast.System) { system.Gateway.TLS = nil }

// silence lets nobody hear of what fails in a private copy: it is meant to. Only one
// that drills how people are told tells stand-ins for them, all on this machine.
func (a *agent) silence(system *holdfast.System) {
	_, err := os.Stat(a.state.path(prove.StandInFile))
	beyond := func(c holdfast.Channel) bool { return !strings.HasPrefix(string(c.Address), "http://127.0.0.1:") }
	if err != nil || slices.ContainsFunc(system.OnCall.Channels, beyond) {
		system.OnCall = holdfast.OnCall{}
	}
}

// movable says that a service listens on $PORT, by its command: wherever it is
// told to, and not at one port.
func movable(s holdfast.Service) bool {
	return strings.Contains(s.Command, "$PORT") || strings.Contains(s.Command, "${PORT")
}

// Tell implements api.Agent. What is held against replicas is held in two places:
// the mind has budgets and back-offs, the gateway hold-downs and what it knows of
// flapping. What people say is judged before, and recorded when Tell returns.
func (a *agent) Tell(ctx context.Context, in event.Body) error {
	if _, is := in.(event.GuardsReset); is && a.private {
		if err := gateway.Dial(a.state.gatewaySocket()).ResetGuards(ctx); err != nil {
			return err
		}
	}
	if !saidByPeople(in) {
		return a.tell(ctx, in)
	}
	if err := a.judge(in); err != nil {
		return err
	}
	return a.sayForGood(ctx, in)
}

// Private implements api.Agent.
func (a *agent) Private() bool { return a.private }

// Entries implements api.Agent.
func (a *agent) Entries(ctx context.Context, after uint64, follow bool, emit func([]event.Entry) error) error {
	if follow {
		return a.journal.Follow(ctx, after, emit)
	}
	status, _ := a.look()
	if status.Seq <= after {
		return nil
	}
	done := errors.New("done")
	err := a.journal.Follow(ctx, after, func(entries []event.Entry) error {
		if err := emit(entries); err != nil {
			return err
		}
		if entries[len(entries)-1].ID.Seq >= status.Seq {
			return done
		}
		return nil
	})
	if errors.Is(err, done) {
		return nil
	}
	return err
}

// LogPath implements api.Agent.
func (a *agent) LogPath(replica holdfast.ReplicaName) (string, bool) {
	_, ok := a.replica(replica)
	return a.processes.LogPath(replica), ok
}

func (a *agent) replica(name holdfast.ReplicaName) (view.ReplicaStatus, bool) {
	status, _ := a.look()
	for _, service := range status.Services {
		for _, replica := range service.Replicas {
			if replica.ID.Name() == name {
				return replica, true
			}
		}
	}
	return view.ReplicaStatus{}, false
}

// Diagnose implements api.Agent.
func (a *agent) Diagnose(ctx context.Context, name holdfast.ReplicaName) (api.Diagnosis, bool) {
	replica, ok := a.replica(name)
	if !ok {
		return api.Diagnosis{}, false
	}
	found := a.processes.Diagnose(replica.ID)
	diagnosis := api.Diagnosis{
		ID: replica.ID, Command: found.Command, Run: found.Run, Dir: found.Dir, State: found.State,
		Address: found.Address, Listening: found.Listening, Elsewhere: found.Elsewhere,
		Log: found.LogPath, Lines: found.Log,
	}
	if state, err := answer(ctx, a.gateway.State); err == nil {
		for _, endpoint := range state.Endpoints {
			if endpoint.ID == replica.ID {
				diagnosis.Tried = endpoint.Reason
			}
		}
	}
	if diagnosis.Address == "" {
		diagnosis.Address = replica.Address
	}
	if diagnosis.State == "" {
		diagnosis.State = fmt.Sprint(replica.State)
	}
	return diagnosis, true
}
