package main

import (
	"testing"

	"holdfast"
	"holdfast/mode"
	"holdfast/report"
)

// What nobody asked to drill this time is not gone, Holdfast's own modes no more
// than the file's; what the file has no more is.
func TestWhatWasNotAskedForIsNotGone(t *testing.T) {
	service := holdfast.Service{Name: "catalog", Command: "./catalog", Manage: holdfast.Full, Replicas: 2}
	crash := mode.Crash().Of(service)
	system := &holdfast.System{Services: []holdfast.Service{service}, Modes: []holdfast.FailureMode{crash, mode.Hang().Of(service)}}
	e := earlier{run: report.Run{Drills: []report.Drill{
		{Mode: "catalog.crash", Fault: "kill"}, {Mode: "catalog.hang", Fault: "stop"}, {Mode: "holdfast.agent-crash", Fault: "kill"}, {Mode: "till.crash", Fault: "kill"},
	}}}
	crash.Drills = []holdfast.Drill{{Fault: "kill"}}
	left := e.comparable(system, []holdfast.FailureMode{crash}).Drills
	if len(left) != 2 || left[0].Mode != "catalog.crash" || left[1].Mode != "till.crash" {
		t.Errorf("compared are %+v, want catalog.crash and till.crash", left)
	}
}
