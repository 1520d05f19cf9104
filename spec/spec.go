// Package spec reads the file in which people describe a system, and says what
// is wrong with it: every mistake in one pass, each with its place, what was
// meant perhaps, and what to do next.
//
// The grammar is YAML's, read by a library; everything after it is here. A key
// that is not known, a value that cannot be used and a name that refers to
// nothing are errors, always: nothing is dropped silently.
package spec

import (
	"crypto/sha256"
	"encoding/hex"

	"holdfast"
)

// A File is a text as it was found.
type File struct {
	Name string // as the user typed it; only shown
	Text []byte
	Dir  string // absolute; working directories are relative to it
}

// Read understands a file. It returns every problem it has, in the order of the
// text, and the system unless one of the problems is an error.
//
// environ is the caller's environment. It fills in ${VAR} everywhere but in
// commands and in the environment of services: those stay as written, so that
// no secret becomes part of the system, and are only checked for variables that
// nothing will set.
//
// Read is pure, never panics, and its work is bounded whatever the text: see
// limit.go for what is refused unread, then 200,000 values after aliases are
// followed, 200 errors and as many warnings.
func Read(file File, environ map[string]string) (*holdfast.System, []Problem) {
	r := &reader{file: file, environ: environ, found: &findings{}, odd: map[place]bool{}}
	system := r.system(r.tree())
	problems := r.found.sorted(file.Name)
	if r.found.errors > 0 {
		return nil, problems
	}
	digest := sha256.Sum256(file.Text)
	system.Digest = holdfast.Digest(hex.EncodeToString(digest[:]))
	return system, problems
}

// A reader is one reading of one file.
type reader struct {
	file    File
	environ map[string]string
	found   *findings
	lines   []string // of the text, for places
	aliases aliases
	visited int            // values so far, counted once for every way that leads to them
	odd     map[place]bool // bounds that were warned of: one place may be that of many modes
}
