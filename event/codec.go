package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"

	"holdfast"
)

// kinds lists a zero value of every body there is. It is the closed set: what
// is not here can be neither written nor read.
func kinds() []Body {
	return []Body{
		holdfast.Started{}, holdfast.NotStarted{}, holdfast.Exited{}, holdfast.Ejected{}, holdfast.Admitted{},
		Declared{}, Woken{}, Paused{}, Resumed{}, StopRequested{}, Began{}, Done{}, Failed{},
		FaultInjected{}, FaultRemoved{}, GuardsReset{}, Captured{}, Inspected{}, Proved{}, Armed{}, Disarmed{},
		Suspected{}, Cleared{}, Detected{}, Decided{}, Waited{}, Withheld{}, Mitigated{}, Restored{}, Escalated{}, Stopped{}, Outdated{},
		DrillBegan{}, DrillEnded{},
		holdfast.Overloaded{}, holdfast.Relieved{}, holdfast.Drained{},
		holdfast.Counted{}, Burned{}, Cooled{}, Exceeded{},
		Opened{}, Joined{}, Raised{}, Resolved{}, Acknowledged{}, Reminded{}, Noted{}, Amended{}, Promised{}, Closed{},
		Paged{}, Attempted{}, Delivered{}, Undelivered{}, Superseded{}, Unreached{}, Overridden{}, MaintenanceBegan{}, MaintenanceEnded{},
		Deferred{}, Audited{},
	}
}

// decodeBody reads the body of a kind. Unknown fields are errors too: a journal
// written by a newer Holdfast must not be read as if it said less.
func decodeBody(kind string, data []byte) (Body, error) {
	for _, zero := range kinds() {
		if zero.Kind() != kind {
			continue
		}
		body := reflect.New(reflect.TypeOf(zero))
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(body.Interface()); err != nil {
			return nil, fmt.Errorf("entry of kind %q: %w", kind, err)
		}
		return body.Elem().Interface().(Body), nil
	}
	return nil, fmt.Errorf("unknown kind of entry %q: written by another version of holdfast?", kind)
}

// wire is an entry as it is stored and sent.
type wire struct {
	ID    ID              `json:"id"`
	At    At              `json:"at"`
	Cause *ID             `json:"cause,omitempty"`
	Drill bool            `json:"drill,omitempty"`
	Kind  string          `json:"kind"`
	Body  json.RawMessage `json:"body"`
}

// MarshalJSON writes an entry as one object with its kind beside its body.
func (e Entry) MarshalJSON() ([]byte, error) {
	body, err := json.Marshal(e.Body)
	if err != nil {
		return nil, fmt.Errorf("entry %s of kind %q: %w", e.ID, e.Body.Kind(), err)
	}
	out := wire{ID: e.ID, At: e.At, Drill: e.Drill, Kind: e.Body.Kind(), Body: body}
	if !e.Cause.IsZero() {
		out.Cause = &e.Cause
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote; an unknown kind is an error.
func (e *Entry) UnmarshalJSON(data []byte) error {
	var in wire
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	body, err := decodeBody(in.Kind, in.Body)
	if err != nil {
		return err
	}
	*e = Entry{ID: in.ID, At: in.At, Drill: in.Drill, Body: body}
	if in.Cause != nil {
		e.Cause = *in.Cause
	}
	return nil
}
