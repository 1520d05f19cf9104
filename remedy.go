package holdfast

// A Remedy is an automatic action that mends a failure.
type Remedy string

const (
	// RemedyRestart ends what is left of a replica's incarnation and starts the
	// next one on the same node.
	RemedyRestart Remedy = "restart"
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
