package fault

import (
	"net/http"
	"time"

	"holdfast"
	"holdfast/fault/proxy"
)

// FlapPeriod is how long a flap fails and is well, once each; it begins with
// failing.
//
// The gateway keeps a replica that failed out for 2 s at first and then for 4 s.
// Of 2.5 s, of which it fails for 1 s, both of these end while it is well: it is
// let in, and fails again soon after. Where what was held against a replica is
// forgotten when it is let in, users are hurt in every period anew.
const FlapPeriod = 2500 * time.Millisecond

const flapDuty = 0.4

// Flap is fail, by turns with nothing. The proxy turns it by itself.
func Flap() holdfast.Leased {
	rule := proxy.Rule{Kind: proxy.Flap, Status: http.StatusInternalServerError, Share: 1, Period: FlapPeriod, Duty: flapDuty}
	return inPath{name: "flap", rule: rule, spares: true}
}
