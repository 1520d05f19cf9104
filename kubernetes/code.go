package kubernetes

import "holdfast/diagnostic"

// The codes, by what they are about.
const (
	NoObject diagnostic.Code = "HF3200"

	PublishedAlone   diagnostic.Code = "HF3201"
	Alone            diagnostic.Code = "HF3202"
	OneCopy          diagnostic.Code = "HF3203"
	ScalesToOne      diagnostic.Code = "HF3204"
	NeverScales      diagnostic.Code = "HF3205"
	ReplicasTwice    diagnostic.Code = "HF3206"
	NothingToMeasure diagnostic.Code = "HF3207"

	NoBudget        diagnostic.Code = "HF3210"
	NeverEvicted    diagnostic.Code = "HF3211"
	SeldomEvicted   diagnostic.Code = "HF3212"
	AlwaysEvicted   diagnostic.Code = "HF3213"
	BudgetOfNothing diagnostic.Code = "HF3214"
	TwoBudgets      diagnostic.Code = "HF3215"
	BudgetOfMany    diagnostic.Code = "HF3216"

	RecreatesAll diagnostic.Code = "HF3220"
	RollsOverAll diagnostic.Code = "HF3221"
	SharedDisk   diagnostic.Code = "HF3222"
	DiskHeld     diagnostic.Code = "HF3223"
	PortHeld     diagnostic.Code = "HF3224"

	NotAsked         diagnostic.Code = "HF3230"
	SameQuestion     diagnostic.Code = "HF3231"
	AsksADependency  diagnostic.Code = "HF3232"
	AsksTooLong      diagnostic.Code = "HF3233"
	KilledAtStart    diagnostic.Code = "HF3234"
	KilledByOne      diagnostic.Code = "HF3235"
	AsksNoPort       diagnostic.Code = "HF3236"
	KilledWhileWaits diagnostic.Code = "HF3240"
	KilledAtOnce     diagnostic.Code = "HF3241"

	AnyImage   diagnostic.Code = "HF3250"
	AnyMemory  diagnostic.Code = "HF3251"
	Bare       diagnostic.Code = "HF3252"
	NotSpread  diagnostic.Code = "HF3260"
	SpreadsNot diagnostic.Code = "HF3261"

	NotKept    diagnostic.Code = "HF3270"
	TwoMembers diagnostic.Code = "HF3271"

	FindsNoPod    diagnostic.Code = "HF3280"
	FindsNoPort   diagnostic.Code = "HF3281"
	OtherPort     diagnostic.Code = "HF3282"
	LeadsToNoPort diagnostic.Code = "HF3283"

	BadAcceptance diagnostic.Code = "HF3290"
)

// firstCode is the first of this package; smaller ones are about the text.
const firstCode = NoObject

// Codes lists every kind of problem that Review finds in Kubernetes objects, by
// code. Those of the text are package source's.
func Codes() []diagnostic.Meaning {
	var all []diagnostic.Meaning
	for _, r := range rules() {
		all = append(all, r.Meaning)
	}
	all = append(all, diagnostic.Meaning{Code: NoObject, Severity: diagnostic.Error, Title: "there is no Kubernetes object"})
	all = append(all, diagnostic.Meaning{Code: BadAcceptance, Severity: diagnostic.Warning, Title: "an acceptance in an annotation cannot be read"})
	return diagnostic.ByCode(all)
}
