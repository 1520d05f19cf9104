package compose

import (
	"slices"

	"holdfast/diagnostic"
	"holdfast/source"
)

// The codes of Compose files: 310x what cannot be read, 311x what cannot work,
// 312x and 313x what hurts one service, 314x what is said once of a whole file.
const (
	unknownKey   diagnostic.Code = "HF3101"
	refused      diagnostic.Code = "HF3102"
	undefined    diagnostic.Code = "HF3103"
	circle       diagnostic.Code = "HF3104"
	badExtension diagnostic.Code = "HF3105"

	noHealth      diagnostic.Code = "HF3111"
	endless       diagnostic.Code = "HF3112"
	crowded       diagnostic.Code = "HF3113"
	takenPort     diagnostic.Code = "HF3114"
	emptyCheck    diagnostic.Code = "HF3115"
	sharedData    diagnostic.Code = "HF3116"
	movedData     diagnostic.Code = "HF3117"
	sleepingNeed  diagnostic.Code = "HF3118"
	lostData      diagnostic.Code = "HF3121"
	lostName      diagnostic.Code = "HF3122"
	movingStore   diagnostic.Code = "HF3123"
	openStore     diagnostic.Code = "HF3124"
	impatient     diagnostic.Code = "HF3125"
	unseenHealth  diagnostic.Code = "HF3126"
	nosyCheck     diagnostic.Code = "HF3127"
	hastyCheck    diagnostic.Code = "HF3128"
	slowCheck     diagnostic.Code = "HF3129"
	cutCheck      diagnostic.Code = "HF3130"
	staysDown     diagnostic.Code = "HF3131"
	allAtOnce     diagnostic.Code = "HF3132"
	selfUpdating  diagnostic.Code = "HF3133"
	splitStore    diagnostic.Code = "HF3134"
	tiedVolume    diagnostic.Code = "HF3135"
	noRestart     diagnostic.Code = "HF3141"
	noCheck       diagnostic.Code = "HF3142"
	loneReplica   diagnostic.Code = "HF3143"
	movingImage   diagnostic.Code = "HF3144"
	noMemoryLimit diagnostic.Code = "HF3145"
	endlessLog    diagnostic.Code = "HF3146"
	shortGrace    diagnostic.Code = "HF3147"
	plainSecret   diagnostic.Code = "HF3148"
	sharedFate    diagnostic.Code = "HF3149"
)

// Codes lists every kind of problem that is found in Compose files alone, by
// code. What package source finds in the text comes on top.
func Codes() []diagnostic.Meaning {
	return slices.Concat(errors(), warnings(), fileWarnings())
}

func meanings() []diagnostic.Meaning { return slices.Concat(source.Codes(), Codes()) }

func errors() []diagnostic.Meaning {
	return []diagnostic.Meaning{
		{Code: unknownKey, Severity: diagnostic.Error, Title: "Compose does not know a key"},
		{Code: refused, Severity: diagnostic.Error, Title: "Compose refuses a value"},
		{Code: undefined, Severity: diagnostic.Error, Title: "something is named that the file does not define"},
		{Code: circle, Severity: diagnostic.Error, Title: "services wait for each other in a circle"},
		{Code: badExtension, Severity: diagnostic.Error, Title: "x-holdfast says what cannot be used"},
		{Code: noHealth, Severity: diagnostic.Error, Title: "a service waits for a health check that does not exist"},
		{Code: endless, Severity: diagnostic.Error, Title: "a service waits for the end of one that is started again and again"},
		{Code: crowded, Severity: diagnostic.Error, Title: "replicas cannot run side by side"},
		{Code: takenPort, Severity: diagnostic.Error, Title: "two services want the same port of the host"},
		{Code: emptyCheck, Severity: diagnostic.Error, Title: "a health check cannot run as it is written"},
		{Code: sharedData, Severity: diagnostic.Error, Title: "two databases write to one data folder"},
		{Code: movedData, Severity: diagnostic.Error, Title: "PostgreSQL 18 or later refuses the place of its volume"},
		{Code: sleepingNeed, Severity: diagnostic.Error, Title: "a service needs one that is started only with a profile"},
	}
}

func warnings() []diagnostic.Meaning {
	return []diagnostic.Meaning{
		{Code: lostData, Severity: diagnostic.Warning, Title: "a database does not keep its data in a volume of its own"},
		{Code: lostName, Severity: diagnostic.Warning, Title: "RabbitMQ forgets its data when its container is replaced"},
		{Code: movingStore, Severity: diagnostic.Warning, Title: "a database follows whatever version is newest"},
		{Code: openStore, Severity: diagnostic.Warning, Title: "a database is reachable from outside the host"},
		{Code: impatient, Severity: diagnostic.Warning, Title: "nobody waits until a database can answer"},
		{Code: unseenHealth, Severity: diagnostic.Warning, Title: "a service waits for a health check that is not in the file"},
		{Code: nosyCheck, Severity: diagnostic.Warning, Title: "a health check asks another service"},
		{Code: hastyCheck, Severity: diagnostic.Warning, Title: "a health check gives up before a slow start is over"},
		{Code: slowCheck, Severity: diagnostic.Warning, Title: "a health check takes long to notice"},
		{Code: cutCheck, Severity: diagnostic.Warning, Title: "only the first word of a health check is run"},
		{Code: staysDown, Severity: diagnostic.Warning, Title: "a service that is needed is not always started again"},
		{Code: allAtOnce, Severity: diagnostic.Warning, Title: "an update takes all replicas of a service down at once"},
		{Code: selfUpdating, Severity: diagnostic.Warning, Title: "containers are replaced by themselves whenever an image changes"},
		{Code: splitStore, Severity: diagnostic.Warning, Title: "replicas of a database know nothing of each other"},
		{Code: tiedVolume, Severity: diagnostic.Warning, Title: "a database may be started on a node that has not its data"},
	}
}

func fileWarnings() []diagnostic.Meaning {
	return []diagnostic.Meaning{
		{Code: noRestart, Severity: diagnostic.Warning, Title: "services stay down after a crash or a reboot"},
		{Code: noCheck, Severity: diagnostic.Warning, Title: "nothing in the file notices when a service hangs"},
		{Code: loneReplica, Severity: diagnostic.Warning, Title: "what is published runs once"},
		{Code: movingImage, Severity: diagnostic.Warning, Title: "images follow whatever is newest"},
		{Code: noMemoryLimit, Severity: diagnostic.Warning, Title: "a leak in one service takes the memory of all"},
		{Code: endlessLog, Severity: diagnostic.Warning, Title: "logs grow until the disk is full"},
		{Code: shortGrace, Severity: diagnostic.Warning, Title: "databases have ten seconds to stop"},
		{Code: plainSecret, Severity: diagnostic.Warning, Title: "passwords stand in the file"},
		{Code: sharedFate, Severity: diagnostic.Warning, Title: "a service can stop everything else on its host"},
	}
}
