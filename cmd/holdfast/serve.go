package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"holdfast"
	"holdfast/api"
	"holdfast/event"
	"holdfast/journal/view"
	"holdfast/keeper"
	"holdfast/spec"
	"holdfast/topology"
)

var _ api.Agent = (*agent)(nil)

// Status implements api.Agent.
func (a *agent) Status(ctx context.Context) api.Status {
	status := api.Status{Version: api.Version, Pid: os.Getpid(), Epoch: a.agree.Epoch(), Private: a.private}
	status.View, status.Listeners = a.look()
	status.System = status.View.System
	health := a.journal.Health()
	status.Journal = api.Journal{Unrecorded: health.Unrecorded, Trouble: health.Trouble, Mended: a.mended}
	if state, err := a.gateway.State(ctx); err == nil {
		status.Gateways = append(status.Gateways, state)
	}
	roles, err := a.keeper.Roles(ctx)
	if err == nil {
		for _, role := range roles {
			status.Roles = append(status.Roles, api.Role{Name: string(role.Name), Pid: role.Pid, Restarts: role.Restarts, Since: role.Since})
		}
	}
	return status
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
	read := spec.File{Name: file.Name, Text: []byte(file.Text), Dir: file.Dir}
	system, problems := spec.Read(read, environ())
	if system == nil {
		return &api.Problem{Code: api.BadFile, Message: strings.TrimRight(spec.Render(read, problems, false), "\n")}
	}
	listeners, err := a.keeper.Listen(ctx, topology.Listeners(system, a.private))
	if errors.Is(err, keeper.ErrAddressTaken) {
		return &api.Problem{Code: api.AddressTaken, Message: err.Error(), Hint: "end what listens there, or publish another port in " + file.Name}
	}
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.listeners = listeners
	a.mu.Unlock()
	if a.private {
		arm(system)
	} else if err := a.proofs.of(ctx, *system); err != nil {
		return err
	}
	return a.tell(ctx, event.Declared{System: *system})
}

// arm lets every remedy of a private copy act: a drill shows what a remedy does,
// and that is what arms it elsewhere.
func arm(system *holdfast.System) {
	for i := range system.Modes {
		system.Modes[i].Armed = true
	}
}

// Tell implements api.Agent.
func (a *agent) Tell(ctx context.Context, in event.Body) error { return a.tell(ctx, in) }

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
		Address: found.Address, Listening: found.Listening, Log: found.LogPath, Lines: found.Log,
	}
	if state, err := a.gateway.State(ctx); err == nil {
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
