package holdfast

// A Sign is a kind of fact that speaks for a failure.
type Sign string

// The signs known today, surest first.
const (
	// SignExit is the kernel's word that a process ended. It is never wrong and
	// one witness suffices.
	SignExit Sign = "exit"
	// SignRefused is a connection the replica's address refused.
	SignRefused Sign = "refused"
	// SignSilent is not one byte on any connection while requests wait, and
	// missed health checks beside it. Only this lets a living process be ended
	// for a hang.
	SignSilent Sign = "silent"
	// SignUnreachable is a connect that nothing answered: neither accepted nor
	// refused. It speaks against the way to the replica, not against the replica.
	SignUnreachable Sign = "unreachable"
	// SignMissed is a health check that was connected and not answered in time.
	SignMissed Sign = "missed"
	// SignUnhealthy is a health check answered with another status than the file
	// demands.
	SignUnhealthy Sign = "unhealthy"
	// SignErrors is a rate of failed requests that stands out from the other
	// replicas'.
	SignErrors Sign = "errors"
	// SignSlow is a time to the first byte that stands out from the other
	// replicas'.
	SignSlow Sign = "slow"
	// SignLost is a dependency of which no replica answers.
	SignLost Sign = "lost"
	// SignOverloaded is a gateway that has refused requests to a service for more
	// than a second, because it is given more than it can answer. It speaks against
	// nobody's replica.
	SignOverloaded Sign = "overloaded"
)

// Evidence is what makes us believe in a failure: a sign, and how many
// witnesses must have seen it.
type Evidence struct {
	Sign      Sign `json:"sign"`
	Witnesses int  `json:"witnesses"` // at least 1
}
