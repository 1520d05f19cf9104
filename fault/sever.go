package fault

import (
	"time"

	"holdfast"
	"holdfast/fault/proxy"
)

// severTurn is how long a severed service refuses before it is silent: time
// enough for callers to be seen coping with a quick failure, which hides
// nothing, before the slow one begins, which is where they pile up.
const severTurn = 1500 * time.Millisecond

// Sever takes a whole service away, replicas that are started meanwhile
// included: at first it refuses, and then it is silent. The proxy turns from
// one to the other by itself.
func Sever() holdfast.Leased {
	return inPath{name: "sever", rule: proxy.Rule{Kind: proxy.Sever, Turn: severTurn}}
}
