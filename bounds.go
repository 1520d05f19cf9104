package holdfast

import (
	"strconv"
	"time"
)

// Bounds are what a drill of a failure mode is judged by. All are inclusive.
type Bounds struct {
	Detect   time.Duration `json:"detect"`   // injection to the first detection that names the mode
	Mitigate time.Duration `json:"mitigate"` // injection until users are whole, and stay so
	Restore  time.Duration `json:"restore"`  // injection until every declared replica is admitted again
	Impact   Share         `json:"impact"`   // requests failed or late, of those that needed the target
}

// A Share is a part of a whole, from 0 to 1.
type Share float64

// String is the share in percent, with no digit it does not need: "99.9%".
func (s Share) String() string {
	return strconv.FormatFloat(float64(s)*100, 'f', -1, 32) + "%"
}
