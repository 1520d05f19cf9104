//go:build !linux

package tcp

import "syscall"

// Resent is not told here.
func Resent(syscall.Conn) int { return 0 }

// HalfOpen is not told here.
func HalfOpen(string) bool { return false }

// Connected is not told here.
func Connected(string) bool { return false }
