package mode

import (
	"time"

	"holdfast"
)

// GatewayHang is a gateway that lives and moves nothing. Only the keeper can see
// it, by the signs of life that stay away, and ends it: whoever was under way is
// lost, whoever connects meanwhile waits.
//
// Everybody waits while it lasts, so how many are hurt says how long was watched
// and nothing else: what is bounded is how long. The keeper waits for three
// seconds and a half, because a machine that is merely busy delays a sign of life
// by a quarter of a second, and to end a gateway for that would hurt the very
// users that it serves slowly.
func GatewayHang() Mode {
	return Mode{
		Kind:     "gateway-hang",
		Title:    "the process that carries the traffic lives and moves nothing",
		Role:     holdfast.RoleGateway,
		Evidence: []holdfast.Evidence{{Sign: holdfast.SignSilent, Witnesses: 1}},
		Remedies: []holdfast.Remedy{holdfast.RemedyKeeper},
		Fault:    "stop",
		EndedBy:  ByRemedy,
		Bounds: holdfast.Bounds{
			Detect:   4500 * time.Millisecond,
			Mitigate: 6 * time.Second,
			Restore:  8 * time.Second,
			Impact:   1,
		},
	}
}
