// Package shop is the system that holdfast demo runs and that this folder's
// holdfast.yaml is: one text, in one place.
package shop

import _ "embed"

// File is holdfast.yaml.
//
//go:embed holdfast.yaml
var File string
