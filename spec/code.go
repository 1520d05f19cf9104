package spec

import (
	"slices"

	"holdfast/diagnostic"
	"holdfast/source"
)

// The codes of our own file: 10 the text, 11 keys and values, 12 references
// between things.
const (
	missingKey     diagnostic.Code = "HF1103"
	missingKind    diagnostic.Code = "HF1104"
	twoKinds       diagnostic.Code = "HF1105"
	unfitKey       diagnostic.Code = "HF1106"
	badName        diagnostic.Code = "HF1108"
	openQuote      diagnostic.Code = "HF1109"
	badNumber      diagnostic.Code = "HF1110"
	badShare       diagnostic.Code = "HF1111"
	badDuration    diagnostic.Code = "HF1112"
	badPort        diagnostic.Code = "HF1113"
	badURL         diagnostic.Code = "HF1114"
	badWord        diagnostic.Code = "HF1115"
	badSignal      diagnostic.Code = "HF1116"
	badPath        diagnostic.Code = "HF1117"
	badRate        diagnostic.Code = "HF1118"
	listedTwice    diagnostic.Code = "HF1119"
	badReference   diagnostic.Code = "HF1120"
	oddBounds      diagnostic.Code = "HF1121"
	shellOperator  diagnostic.Code = "HF1122"
	badSecret      diagnostic.Code = "HF1123"
	badEnvironment diagnostic.Code = "HF1124"
	badUser        diagnostic.Code = "HF1125"
	badSize        diagnostic.Code = "HF1126"
	badCPU         diagnostic.Code = "HF1127"
	twoFallbacks   diagnostic.Code = "HF1130"
	badTemplate    diagnostic.Code = "HF1131"
	badCapture     diagnostic.Code = "HF1132"
	badStep        diagnostic.Code = "HF1133"
	plainSecret    diagnostic.Code = "HF1134"
	badHours       diagnostic.Code = "HF1135"
	badHeader      diagnostic.Code = "HF1136"
	badDate        diagnostic.Code = "HF1140"
	badHost        diagnostic.Code = "HF1141"

	blindToHang   diagnostic.Code = "HF1201"
	unknownNeed   diagnostic.Code = "HF1202"
	needsItself   diagnostic.Code = "HF1203"
	needsCircle   diagnostic.Code = "HF1204"
	unknownMode   diagnostic.Code = "HF1205"
	unknownRemedy diagnostic.Code = "HF1206"
	unknownZone   diagnostic.Code = "HF1207"
	unsetVariable diagnostic.Code = "HF1208"
	missingSecret diagnostic.Code = "HF1209"
	takenPort     diagnostic.Code = "HF1210"
	unfitMode     diagnostic.Code = "HF1213"

	unknownOwner diagnostic.Code = "HF1214"
	vainPromise  diagnostic.Code = "HF1215"

	unknownSession diagnostic.Code = "HF1216"
	unknownAsked   diagnostic.Code = "HF1217"
	unaskable      diagnostic.Code = "HF1218"
	uncaptured     diagnostic.Code = "HF1219"

	noEnd          diagnostic.Code = "HF1220"
	halfHook       diagnostic.Code = "HF1221"
	aimlessHook    diagnostic.Code = "HF1222"
	unknownAllowed diagnostic.Code = "HF1223"
	unaudited      diagnostic.Code = "HF1224"
	unpermitted    diagnostic.Code = "HF1225"
	unknownFault   diagnostic.Code = "HF1226"

	unroutable  diagnostic.Code = "HF1230"
	sameRoute   diagnostic.Code = "HF1231"
	badFallback diagnostic.Code = "HF1232"

	vainTreatment diagnostic.Code = "HF1233"
	unknownTold   diagnostic.Code = "HF1240"
)

// Codes lists every kind of problem that Read can find, by code.
func Codes() []diagnostic.Meaning {
	return diagnostic.ByCode(slices.Concat(source.Codes(), valueCodes(), referenceCodes()))
}

func valueCodes() []diagnostic.Meaning {
	return []diagnostic.Meaning{
		{Code: missingKey, Severity: diagnostic.Error, Title: "a key is missing"},
		{Code: missingKind, Severity: diagnostic.Error, Title: "a service has neither command nor urls"},
		{Code: twoKinds, Severity: diagnostic.Error, Title: "a service has both command and urls"},
		{Code: unfitKey, Severity: diagnostic.Error, Title: "a key means nothing for this kind of service"},
		{Code: badName, Severity: diagnostic.Error, Title: "a name is not usable as one"},
		{Code: openQuote, Severity: diagnostic.Error, Title: "a quote in a command is never closed"},
		{Code: badNumber, Severity: diagnostic.Error, Title: "a number is not one, or out of range"},
		{Code: badShare, Severity: diagnostic.Error, Title: "a share is not one between 0% and 100%"},
		{Code: badDuration, Severity: diagnostic.Error, Title: "a duration is not one, or out of range"},
		{Code: badPort, Severity: diagnostic.Error, Title: "a port is not one"},
		{Code: badURL, Severity: diagnostic.Error, Title: "a URL cannot be used"},
		{Code: badWord, Severity: diagnostic.Error, Title: "a value is not one of those that exist"},
		{Code: badSignal, Severity: diagnostic.Error, Title: "a signal is not one that ends processes"},
		{Code: badPath, Severity: diagnostic.Error, Title: "the path of a health check is not one"},
		{Code: badRate, Severity: diagnostic.Error, Title: "a rate is not a count per duration"},
		{Code: listedTwice, Severity: diagnostic.Error, Title: "a list names something twice"},
		{Code: badReference, Severity: diagnostic.Error, Title: "a reference to a variable is not written well"},
		{Code: oddBounds, Severity: diagnostic.Warning, Title: "bounds contradict each other"},
		{Code: shellOperator, Severity: diagnostic.Error, Title: "a command uses what only a shell understands"},
		{Code: badSecret, Severity: diagnostic.Error, Title: "a reference to a secret is not written well"},
		{Code: badEnvironment, Severity: diagnostic.Error, Title: "an environment entry is not a variable"},
		{Code: badUser, Severity: diagnostic.Error, Title: "a user is not a name or a number"},
		{Code: badSize, Severity: diagnostic.Error, Title: "an amount of memory is not one, or out of range"},
		{Code: badCPU, Severity: diagnostic.Error, Title: "a share of the processors is not one, or out of range"},
		{Code: twoFallbacks, Severity: diagnostic.Error, Title: "a fallback has two bodies"},
		{Code: badTemplate, Severity: diagnostic.Error, Title: "a `{{name}}` is not written well"},
		{Code: badCapture, Severity: diagnostic.Error, Title: "a capture does not say what it takes"},
		{Code: badStep, Severity: diagnostic.Error, Title: "a step of a session is not one request"},
		{Code: plainSecret, Severity: diagnostic.Error, Title: "a secret is written out"},
		{Code: badHours, Severity: diagnostic.Error, Title: "hours are not days, times and a time zone"},
		{Code: badHeader, Severity: diagnostic.Error, Title: "a header cannot be sent"},
		{Code: badDate, Severity: diagnostic.Error, Title: "a date is not one"},
		{Code: badHost, Severity: diagnostic.Error, Title: "the host of a route is not one"},
	}
}

func referenceCodes() []diagnostic.Meaning {
	return []diagnostic.Meaning{
		{Code: blindToHang, Severity: diagnostic.Warning, Title: "a hang of this service is seen only through traffic"},
		{Code: unknownNeed, Severity: diagnostic.Error, Title: "a service depends on one that does not exist"},
		{Code: needsItself, Severity: diagnostic.Error, Title: "a service depends on itself"},
		{Code: needsCircle, Severity: diagnostic.Error, Title: "services depend on each other in a circle"},
		{Code: unknownMode, Severity: diagnostic.Error, Title: "a failure mode does not exist"},
		{Code: unknownRemedy, Severity: diagnostic.Error, Title: "a remedy does not exist"},
		{Code: unknownZone, Severity: diagnostic.Error, Title: "a zone is not declared"},
		{Code: unsetVariable, Severity: diagnostic.Error, Title: "a variable is set by nothing"},
		{Code: missingSecret, Severity: diagnostic.Error, Title: "a secret is not in the environment"},
		{Code: takenPort, Severity: diagnostic.Error, Title: "two services are published at one address"},
		{Code: unfitMode, Severity: diagnostic.Error, Title: "a service cannot fail in this way"},
		{Code: unknownOwner, Severity: diagnostic.Error, Title: "an owner is not among the owners"},
		{Code: vainPromise, Severity: diagnostic.Error, Title: "a promise is made where no user comes in"},
		{Code: unknownSession, Severity: diagnostic.Error, Title: "a promise is made for a session that does not exist"},
		{Code: unknownAsked, Severity: diagnostic.Error, Title: "a session asks a service that does not exist"},
		{Code: unaskable, Severity: diagnostic.Error, Title: "a session asks what cannot be asked"},
		{Code: uncaptured, Severity: diagnostic.Error, Title: "a step needs what no earlier step captures"},
		{Code: noEnd, Severity: diagnostic.Error, Title: "a service waits for what another never comes to"},
		{Code: halfHook, Severity: diagnostic.Error, Title: "a hook breaks without mending, or mends without breaking"},
		{Code: aimlessHook, Severity: diagnostic.Error, Title: "a hook of a private copy does not say which process it means"},
		{Code: unknownAllowed, Severity: diagnostic.Error, Title: "a drill is allowed to touch a service that does not exist"},
		{Code: unaudited, Severity: diagnostic.Error, Title: "a write that nobody can look for afterwards"},
		{Code: unpermitted, Severity: diagnostic.Error, Title: "a session asks what runs elsewhere without permission"},
		{Code: unknownFault, Severity: diagnostic.Error, Title: "a failure mode is not made true by this fault"},
		{Code: unroutable, Severity: diagnostic.Error, Title: "requests are sent to a service that cannot answer them"},
		{Code: sameRoute, Severity: diagnostic.Error, Title: "two routes are for the same requests"},
		{Code: badFallback, Severity: diagnostic.Error, Title: "a service stands in for what it cannot"},
		{Code: vainTreatment, Severity: diagnostic.Error, Title: "an edge or a route asks for what its protocol has no place for"},
		{Code: unknownTold, Severity: diagnostic.Error, Title: "somebody is to be told whom nobody knows"},
	}
}
