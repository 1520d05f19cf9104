package fault

import "holdfast"

// Lossy has the kernel drop one packet in five, both ways. TCP copes, by sending
// again after 0.2 s, or 1 s where it was the first packet of a connection: what
// users see is lateness. One in five is a bad cable or a full switch; at one in
// a hundred only large transfers notice.
func Lossy() holdfast.Leased {
	return packets{name: "lossy", drops: []drop{{way: toVictim, oneIn: 5}, {way: fromVictim, oneIn: 5}}}
}
