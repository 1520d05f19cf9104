package fault

import (
	"holdfast"
	"holdfast/fault/proxy"
)

// Reset breaks the victim's connections off: the established at once, each
// other one when its answer begins. Whoever asked does not know whether what it
// asked for was done.
func Reset() holdfast.Leased {
	return inPath{name: "reset", rule: proxy.Rule{Kind: proxy.Reset, Share: 1}}
}
