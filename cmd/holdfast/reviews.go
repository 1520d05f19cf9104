package main

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/check"
	written "holdfast/command"
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
	return reviewReading(spec.Understand(file, environ), file.Name, known)
}

// reviewReading judges what was read of a holdfast.yaml.
func reviewReading(reading *spec.Reading, name string, known factsOf) reviewed {
	r := reviewed{Review: diagnostic.Review{Problems: reading.Problems, Accepted: reading.Accepted}, system: reading.System}
	if r.system == nil {
		return r
	}
	facts, unknown := known(r.system)
	findings, design := check.Judge(r.system, facts)
	r.Unknown = unknown
	r.Problems = append(r.Problems, check.Problems(findings, name, reading.PlaceOf)...)
	diagnostic.Sort(r.Problems)
	r.Summary, r.design = summarised(design, cmp.Or(facts.Limits.Order, cutset.DefaultOrder)), design
	return r
}

// reviewCompose reads a Compose file.
func reviewCompose(file source.File, environ map[string]string, _ factsOf) reviewed {
	filled, unknown := besideCompose(file, environ)
	r := reviewed{Review: compose.Review(file, filled)}
	r.Unknown = append(r.Unknown, unknown...)
	return r
}

func beginFromCompose(file source.File, environ map[string]string) beginning {
	filled, _ := besideCompose(file, environ)
	text, problems, why := compose.Init(file, filled)
	return beginning{text: text, problems: problems, why: why}
}

// besideCompose adds to the caller's environment what .env says, which Compose
// reads beside its file. What is put together of other variables is left out:
// what is not set is never an error there.
func besideCompose(file source.File, environ map[string]string) (filled map[string]string, unknown []string) {
	text, err := readAtMost(filepath.Join(file.Dir, ".env"), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return environ, nil
	}
	variables, wrong := written.EnvFile(string(text))
	if err = cmp.Or(err, wrong); err != nil {
		return environ, []string{"what .env sets: " + err.Error()}
	}
	filled = maps.Clone(environ)
	for _, v := range variables {
		if _, set := environ[v.Name]; v.Set && !set && !strings.Contains(v.Value, "$") {
			filled[v.Name] = v.Value
		}
	}
	return filled, nil
}

// reviewKubernetes reads objects.
func reviewKubernetes(file source.File, _ map[string]string, _ factsOf) reviewed {
	return reviewed{Review: kubernetes.Review(file)}
}

func beginFromKubernetes(file source.File, _ map[string]string) beginning {
	text, problems := kubernetes.Init(file)
	return beginning{text: text, problems: problems, why: "there is no Service in " + file.Name + " to begin with\n  next: give the Services too: kubectl get deploy,sts,svc -o yaml | holdfast init --from -"}
}

// readSystem is for who wants the system and not a judgement of it: of the
// problems those are left that nobody has accepted. That an acceptance has ended
// is for check to say; it keeps nothing from running.
func readSystem(file source.File, environ map[string]string) (*spec.Reading, []diagnostic.Problem) {
	own := spec.Understand(file, environ)
	about := diagnostic.AcceptanceCodes()
	problems := slices.DeleteFunc(judge(diagnostic.Review{Problems: own.Problems, Accepted: own.Accepted}).Problems, func(p diagnostic.Problem) bool {
		return slices.ContainsFunc(about, func(m diagnostic.Meaning) bool { return m.Code == p.Code })
	})
	return own, problems
}

// judge takes out of a review what was accepted, as of today.
func judge(review diagnostic.Review) diagnostic.Judgement {
	return diagnostic.Accept(review, time.Now(), slices.Concat(known()...))
}
