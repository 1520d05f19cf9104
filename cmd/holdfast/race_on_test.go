//go:build race

package main

// sideBySide is how many parallel tests run at once. With the race detector each
// process of each drill computes several times as much, and drills are judged by
// the clock.
const sideBySide = 2
