package check

import (
	"holdfast/diagnostic"
)

// A rule is a kind of finding.
type rule struct {
	diagnostic.Meaning
	find func(*judging) []Finding
}

// rules are all kinds of findings, by code: 21 what takes a promise down, 22 how
// services need each other, 23 what they keep, 24 owners, remedies and drills, 25 who is told.
func rules() []rule {
	return []rule{
		lonePoint(), sharedPoint(), impossiblePromise(), zonePoint(), spareReplica(), evenVotes(), smallCapacity(), riskPairs(),
		nesting(), amplification(), vainRetries(), heavyNeed(), onlyCopies(), farHealth(), missingFallback(), missingCertificate(), commonCause(), neverTried(),
		noBackup(), noTakeover(), hiddenState(),
		unowned(), nobodyThere(), helpless(), worsening(), impossibleBound(), undrilled(), outdated(), failing(), unseen(), lateWithoutTraffic(),
		oneProvider(), speechless(), gapOnCall(), aloneOnCall(), sameAddress(), nightHandOver(), vainAlert(), uncounted(), noHeartbeat(), openSecret(), noPolicy(),
	}
}

// Codes lists every kind of finding, by code.
func Codes() []diagnostic.Meaning {
	var all []diagnostic.Meaning
	for _, r := range rules() {
		all = append(all, r.Meaning)
	}
	return all
}
