package fault

import (
	"holdfast"
	"holdfast/fault/proxy"
)

// Refuse makes the victim look as if nobody listened: new connections are
// refused, established ones reset.
func Refuse() holdfast.Leased {
	return inPath{name: "refuse", rule: proxy.Rule{Kind: proxy.Refuse}}
}
