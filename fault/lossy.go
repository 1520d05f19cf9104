package fault

import "holdfast"

// Lossy has the kernel drop one packet in three, both ways. TCP copes, by sending
// again after 0.2 s, or 1 s where it was the first packet of a connection: what
// users see is lateness, of more than half of the requests: where it is less, an
// answer in the middle of all is as early as ever, and whether anybody notices is
// left to chance.
func Lossy() holdfast.Leased {
	return packets{name: "lossy", drops: []drop{{way: toVictim, oneIn: 3}, {way: fromVictim, oneIn: 3}}}
}
