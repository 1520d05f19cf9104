package holdfast

import "time"

// PromiseName names a promise: its key in the file, or "" for the one that holds
// for everything that is published.
type PromiseName string

// A Promise is what users are owed: the share of requests that is answered well
// (status below 500) over a rolling window; or, with Within, that is answered so
// soon, whatever the answer is.
type Promise struct {
	Name    PromiseName   `json:"name,omitempty"`
	Service ServiceName   `json:"service,omitempty"` // the published service it is made for; "" is every one
	Route   string        `json:"route,omitempty"`   // the path that what it covers begins with; "" is every one
	Journey SessionName   `json:"journey,omitempty"` // a session whose steps must all be good; then neither Service nor Route is set
	Target  Share         `json:"target"`
	Within  time.Duration `json:"within,omitempty"` // until the first byte; one of WaitBounds, or 0
	// Whole is set where a degraded answer is a bad one.
	Whole  bool          `json:"whole,omitempty"`
	Window time.Duration `json:"window"` // 28 days
}
