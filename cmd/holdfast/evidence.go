package main

import (
	"context"
	"path/filepath"
	"time"

	"holdfast"
	"holdfast/capture"
)

// evidenceDir is below the state directory.
const evidenceDir = "evidence"

// camera keeps what can be seen of replicas of this agent.
func (a *agent) camera() *capture.Camera {
	return capture.New(capture.Options{
		Dir:      a.state.path(evidenceDir),
		Look:     a.sight,
		Gateways: []holdfast.Gateway{a.gateway},
		Dump:     a.askForDump,
		Now:      time.Now,
	})
}

func (a *agent) sight(id holdfast.ReplicaID) capture.Sight {
	found := a.processes.Diagnose(id)
	return capture.Sight{State: found.State, Pid: found.Pid, Command: found.Command, Log: found.Log}
}

// askForDump sends the signal that the file declares for it, if it does.
func (a *agent) askForDump(ctx context.Context, id holdfast.ReplicaID) (bool, error) {
	found := a.processes.Diagnose(id)
	if found.Dumps == "" || found.Pid == 0 {
		return false, nil
	}
	return true, a.keeper.Signal(ctx, id, found.Dumps)
}

// keepEvidence is where act finds the camera.
func keepEvidence(c *capture.Camera) func(context.Context, holdfast.ReplicaID) (path, summary string, err error) {
	return func(ctx context.Context, id holdfast.ReplicaID) (string, string, error) {
		name, summary, err := c.Keep(ctx, id)
		if name != "" {
			name = filepath.Join(evidenceDir, name)
		}
		return name, summary, err
	}
}
