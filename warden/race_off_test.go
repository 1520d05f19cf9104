//go:build !race

package warden

// raced says that the race detector is in this program.
const raced = false
