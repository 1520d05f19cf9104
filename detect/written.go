package detect

import (
	"encoding/json"
	"time"
)

// What is held against a replica outlives whoever found it: it can be written
// down and read back.

type writtenFlapping struct {
	Penalty    float64       `json:"penalty"`
	At         time.Duration `json:"at"`
	Suppressed bool          `json:"suppressed,omitempty"`
	Since      time.Duration `json:"since,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (f Flapping) MarshalJSON() ([]byte, error) {
	return json.Marshal(writtenFlapping{Penalty: f.penalty, At: f.at, Suppressed: f.suppressed, Since: f.since})
}

// UnmarshalJSON implements json.Unmarshaler.
func (f *Flapping) UnmarshalJSON(text []byte) error {
	var w writtenFlapping
	err := json.Unmarshal(text, &w)
	*f = Flapping{penalty: w.Penalty, at: w.At, suppressed: w.Suppressed, since: w.Since}
	return err
}

type writtenHoldDown struct {
	Steps      int           `json:"steps"`
	AdmittedAt time.Duration `json:"admitted_at"`
}

// MarshalJSON implements json.Marshaler.
func (h HoldDown) MarshalJSON() ([]byte, error) {
	return json.Marshal(writtenHoldDown{Steps: h.steps, AdmittedAt: h.admittedAt})
}

// UnmarshalJSON implements json.Unmarshaler.
func (h *HoldDown) UnmarshalJSON(text []byte) error {
	var w writtenHoldDown
	err := json.Unmarshal(text, &w)
	*h = HoldDown{steps: max(0, min(w.Steps, 16)), admittedAt: w.AdmittedAt}
	return err
}
