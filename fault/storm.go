package fault

import "holdfast"

// Storm ends the victim's process as Kill does, and is one blow of several: a
// process that dies of what it meets when it is ready dies again. Who makes a
// storm strikes the next incarnation as soon as it is ready, each blow an entry
// in the ledger of its own.
type Storm struct{ Kill }

// Name is "storm".
func (Storm) Name() holdfast.FaultName { return "storm" }
