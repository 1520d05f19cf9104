package control

import (
	"time"

	"holdfast/event"
)

// A calendar is the time by which promises are counted. It goes as the boot clock goes,
// and takes from the clock on the wall only where a boot begins: a wall clock that is
// stepped for ten minutes by ten years would take four weeks of counts away, and one
// that is set back would count all that comes into a moment that is still ahead.
type calendar struct {
	First  time.Time     `json:"first,omitzero"` // the clock on the wall, at the first step that is remembered
	At     time.Time     `json:"at,omitzero"`
	Boot   time.Duration `json:"boot"` // the boot clock, then
	BootID string        `json:"boot_id"`
}

// at is the calendar, put forward to an instant. It is never put back.
func (c calendar) at(now event.At) calendar {
	at := now.Wall
	switch {
	case c.At.IsZero():
		c.First = at
	case c.BootID == now.BootID:
		at = c.At.Add(max(0, now.Boot-c.Boot))
	case at.Before(c.At):
		at = c.At
	}
	return calendar{First: c.First, At: at, Boot: now.Boot, BootID: now.BootID}
}
