package fault

import "holdfast"

// Blackhole has the kernel drop every packet to the victim: connects get no
// answer, and what is connected is not heard. Unlike silence it needs nothing of
// the proxy but to know where the path begins: the packets go missing before any
// process could see them.
func Blackhole() holdfast.Leased {
	return packets{name: "blackhole", drops: []drop{{way: toVictim, oneIn: 1}}}
}
