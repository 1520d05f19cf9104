package view

import (
	"slices"
	"time"

	"holdfast"
	"holdfast/event"
)

// Duty is what people have arranged otherwise than the file says, folded from the
// journal. The zero value is ready. It is not safe for concurrent use.
type Duty struct {
	Overrides   []holdfast.Override      `json:"overrides,omitempty"`   // as they were said
	Maintenance []event.MaintenanceBegan `json:"maintenance,omitempty"` // as it began
}

// maxMaintenance bounds what is remembered of it; the desk remembers as much.
const maxMaintenance = 100

// Add takes in the next entry. What is over by then is forgotten.
func (d *Duty) Add(e event.Entry) {
	switch b := e.Body.(type) {
	case event.Overridden:
		d.Overrides = newest(append(d.At(e.At.Wall).Overrides, b.Override), holdfast.MaxOverrides)
	case event.MaintenanceBegan:
		d.Maintenance = newest(append(d.At(e.At.Wall).Maintenance, b), maxMaintenance)
	case event.MaintenanceEnded:
		d.Maintenance = nil
	}
}

func newest[T any](all []T, most int) []T { return all[max(0, len(all)-most):] }

// At is what is not over at an instant.
func (d *Duty) At(now time.Time) Duty {
	return Duty{
		Overrides:   slices.DeleteFunc(slices.Clone(d.Overrides), func(o holdfast.Override) bool { return !o.Until.After(now) }),
		Maintenance: slices.DeleteFunc(slices.Clone(d.Maintenance), func(m event.MaintenanceBegan) bool { return !m.Until.After(now) }),
	}
}
