package faulttest

import (
	"os"
	"testing"

	"holdfast"
	"holdfast/internal/proc"
)

func TestMain(m *testing.M) {
	Main(Stop{})
	os.Exit(m.Run())
}

// The kit is tried on a fault that has something to undo, so that its checks of
// undo are known to mean something.
func TestStopKeepsTheContract(t *testing.T) {
	Run(t, func() holdfast.Fault { return Stop{} }, Effect{
		Bitten: Stopped,
		Healed: func(v holdfast.Victim) bool { return proc.Alive(v.Pid, v.Ticks) && !Stopped(v) },
	})
}
