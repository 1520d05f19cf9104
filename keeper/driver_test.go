package keeper

import (
	"os"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/driver/drivertest"
	processes "holdfast/driver/process"
)

// TestTheProcessDriverKeepsItsContractOverThisKeeper holds the two together:
// each has tests of its own against a stand-in for the other, and a stand-in
// may be wrong.
func TestTheProcessDriverKeepsItsContractOverThisKeeper(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) drivertest.Harness {
		h := newHouse(t)
		told := follow(t, h.begin())
		return drivertest.Harness{
			Driver: func(t *testing.T) holdfast.Driver {
				d, err := processes.New(processes.Options{Keeper: h.dial("test", 0), State: h.path("driver"), Environ: os.Environ()})
				if err != nil {
					t.Fatal(err)
				}
				return d
			},
			Replica: func(ordinal int, incarnation holdfast.Incarnation) holdfast.DesiredReplica {
				return holdfast.DesiredReplica{
					ID: holdfast.ReplicaID{Service: "catalog", Ordinal: ordinal, Incarnation: incarnation},
					Service: holdfast.Service{
						Name: "catalog", Command: "sleep 600", Manage: holdfast.Full, Replicas: 3, Protocol: holdfast.HTTP,
						WorkingDir: "/", StopSignal: "SIGTERM", StopGrace: 10 * time.Second,
					},
				}
			},
			Living: func(t *testing.T) []holdfast.ReplicaID {
				var living []holdfast.ReplicaID
				for _, name := range h.marked() {
					if id, err := holdfast.ParseReplicaID(name); err == nil {
						living = append(living, id)
					}
				}
				return living
			},
			Kill: func(t *testing.T, started holdfast.Started) {
				if err := syscall.Kill(started.Pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				told.find(t, "the exit", exited(started.ID)) // before that the keeper may still say that it lives
			},
		}
	})
}
