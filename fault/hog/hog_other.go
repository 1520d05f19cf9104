//go:build !linux

package hog

import "holdfast"

// Run needs control groups.
func Run([]string) error { return errNoGroups }

const errNoGroups = holdfast.Refusal("control groups need Linux")
