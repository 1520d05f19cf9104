package api

import (
	"reflect"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
)

func TestWhatPeopleSayArrives(t *testing.T) {
	h := serve(t, &stub{})
	at := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	all := []event.Body{
		event.Acknowledged{Incident: "20261127-1", By: "ana", Via: "command line"},
		event.Noted{Incident: "20261127-1", By: "ana", Text: "it is the disk"},
		event.Amended{Incident: "20261127-1", Moment: event.MomentImpact, To: at, By: "ana", Why: "a user wrote"},
		event.Promised{Incident: "20261127-1", Number: 1, What: "a larger disk", Owner: "ben", Due: at, By: "ana"},
		event.Closed{Incident: "20261127-1", By: "ana", Waiver: &event.Waiver{Owner: "web", Reason: "moving", Until: at}},
		event.Overridden{Override: holdfast.Override{Schedule: "days", Person: "ben", From: at, Until: at.Add(time.Hour), By: "ana"}},
		event.MaintenanceBegan{Services: []holdfast.ServiceName{"cart"}, Until: at, By: "ana", Why: "new disk"},
		event.MaintenanceEnded{By: "ana"},
	}
	for _, in := range all {
		if err := h.Say(t.Context(), in); err != nil {
			t.Errorf("%s: %v", in.Kind(), err)
		}
	}
	if !reflect.DeepEqual(h.told, all) {
		t.Errorf("told %v, want %v", h.told, all)
	}
	bad := serve(t, &stub{refuses: &Problem{Code: Unknown, Message: "no"}})
	if got := refused(t, bad.Say(t.Context(), all[0])); got.Code != Unknown {
		t.Errorf("got %+v", got)
	}
	if h.Say(t.Context(), event.Opened{}) == nil {
		t.Error("what only the mind says is taken from people")
	}
}

func TestIncidentsAndDutyArriveWhole(t *testing.T) {
	h := serve(t, &stub{})
	want, _ := h.stub.Incidents(t.Context(), "")
	for _, id := range []holdfast.IncidentID{"", "20261127-1"} {
		if got, err := h.Client.Incidents(t.Context(), id); err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("%q: %+v, error %v", id, got, err)
		}
	}
	_, err := h.Client.Incidents(t.Context(), "20261127-2")
	if got := refused(t, err); got.Code != Unknown || got.Message != `there is no incident "20261127-2"` {
		t.Errorf("got %+v", got)
	}
	if got, err := h.Client.Duty(t.Context()); err != nil || !reflect.DeepEqual(got, h.stub.Duty(t.Context())) {
		t.Errorf("duty %+v, error %v", got, err)
	}
	tests, err := h.Client.Test(t.Context(), Test{Person: "ana"})
	if same, _ := h.stub.Test(t.Context(), Test{Person: "ana"}); err != nil || !reflect.DeepEqual(tests, same) {
		t.Errorf("tests %+v, error %v", tests, err)
	}
}
