package view

import (
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
)

// What ran once, to its end, counts as there; what failed is open until it is
// tried again and ends well.
func TestWhatRunsOnceIsCompletedOrOpen(t *testing.T) {
	system := shop("web*1:8080>migrate", "migrate*1")
	system.Services[1].Once = true
	var s Status
	add := func(body event.Body) {
		s.Add(event.Entry{ID: event.ID{Writer: "agent", Seq: s.Seq + 1}, Body: body})
	}
	migrate := func(n holdfast.Incarnation) holdfast.ReplicaID {
		return holdfast.ReplicaID{Service: "migrate", Ordinal: 1, Incarnation: n}
	}
	add(event.Declared{System: system})
	add(holdfast.Started{ID: migrate(1), Lacks: "memory: none here"})
	add(holdfast.Exited{ID: migrate(1), Status: holdfast.ExitStatus{Code: 7}, Ran: time.Second})
	add(event.Escalated{ID: migrate(1), Owner: "web", Why: "exit 7 after 1s"})
	r := s.Services[1].Replicas[0]
	if r.State != Exited || r.Lacks != "memory: none here" || len(s.Failures) != 1 || !s.Failures[0].NeedsYou || s.Services[1].Admitted != 0 {
		t.Fatalf("replica %+v, failures %+v", r, s.Failures)
	}
	add(event.Declared{System: system})
	if len(s.Failures) != 0 {
		t.Fatalf("declared again, and open: %+v", s.Failures)
	}
	add(holdfast.Started{ID: migrate(2)})
	add(holdfast.Exited{ID: migrate(2)})
	add(holdfast.Admitted{Gateway: "g", ID: holdfast.ReplicaID{Service: "web", Ordinal: 1, Incarnation: 1}})
	if r := s.Services[1].Replicas[0]; s.Services[1].Admitted != 1 || !s.Serving {
		t.Fatalf("replica %+v, serving %v", r, s.Serving)
	}
}

// A person was called, and then evidence was kept: the screen went on to say
// that something is being captured, and no longer whom it waits for.
func TestEvidenceDoesNotHideWhoIsCalled(t *testing.T) {
	var s Status
	add := func(body event.Body) {
		s.Add(event.Entry{ID: event.ID{Writer: "agent", Seq: s.Seq + 1}, Body: body})
	}
	id := holdfast.ReplicaID{Service: "cache", Ordinal: 1, Incarnation: 1}
	add(event.Declared{System: shop("cache*1:8080")})
	add(event.Detected{Mode: "cache.hang", ID: id, Sign: holdfast.SignMissed})
	add(event.Escalated{Mode: "cache.hang", ID: id, Owner: "me", Why: "no remedy is declared"})
	add(event.Decided{Do: event.ActCapture, Mode: "cache.hang", ID: id})
	add(event.Captured{ID: id, Path: "evidence/cache-1"})
	if f := s.Failures; len(f) != 1 || f[0].Doing != "escalated to me: no remedy is declared" || f[0].Evidence != "evidence/cache-1" {
		t.Errorf("failures %+v", f)
	}
}

// What drains is in use nowhere, for as long as a download may take; it was shown
// as admitted.
func TestWhatDrainsIsInUseNowhere(t *testing.T) {
	var s Status
	add := func(body event.Body) {
		s.Add(event.Entry{ID: event.ID{Writer: "agent", Seq: s.Seq + 1}, Body: body})
	}
	id := holdfast.ReplicaID{Service: "cache", Ordinal: 1, Incarnation: 1}
	add(event.Declared{System: shop("cache*1:8080")})
	add(holdfast.Started{ID: id})
	add(holdfast.Admitted{Gateway: "g", ID: id})
	add(event.Decided{Do: event.ActDrain, ID: id})
	if r := s.Services[0].Replicas[0]; r.State != Running || len(r.AdmittedBy) > 0 || s.Services[0].Admitted != 0 || r.Reason == "" {
		t.Errorf("it drains as %+v", r)
	}
	add(holdfast.Admitted{Gateway: "g", ID: id})
	if r := s.Services[0].Replicas[0]; r.State != Admitted || s.Services[0].Admitted != 1 {
		t.Errorf("taken back it is %+v", r)
	}
}
