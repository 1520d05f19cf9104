package fault

import (
	"holdfast"
	"holdfast/fault/proxy"
)

// Silence makes the victim unreachable, as behind a link that is gone: nobody
// is answered and nobody is told, on new connections and established ones.
func Silence() holdfast.Leased {
	return inPath{name: "silence", rule: proxy.Rule{Kind: proxy.Silence}}
}
