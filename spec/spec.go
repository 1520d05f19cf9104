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
	"holdfast/diagnostic"
	"holdfast/source"
)

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
func Read(file source.File, environ map[string]string) (*holdfast.System, []diagnostic.Problem) {
	reading := Understand(file, environ)
	return reading.System, reading.Problems
}

// A Reading is what Read returns, and a way back from what was understood to
// where it is written.
type Reading struct {
	System   *holdfast.System // nil when a problem is an error
	Problems []diagnostic.Problem
	Accepted []diagnostic.Acceptance // of what is found in the file, here or by others; what is wrong with them is in Problems
	document *source.Document
	root     source.Value
}

// Understand is Read for who has more to say of the file.
func Understand(file source.File, environ map[string]string) *Reading {
	r := &reader{Document: source.Read(file, kind()), environ: environ, odd: map[diagnostic.Place]bool{}}
	tree := r.Tree()
	reading := &Reading{document: r.Document, root: r.Root(tree)}
	system := r.system(tree)
	reading.Problems, reading.Accepted = r.Sorted(), r.accepted
	if r.Problems.Errors() > 0 {
		return reading
	}
	digest := sha256.Sum256(file.Text)
	system.Digest = holdfast.Digest(hex.EncodeToString(digest[:]))
	reading.System = system
	return reading
}

// PlaceOf is where a path of keys is written, such as services, catalog,
// replicas; or, with whole false, the part of it that is.
func (r *Reading) PlaceOf(path ...string) (at diagnostic.Place, whole bool) {
	return r.document.PlaceOf(r.root, path...)
}

func kind() source.Kind {
	return source.Kind{Meanings: Codes(), Smallest: smallest, Foreign: foreignKeys()}
}

// A reader is one reading of one file.
type reader struct {
	*source.Document
	environ map[string]string
	odd     map[diagnostic.Place]bool // bounds that were warned of: one place may be that of many modes

	accepted []diagnostic.Acceptance
}
