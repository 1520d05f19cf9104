package fault

import (
	"holdfast"
	"holdfast/fault/proxy"
)

// Halve cuts every answer of the victim in the middle, but those to its health
// check: a process that dies of what it answers, or runs out of room for it.
func Halve() holdfast.Leased {
	return inPath{name: "halve", rule: proxy.Rule{Kind: proxy.Halve, Share: 1}, spares: true}
}
