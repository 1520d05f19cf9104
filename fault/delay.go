package fault

import (
	"time"

	"holdfast"
	"holdfast/fault/proxy"
)

// Delay makes every answer of the victim begin a second later, as one that
// waits for a lock or a disk does. A second, because it is past the patience of
// users and at the edge of the default time-out of callers: late, not dead.
func Delay() holdfast.Leased {
	return inPath{name: "delay", rule: proxy.Rule{Kind: proxy.Delay, Delay: time.Second, Share: 1}}
}
