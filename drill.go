package holdfast

// A Drill is a failure mode exercised: the fault that makes it true.
type Drill struct {
	Fault FaultName `json:"fault"`
}

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
