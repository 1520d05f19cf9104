package prove

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/load"
	"holdfast/report"
	"holdfast/topology"
)

// A cover is what the file declares to be answered when all of a service is lost,
// to those who come by one way.
type cover struct {
	holdfast.Fallback
	sum uint64 // of Body, or of what File held; 0: it could not be read
}

// covers are those of what is lost, by the name of the way: of an edge its own, of
// what users come for those of all routes that lead to it.
func covers(system *holdfast.System, lost holdfast.Target) map[string]cover {
	all := map[string]cover{}
	for _, r := range topology.Routes(system) {
		if r.Service == lost.Service && r.Caller == lost.Caller && r.Fallback != nil {
			all[r.Name()] = coverOf(*r.Fallback)
		}
	}
	return all
}

// longestFile is the longest that the gateway answers.
const longestFile = 1 << 20

func coverOf(f holdfast.Fallback) cover {
	if f.File == "" {
		return cover{Fallback: f, sum: load.Sum([]byte(f.Body))}
	}
	if info, err := os.Stat(f.File); err != nil || !info.Mode().IsRegular() || info.Size() > longestFile {
		return cover{Fallback: f}
	}
	body, err := os.ReadFile(f.File)
	if err != nil {
		return cover{Fallback: f}
	}
	return cover{Fallback: f, sum: load.Sum(body)}
}

// overFallback says that what is covered was not, or not by what is declared.
func overFallback(f facts) string {
	if f.loss == nil {
		return ""
	}
	for _, way := range slices.Sorted(maps.Keys(f.loss.covers)) {
		if why := f.uncovered(way, f.loss.covers[way]); why != "" {
			return why
		}
	}
	return ""
}

// uncovered says what was wrong with the answers of one way. A mark of another's is
// no answer in its place: replicas pass on what they heard themselves.
func (f facts) uncovered(way string, by cover) string {
	asked, covered := 0, 0
	for _, r := range f.whileLost(f.loss.itself) {
		if r.Target != way {
			continue
		}
		asked++
		if !standsIn(r) {
			continue
		}
		covered++
		if why := f.undeclared(r, by); why != "" {
			return fmt.Sprintf("an answer of %s was marked %q, and %s", way, r.Instead, why)
		}
	}
	if covered > 0 {
		return ""
	}
	return fmt.Sprintf("of %d answers of %s none came from its fallback", asked, way)
}

const (
	staleMark    = "stale "
	fallbackMark = "fallback"
)

// standsIn tells an answer that the gateway gave in a replica's place, or that it
// fetched from another service.
func standsIn(r load.Result) bool {
	return strings.HasPrefix(r.Instead, staleMark) || r.Instead == fallbackMark || strings.HasPrefix(r.Instead, fallbackMark+" ")
}

// undeclared says why an answer is not one of those that the file declares. The
// mark is the gateway's word; what can be held against it is what the load saw.
func (f facts) undeclared(r load.Result, by cover) string {
	if old, stale := strings.CutPrefix(r.Instead, staleMark); stale {
		return f.notSoOld(r, old, by.Stale)
	}
	service := strings.TrimSpace(strings.TrimPrefix(r.Instead, fallbackMark))
	switch {
	case service != string(by.Service):
		return "the file declares " + declared(by)
	case service != "":
		return ""
	case by.Body == "" && by.File == "":
		return "the file declares no body"
	case by.sum != 0 && r.Sum != by.sum:
		return "its body is not the one that the file declares"
	default:
		return ""
	}
}

func declared(by cover) string {
	if by.Service != "" {
		return "the answer of " + string(by.Service)
	}
	return "no other service"
}

// ageSlack is how much younger than the last good answer a copy may claim to be:
// its age is cut to a second, and others may have asked after the load did.
const ageSlack = 2 * time.Second

// notSoOld holds a copy's age against the bound, and against when the load had the
// last good answer there: no copy can have been made after it.
func (f facts) notSoOld(r load.Result, old string, most time.Duration) string {
	age, err := time.ParseDuration(old)
	switch {
	case err != nil || age < 0:
		return "that is no age"
	case most == 0:
		return "the file declares no copy"
	case age > most:
		return fmt.Sprintf("a copy may be %s old at most", event.Short(most))
	}
	since := time.Duration(r.Sent) - f.lastGood(r)
	if since > age+ageSlack {
		return fmt.Sprintf("nothing had been answered there for %s by then", event.Short(since))
	}
	return ""
}

// lastGood is when the load last got a good answer of a replica's where another
// request went to, before that; that request's own time where it never did, because
// a copy may be from before the load.
func (f facts) lastGood(at load.Result) time.Duration {
	last := int64(0)
	for _, r := range f.loss.itself {
		if r.Target == at.Target && !r.Failed && !r.Degraded && r.Ended <= at.Sent {
			last = max(last, r.Ended)
		}
	}
	if last == 0 {
		last = at.Sent
	}
	return time.Duration(last)
}

// instead counts what was answered in the place of what was lost, by what it was.
func (f facts) instead() []report.Instead {
	if f.loss == nil {
		return nil
	}
	var all []report.Instead
	for _, r := range load.During(f.loss.itself, int64(f.injected), int64(f.ended)) {
		if !standsIn(r) {
			continue
		}
		how, old, _ := strings.Cut(r.Instead, " ")
		age, err := time.ParseDuration(old)
		if how == fallbackMark && old != "" {
			how = old // the service's name
		}
		at := slices.IndexFunc(all, func(i report.Instead) bool { return i.How == how })
		if at < 0 {
			at = len(all)
			all = append(all, report.Instead{How: how})
		}
		all[at].Answers++
		if err == nil && how == "stale" {
			all[at].Oldest = max(all[at].Oldest, millis(age))
		}
	}
	return all
}
