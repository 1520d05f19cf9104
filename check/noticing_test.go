package check

import (
	"testing"
	"time"

	"holdfast"
	"holdfast/decide"
	"holdfast/diagnostic"
	"holdfast/mode"
)

// What is said of remedies is what those do who decide.
func TestDecisionsAreTheirs(t *testing.T) {
	hang := mode.Hang().Of(holdfast.Service{Name: "web", Manage: holdfast.Full})
	out := decide.Choose(decide.Case{Mode: hang, Sign: holdfast.SignSilent, Alive: true, FailedAt: time.Hour, Now: time.Hour})
	if out.Again-time.Hour != holdfast.Settling {
		t.Errorf("a silent process is left alone for %s, not %s", out.Again-time.Hour, holdfast.Settling)
	}
	partition := decide.Choose(decide.Case{
		Mode: holdfast.FailureMode{Kind: "partition", Remedies: []holdfast.Remedy{holdfast.RemedyRestart}}, Armed: true,
		Sign: holdfast.SignUnreachable, Alive: true, Replicas: 2, Doubted: 1, Rails: holdfast.Guardrails{MaxActions: holdfast.Rate{Count: 5, Per: time.Hour}, MaxUnavailable: 2},
	})
	if partition.Withheld == "" {
		t.Error("a process is ended for a link: then a restart for it can make it worse")
	}
	errors := decide.Choose(decide.Case{
		Mode: holdfast.FailureMode{Kind: "errors", Remedies: []holdfast.Remedy{holdfast.RemedyRestart}}, Armed: true,
		Sign: holdfast.SignErrors, Alive: true, Replicas: 2, Doubted: 1, Rails: holdfast.Guardrails{MaxActions: holdfast.Rate{Count: 5, Per: time.Hour}, MaxUnavailable: 2},
	})
	if errors.Withheld != "" {
		t.Errorf("what answers with errors is never ended (%s): then it need not be said", errors.Withheld)
	}
}

// A check may be an interval away. Standard ones notice a hang within 2 s, below
// the 3 s that it is allowed.
func TestHowSoonChecksNotice(t *testing.T) {
	for name, c := range map[string]struct {
		check       holdfast.Healthcheck
		most, least time.Duration
	}{
		"standard":      {holdfast.Healthcheck{Interval: time.Second, Timeout: 300 * time.Millisecond, Retries: 2}, 1900 * time.Millisecond, 300 * time.Millisecond},
		"once":          {holdfast.Healthcheck{Interval: 5 * time.Second, Timeout: 300 * time.Millisecond, Retries: 1}, 5800 * time.Millisecond, 300 * time.Millisecond},
		"four in two":   {holdfast.Healthcheck{Interval: time.Second, Timeout: time.Second, Retries: 4}, 3500 * time.Millisecond, 2 * time.Second},
		"one at a time": {holdfast.Healthcheck{Interval: time.Second, Timeout: 10 * time.Second, Retries: 2}, 11600 * time.Millisecond, 10 * time.Second},
	} {
		s := holdfast.Service{Name: "web", Protocol: holdfast.HTTP, Manage: holdfast.Full, Healthcheck: c.check}
		of := &judging{services: map[holdfast.ServiceName]holdfast.Service{"web": s}}
		n, checked := of.noticed(mode.Hang().Of(s))
		if !checked || n.most != c.most || n.least != c.least {
			t.Errorf("%s: noticed between %s and %s (%v), want %s and %s", name, n.least, n.most, checked, c.least, c.most)
		}
	}
}

// What one line of the defaults mends is said once, and there, however many
// services have it.
func TestOneLineIsOneFinding(t *testing.T) {
	services := "services:\n"
	for _, name := range []string{"a", "b", "c", "d"} {
		services += "  " + name + ": {command: ./" + name + ", replicas: 2, ports: [\"808" + string(name[0]-'a'+'0') + "\"]}\n"
	}
	for defaults, want := range map[string]diagnostic.Code{
		"defaults: {healthcheck: {timeout: 10s}}\n":  "HF2405",
		"defaults: {bounds: {detect: 200ms}}\n":      "HF2405",
		"defaults: {bounds: {restore: 2s}}\n":        "HF2405",
		"defaults: {healthcheck: {interval: 10s}}\n": "HF2410",
		"defaults: {bounds: {detect: 1s}}\n":         "HF2410",
	} {
		_, problems := judge(t, defaults, "name: shop\nowner: us\n"+defaults+services, Facts{})
		var of []diagnostic.Problem
		for _, p := range problems {
			if p.Code == want {
				of = append(of, p)
			}
		}
		if len(of) != 1 || of[0].Line != 3 {
			t.Errorf("%s gives %d of %s, want one in line 3: %+v", defaults, len(of), want, of)
		}
	}
}
