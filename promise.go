package holdfast

import "time"

// A Promise is what users are owed: the share of requests on every published
// route that is answered well (status below 500) over a rolling window.
type Promise struct {
	Target Share         `json:"target"`
	Window time.Duration `json:"window"` // 28 days
}
