package holdfast

// A Remedy is an automatic action that mends a failure.
type Remedy string

const (
	// RemedyRestart ends what is left of a replica's incarnation and starts the
	// next one on the same node.
	RemedyRestart Remedy = "restart"
	// RemedyEject takes a replica out of use. Gateways do it at once and by
	// themselves; the mind does it by waiting whether that was enough.
	RemedyEject Remedy = "eject"
	// RemedyFallback lets the gateway answer in a lost dependency's place.
	RemedyFallback Remedy = "fallback"
	// RemedyFailFast answers a lost dependency's callers with an error at once,
	// so that nobody piles up behind it.
	RemedyFailFast Remedy = "fail-fast"
	// RemedyShed refuses what is beyond a service's capacity, the least important
	// first. Gateways do it at once and by themselves; nothing is restarted for it.
	RemedyShed Remedy = "shed"
	// RemedyOtherWay tells somebody by another channel, or somebody else, because a
	// message was not taken over.
	RemedyOtherWay Remedy = "other-way"
	// RemedyKeeper is the keeper's starting a process of Holdfast itself again: at
	// once and without asking the mind, which may be what ended.
	RemedyKeeper Remedy = "keeper-restart"
	// RemedyAdopt is the next keeper's taking over what the one before it started,
	// by pid and start time.
	RemedyAdopt Remedy = "adopt"
)

// A Level says how far a decision reaches, and so who may take it.
type Level string

const (
	// Local decisions are taken on the node, from kernel facts, and concern
	// what runs there: restart what exited.
	Local Level = "local"
	// Shared decisions concern more than one node or person and need agreement
	// (see Agree): page, fail over, roll back.
	Shared Level = "shared"
)
