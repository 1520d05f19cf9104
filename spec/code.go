package spec

import "slices"

// A Code names a kind of problem for ever. The first two digits say what it is
// about: 10 the text, 11 keys and values, 12 references between things.
type Code string

// A Severity says whether a problem keeps the file from being used.
type Severity string

const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// A Meaning is what a code stands for.
type Meaning struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	Title    string   `json:"title"`
}

const (
	notUTF8       Code = "HF1001"
	tooLong       Code = "HF1002"
	emptyFile     Code = "HF1003"
	badSyntax     Code = "HF1004"
	tabIndent     Code = "HF1005"
	duplicateKey  Code = "HF1006"
	manyDocuments Code = "HF1007"
	badAlias      Code = "HF1008"
	aliasBomb     Code = "HF1009"
	tooDeep       Code = "HF1010"
	badMerge      Code = "HF1011"
	tooMany       Code = "HF1012"
	strangeTag    Code = "HF1013"

	unknownKey     Code = "HF1101"
	wrongType      Code = "HF1102"
	missingKey     Code = "HF1103"
	missingKind    Code = "HF1104"
	twoKinds       Code = "HF1105"
	unfitKey       Code = "HF1106"
	emptyValue     Code = "HF1107"
	badName        Code = "HF1108"
	openQuote      Code = "HF1109"
	badNumber      Code = "HF1110"
	badShare       Code = "HF1111"
	badDuration    Code = "HF1112"
	badPort        Code = "HF1113"
	badURL         Code = "HF1114"
	badWord        Code = "HF1115"
	badSignal      Code = "HF1116"
	badPath        Code = "HF1117"
	badRate        Code = "HF1118"
	listedTwice    Code = "HF1119"
	badReference   Code = "HF1120"
	oddBounds      Code = "HF1121"
	shellOperator  Code = "HF1122"
	badSecret      Code = "HF1123"
	badEnvironment Code = "HF1124"
	badUser        Code = "HF1125"
	badSize        Code = "HF1126"
	badCPU         Code = "HF1127"
	twoFallbacks   Code = "HF1130"

	blindToHang   Code = "HF1201"
	unknownNeed   Code = "HF1202"
	needsItself   Code = "HF1203"
	needsCircle   Code = "HF1204"
	unknownMode   Code = "HF1205"
	unknownRemedy Code = "HF1206"
	unknownZone   Code = "HF1207"
	unsetVariable Code = "HF1208"
	missingSecret Code = "HF1209"
	takenPort     Code = "HF1210"
	loneReplica   Code = "HF1211"
	nobodyOwns    Code = "HF1212"
	unfitMode     Code = "HF1213"

	noEnd          Code = "HF1220"
	halfHook       Code = "HF1221"
	aimlessHook    Code = "HF1222"
	unknownAllowed Code = "HF1223"
)

// Codes lists every kind of problem that Read can find, by code.
func Codes() []Meaning { return slices.Concat(textCodes(), valueCodes(), referenceCodes()) }

func textCodes() []Meaning {
	return []Meaning{
		{Code: notUTF8, Severity: Error, Title: "the file is not UTF-8 text"},
		{Code: tooLong, Severity: Error, Title: "the file is too long: over 1 MiB, over 250,000 words and signs, over 6,000 entries in one mapping, or over 100 empty lines in a row"},
		{Code: emptyFile, Severity: Error, Title: "the file says nothing"},
		{Code: badSyntax, Severity: Error, Title: "the file is not YAML"},
		{Code: tabIndent, Severity: Error, Title: "a line is indented with a tab"},
		{Code: duplicateKey, Severity: Error, Title: "a key is given twice"},
		{Code: manyDocuments, Severity: Error, Title: "the file holds several YAML documents"},
		{Code: badAlias, Severity: Error, Title: "an alias refers to nothing, or to itself"},
		{Code: aliasBomb, Severity: Error, Title: "aliases expand to more than 200,000 values"},
		{Code: tooDeep, Severity: Error, Title: "the file is nested deeper than 64 levels"},
		{Code: badMerge, Severity: Error, Title: "a merge key merges something that is not a mapping"},
		{Code: tooMany, Severity: Warning, Title: "there are more problems than are listed"},
		{Code: strangeTag, Severity: Error, Title: "a YAML tag is used"},
	}
}

func valueCodes() []Meaning {
	return []Meaning{
		{Code: unknownKey, Severity: Error, Title: "a key is not known"},
		{Code: wrongType, Severity: Error, Title: "a value has the wrong shape"},
		{Code: missingKey, Severity: Error, Title: "a key is missing"},
		{Code: missingKind, Severity: Error, Title: "a service has neither command nor urls"},
		{Code: twoKinds, Severity: Error, Title: "a service has both command and urls"},
		{Code: unfitKey, Severity: Error, Title: "a key means nothing for this kind of service"},
		{Code: emptyValue, Severity: Error, Title: "a value is empty"},
		{Code: badName, Severity: Error, Title: "a name is not usable as one"},
		{Code: openQuote, Severity: Error, Title: "a quote in a command is never closed"},
		{Code: badNumber, Severity: Error, Title: "a number is not one, or out of range"},
		{Code: badShare, Severity: Error, Title: "a share is not one between 0% and 100%"},
		{Code: badDuration, Severity: Error, Title: "a duration is not one, or out of range"},
		{Code: badPort, Severity: Error, Title: "a port is not one"},
		{Code: badURL, Severity: Error, Title: "a URL cannot be used"},
		{Code: badWord, Severity: Error, Title: "a value is not one of those that exist"},
		{Code: badSignal, Severity: Error, Title: "a signal is not one that ends processes"},
		{Code: badPath, Severity: Error, Title: "the path of a health check is not one"},
		{Code: badRate, Severity: Error, Title: "a rate is not a count per duration"},
		{Code: listedTwice, Severity: Error, Title: "a list names something twice"},
		{Code: badReference, Severity: Error, Title: "a reference to a variable is not written well"},
		{Code: oddBounds, Severity: Warning, Title: "bounds contradict each other"},
		{Code: shellOperator, Severity: Error, Title: "a command uses what only a shell understands"},
		{Code: badSecret, Severity: Error, Title: "a reference to a secret is not written well"},
		{Code: badEnvironment, Severity: Error, Title: "an environment entry is not a variable"},
		{Code: badUser, Severity: Error, Title: "a user is not a name or a number"},
		{Code: badSize, Severity: Error, Title: "an amount of memory is not one, or out of range"},
		{Code: badCPU, Severity: Error, Title: "a share of the processors is not one, or out of range"},
		{Code: twoFallbacks, Severity: Error, Title: "a fallback has two bodies"},
	}
}

func referenceCodes() []Meaning {
	return []Meaning{
		{Code: blindToHang, Severity: Warning, Title: "a hang of this service is seen only through traffic"},
		{Code: unknownNeed, Severity: Error, Title: "a service depends on one that does not exist"},
		{Code: needsItself, Severity: Error, Title: "a service depends on itself"},
		{Code: needsCircle, Severity: Error, Title: "services depend on each other in a circle"},
		{Code: unknownMode, Severity: Error, Title: "a failure mode does not exist"},
		{Code: unknownRemedy, Severity: Error, Title: "a remedy does not exist"},
		{Code: unknownZone, Severity: Error, Title: "a zone is not declared"},
		{Code: unsetVariable, Severity: Error, Title: "a variable is set by nothing"},
		{Code: missingSecret, Severity: Error, Title: "a secret is not in the environment"},
		{Code: takenPort, Severity: Error, Title: "two services are published at one address"},
		{Code: loneReplica, Severity: Warning, Title: "a service that others wait for has one replica"},
		{Code: nobodyOwns, Severity: Warning, Title: "a service has no owner"},
		{Code: unfitMode, Severity: Error, Title: "a service cannot fail in this way"},
		{Code: noEnd, Severity: Error, Title: "a service waits for what another never comes to"},
		{Code: halfHook, Severity: Error, Title: "a hook breaks without mending, or mends without breaking"},
		{Code: aimlessHook, Severity: Error, Title: "a hook of a private copy does not say which process it means"},
		{Code: unknownAllowed, Severity: Error, Title: "a drill is allowed to touch a service that does not exist"},
	}
}

func severity(code Code) Severity {
	for _, meaning := range Codes() {
		if meaning.Code == code {
			return meaning.Severity
		}
	}
	panic("spec: " + string(code) + " is not in Codes: every code is")
}
