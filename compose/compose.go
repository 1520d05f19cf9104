// Package compose reads Compose files that teams already have, and says what in
// them will take a system down: what cannot work, what forgets its data, what
// does not come back, and what all of it depends on.
//
// The grammar of Compose (short forms, extends, merging, defaults) is that of its
// own library. Places, and everything that is said, are ours: the library knows
// neither lines nor what hurts.
package compose

import (
	"holdfast/diagnostic"
	"holdfast/source"
)

// Review says what there is to say of a Compose file. environ fills in its
// variables: the caller's environment, and that of the .env beside the file,
// which is not read here; nothing but the text is. A variable that is not set
// is never an error, and nothing is said that would depend on one.
//
// Review is pure, never panics, and its work is bounded whatever the text.
func Review(file source.File, environ map[string]string) diagnostic.Review {
	f := read(file, environ)
	if f.readable() {
		for _, rule := range rules() {
			rule(f)
		}
	}
	review := diagnostic.Review{Problems: f.document.Sorted(), Accepted: f.accepted, Unknown: f.unknown()}
	if f.readable() {
		review.Summary = f.summary()
	}
	return review
}

// rules are all there are, in the order of their codes.
func rules() []func(*file) {
	return []func(*file){
		waitsForNoHealth, waitsForNoEnd, crowdedReplicas, takenPorts, emptyChecks, sharedFolders, movedFolder, sleepingNeeds,
		lostDatabases, lostNames, movingStores, openStores, impatientStarts, nosyChecks, hastyChecks, slowChecks,
		halfRestarts, updatesAtOnce, selfUpdates, splitStores, tiedVolumes,
		missingRestarts, missingChecks, loneReplicas, movingImages, missingLimits, endlessLogs, shortGraces, plainSecrets, sharedFates,
	}
}

// kind is what a Compose file is as a text.
func kind() source.Kind {
	return source.Kind{
		Meanings: meanings(),
		Smallest: "the smallest Compose file is `services: {web: {image: nginx}}`",
		Tags:     []string{"!reset", "!override", "!!str", "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq"},
	}
}

// A file is a Compose file as it was read.
type file struct {
	document *source.Document
	root     *node // nil when the text is no tree
	services []*service
	volumes  map[string]volume
	likes    map[string]int // services by what they have in common but a number
	extended extension
	accepted []diagnostic.Acceptance

	unset     []string // variables that are referred to and not set, sorted
	elsewhere []string // what is in other files, as it is said in Unknown
	swarm     bool     // it is written for docker stack deploy
	read      bool     // Compose's reader understood what is left of it
}

func (f *file) readable() bool { return f.read }

// report says something of a service.
func (f *file) report(of *service, at diagnostic.Place, p diagnostic.Problem) {
	p.Of = of.Name
	f.document.Report(at, p)
}

// A mark is a service and the place where it shows.
type mark struct {
	of *service
	at diagnostic.Place
}

// reportOnce says something once of many services: at the first, with up to
// three more places. It is of the whole file unless it says otherwise.
func (f *file) reportOnce(marks []mark, p diagnostic.Problem) {
	if len(marks) == 0 {
		return
	}
	for _, m := range marks[1:] {
		if len(p.Also) < 3 && m.at != marks[0].at {
			p.Also = append(p.Also, diagnostic.Mark{Place: m.at})
		}
	}
	f.document.Report(marks[0].at, p)
}

// which are the services that something holds for, at their names.
func (f *file) which(holds func(*service) bool) []mark {
	var all []mark
	for _, s := range f.services {
		if holds(s) {
			all = append(all, mark{of: s, at: s.written.at})
		}
	}
	return all
}
