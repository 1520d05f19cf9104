//go:build !race

package main

// sideBySide is how many parallel tests run at once: they wait for drills rather
// than for processors.
const sideBySide = 4
