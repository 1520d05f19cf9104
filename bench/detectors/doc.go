// Package detectors simulates the detectors in simulated time: its test holds
// the figures of docs/detectors.md to what the simulation says. It stands here
// and not beside them because ten million requests take seconds, and the tests
// of the mind are to take none.
package detectors
