package holdfast

import "time"

// An Attestation is what somebody says is so where nothing can compute it: that a
// backup was restored, that a contract has a number to call. It holds until a day,
// and takes no part in what is computed.
type Attestation struct {
	What  string    `json:"what"`
	By    string    `json:"by"`
	Until time.Time `json:"until"` // the last day
}

// MaxAttestations bounds those of a file: more than a person reads are not read.
const MaxAttestations = 100
