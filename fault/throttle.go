package fault

import (
	"holdfast"
	"holdfast/fault/proxy"
)

// throttled is how many bytes a second a throttled path lets through, each way,
// of all its connections together: a telephone line. So few, because the answers
// of most services are small, and of those a wider link would let many pass
// before anybody saw it.
const throttled = 2 << 10

// Throttle makes the path to the victim narrow: an answer is as late as it, and
// all that wait before it, are long.
func Throttle() holdfast.Leased {
	return inPath{name: "throttle", rule: proxy.Rule{Kind: proxy.Throttle, Rate: throttled}}
}
