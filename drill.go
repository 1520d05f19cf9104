package holdfast

import "time"

// A Drill is a failure mode exercised: the fault that makes it true. Hook is set
// when the file says by which commands that is done.
type Drill struct {
	Fault FaultName `json:"fault"`
	Hook  *Hook     `json:"hook,omitempty"`
}

// A Hook breaks and mends something by commands of the file. There is never a
// Break without a Mend. Both are split as a shell would and run without one, in
// a process group of their own, from Dir.
type Hook struct {
	Break   string        `json:"break"`
	Mend    string        `json:"mend"` // must succeed any number of times, and when nothing is broken
	Dir     string        `json:"dir"`  // absolute: the file's own folder
	Timeout time.Duration `json:"timeout"`
	// Whole is set when Break names no replica although the service has several:
	// it strikes all of them.
	Whole bool `json:"whole,omitempty"`
	// Lock is a file that is held while either runs: at most one hook at a time
	// per state directory. Set by whoever drills; empty holds nothing.
	Lock string `json:"lock,omitempty"`
}

// Limit is how long one of them may take at most: another hook's turn, its own
// run, and a second for what is killed at the end of either.
func (h Hook) Limit() time.Duration { return 2*h.Timeout + time.Second }

// HookTimeout bounds one run of a hook's command unless the file says otherwise.
const HookTimeout = 30 * time.Second

// A Verdict is what a drill ends with. FAIL beats INVALID beats SKIP when
// several are summed up.
type Verdict string

const (
	Pass    Verdict = "PASS"    // every bound held, and it was seen
	Fail    Verdict = "FAIL"    // a bound was broken, or a time never reached
	Invalid Verdict = "INVALID" // nothing can be said: no witness, no load, a sick control run
	Aborted Verdict = "ABORTED" // a guard ended it, everything was put back
	Skip    Verdict = "SKIP"    // it cannot run here, and the reason is given
)
