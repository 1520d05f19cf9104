package main

import (
	"slices"
	"time"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/source"
	"holdfast/spec"
)

// A reviewed file is what is said of it and, when it is a holdfast.yaml that can
// be used, the system it describes.
type reviewed struct {
	diagnostic.Review
	system *holdfast.System
}

// reviewOwn reads a holdfast.yaml.
func reviewOwn(file source.File, environ map[string]string) reviewed {
	reading := spec.Understand(file, environ)
	r := reviewed{Review: diagnostic.Review{Problems: reading.Problems, Accepted: reading.Accepted}, system: reading.System}
	if r.system != nil {
		r.Summary = []string{summary(r.system)}
	}
	return r
}

// readSystem is for who wants the system and not a judgement of it: of the
// problems those are left that nobody has accepted. That an acceptance has ended
// is for check to say; it keeps nothing from running.
func readSystem(file source.File, environ map[string]string) (*holdfast.System, []diagnostic.Problem) {
	own := reviewOwn(file, environ)
	about := diagnostic.AcceptanceCodes()
	problems := slices.DeleteFunc(judge(own.Review).Problems, func(p diagnostic.Problem) bool {
		return slices.ContainsFunc(about, func(m diagnostic.Meaning) bool { return m.Code == p.Code })
	})
	return own.system, problems
}

// judge takes out of a review what was accepted, as of today.
func judge(review diagnostic.Review) diagnostic.Judgement {
	return diagnostic.Accept(review, time.Now(), slices.Concat(known()...))
}
