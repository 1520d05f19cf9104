//go:build linux

package main

import (
	"bytes"
	"os"
	"testing"
)

// A container from scratch has no time zones, nor a Go to take them from. What a
// machine has of its own cannot be taken away here: that the program carries them is
// seen in it.
func TestTheProgramKnowsTimeZonesByItself(t *testing.T) {
	t.Parallel()
	h := newHouse(t, `name: pair
owner: web
services:
  cart: {command: ./holdfast toy cart, replicas: 2, ports: ["8080"]}
people:
  ana: {contacts: [{via: bell}]}
channels:
  bell: {command: sh ring.sh}
schedules:
  days: {time_zone: Europe/Berlin, rotations: [{type: weekly, start: 2026-01-05 09:00, users: [ana]}]}
escalation_policies:
  web: {rules: [{notify: days}]}
escalate: web
`)
	h.environ = []string{"GOROOT=/nowhere", "ZONEINFO="}
	h.run("check").exits(exitGood)
	program, err := os.ReadFile(h.program)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(program, []byte("time/tzdata.")) {
		t.Error("the program carries no time zones")
	}
}
