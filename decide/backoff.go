package decide

import (
	"hash/fnv"
	"time"

	"holdfast"
)

const (
	// firstBackoff is put between the second failure in a row and its remedy;
	// the first one is mended at once, because most crashes are single.
	firstBackoff = 500 * time.Millisecond
	// maxBackoff bounds what a crashing replica waits for once its cause is
	// gone.
	maxBackoff = 30 * time.Second
	// jitterShare spreads replicas that failed together, so that they do not
	// come back together: 20 % each way.
	jitterShare = 0.2
)

// Backoff is how long to wait before the next attempt after a number of
// attempts in a row that did not last: nothing for the first, then doubling
// from 0.5 s to at most 30 s, each 20 % up or down.
//
// The jitter is drawn from the replica's identity, not from a random source:
// two replicas differ, and the same history replayed gives the same decision.
func Backoff(id holdfast.ReplicaID, streak int) time.Duration {
	if streak <= 0 {
		return 0
	}
	wait := maxBackoff
	if doublings := streak - 1; doublings < 6 { // 0.5 s · 2^6 is past the maximum
		wait = min(maxBackoff, firstBackoff<<doublings)
	}
	hash := fnv.New64a()
	hash.Write([]byte(id.String()))
	spread := float64(hash.Sum64()%1000)/999*2 - 1 // -1 … 1
	return wait + time.Duration(spread*jitterShare*float64(wait))
}
