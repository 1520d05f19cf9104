package heartbeat

import (
	"context"
	"fmt"
	"time"
)

// leap is how far the clock on the wall may move against the one that counts since
// the boot, between two audits: schedules go by the one, delays by the other. NTP
// corrects half a millisecond in a second, and no more without a step.
const leap = 5 * time.Second

// Clocks checks that the two clocks of a machine agree. After a step it passes again:
// then either may be right.
type Clocks struct {
	Now func() (wall time.Time, boot time.Duration)

	wall time.Time
	boot time.Duration
}

// Passes is a Check's.
func (c *Clocks) Passes(context.Context) error {
	wall, boot := c.Now()
	was, then := c.wall, c.boot
	c.wall, c.boot = wall.Round(0), boot
	if wall.Year() < 2026 {
		return fmt.Errorf("the clock says %s: nobody is found by a schedule at such a time", wall.UTC().Format(time.RFC3339))
	}
	if moved := c.wall.Sub(was) - (boot - then); !was.IsZero() && moved.Abs() > leap {
		return fmt.Errorf("the clock was stepped by %s: who is on call goes by it", moved.Round(time.Second))
	}
	return nil
}
