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
	// SignMissed is a health check that was not answered in time, or not as the
	// file demands.
	SignMissed Sign = "missed"
)

// Evidence is what makes us believe in a failure: a sign, and how many
// witnesses must have seen it.
type Evidence struct {
	Sign      Sign `json:"sign"`
	Witnesses int  `json:"witnesses"` // at least 1
}
