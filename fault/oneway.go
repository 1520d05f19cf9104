package fault

import "holdfast"

// OneWay has the kernel drop every packet from the victim, and none to it: what
// it is asked arrives and is done, and nobody hears of it. A link that is broken
// in one direction only, or a route back that is gone.
func OneWay() holdfast.Leased {
	return packets{name: "one-way", drops: []drop{{way: fromVictim, oneIn: 1}}}
}
