// Package promise counts what users saw against what they are owed: how much of a
// budget is left, how fast it burns, and whether that is sure enough to wake
// somebody. It is the net below detection in the data plane, never the first to
// know.
//
// Everything here is arithmetic on counts. Time is the wall clock's, as an
// argument: a budget lasts four weeks and outlives boots. A clock that is set back
// makes later counts fall into the newest cell there is; none is lost or counted
// twice.
package promise
