package main

import (
	"cmp"
	"slices"
	"time"

	"holdfast"
	"holdfast/check"
	"holdfast/compose"
	"holdfast/cutset"
	"holdfast/diagnostic"
	"holdfast/kubernetes"
	"holdfast/source"
	"holdfast/spec"
)

// A reviewed file is what is said of it and, when it is a holdfast.yaml that can
// be used, the system it describes.
type reviewed struct {
	diagnostic.Review
	system *holdfast.System
	design check.Summary
}

// factsOf says what is known of a system beside its file, and what could not be
// found out, a line each.
type factsOf func(*holdfast.System) (facts check.Facts, unknown []string)

// reviewOwn reads a holdfast.yaml, and judges the system.
func reviewOwn(file source.File, environ map[string]string, known factsOf) reviewed {
	reading := spec.Understand(file, environ)
	r := reviewed{Review: diagnostic.Review{Problems: reading.Problems, Accepted: reading.Accepted}, system: reading.System}
	if r.system == nil {
		return r
	}
	facts, unknown := known(r.system)
	findings, design := check.Judge(r.system, facts)
	r.Unknown = unknown
	r.Problems = append(r.Problems, check.Problems(findings, file.Name, reading.PlaceOf)...)
	diagnostic.Sort(r.Problems)
	r.Summary, r.design = summarised(design, cmp.Or(facts.Limits.Order, cutset.DefaultOrder)), design
	return r
}

func reviewKubernetes(file source.File, _ map[string]string, _ factsOf) reviewed {
	return reviewed{Review: kubernetes.Review(file)}
}

func reviewCompose(file source.File, environ map[string]string, _ factsOf) reviewed {
	return reviewed{Review: compose.Review(file, environ)}
}

// readSystem is for who wants the system and not a judgement of it: of the
// problems those are left that nobody has accepted. That an acceptance has ended
// is for check to say; it keeps nothing from running.
func readSystem(file source.File, environ map[string]string) (*holdfast.System, []diagnostic.Problem) {
	own := spec.Understand(file, environ)
	about := diagnostic.AcceptanceCodes()
	problems := slices.DeleteFunc(judge(diagnostic.Review{Problems: own.Problems, Accepted: own.Accepted}).Problems, func(p diagnostic.Problem) bool {
		return slices.ContainsFunc(about, func(m diagnostic.Meaning) bool { return m.Code == p.Code })
	})
	return own.System, problems
}

// judge takes out of a review what was accepted, as of today.
func judge(review diagnostic.Review) diagnostic.Judgement {
	return diagnostic.Accept(review, time.Now(), slices.Concat(known()...))
}
