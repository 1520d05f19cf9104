package process

import (
	"os"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/driver/drivertest"
)

func TestTheContract(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) drivertest.Harness {
		k, state := newKeeper(t), t.TempDir()
		return drivertest.Harness{
			Driver: func(t *testing.T) holdfast.Driver { return newDriver(t, k, state) },
			Replica: func(ordinal int, incarnation holdfast.Incarnation) holdfast.DesiredReplica {
				return running("catalog", ordinal, incarnation, "sleep 600")
			},
			Living: func(*testing.T) []holdfast.ReplicaID { return k.living() },
			Kill: func(t *testing.T, started holdfast.Started) {
				if err := syscall.Kill(started.Pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

func newDriver(t *testing.T, k holdfast.Keeper, state string, environ ...string) *Driver {
	t.Helper()
	d, err := New(Options{Keeper: k, State: state, Environ: append(os.Environ(), environ...)})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// running is a replica with a command, in a directory that is always there.
func running(service holdfast.ServiceName, ordinal int, incarnation holdfast.Incarnation, command string) holdfast.DesiredReplica {
	return holdfast.DesiredReplica{
		ID: holdfast.ReplicaID{Service: service, Ordinal: ordinal, Incarnation: incarnation},
		Service: holdfast.Service{
			Name: service, Command: command, Manage: holdfast.Full, Replicas: 3, Protocol: holdfast.HTTP,
			WorkingDir: "/", StopSignal: "SIGTERM", StopGrace: 10 * time.Second,
		},
	}
}
