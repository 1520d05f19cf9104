package fault

import (
	"time"

	"holdfast"
	"holdfast/fault/proxy"
)

// What a lag adds to every byte, each way: half a second and a tenth more or
// less. There and back it is a second, as a delay is, so that one may be compared
// with the other.
const (
	LagEachWay = 500 * time.Millisecond
	LagJitter  = 100 * time.Millisecond
)

// Lag makes the path to the victim long: what is sent takes its time to arrive,
// requests as well as every piece of an answer, and what is on its way is so at
// the same time. Unlike a delay it is paid for once more with every exchange
// that an answer needs.
func Lag() holdfast.Leased {
	return inPath{name: "lag", rule: proxy.Rule{Kind: proxy.Lag, Delay: LagEachWay, Jitter: LagJitter}}
}
