package source

import "holdfast/diagnostic"

const (
	NotUTF8       diagnostic.Code = "HF1001"
	TooLong       diagnostic.Code = "HF1002"
	EmptyFile     diagnostic.Code = "HF1003"
	BadSyntax     diagnostic.Code = "HF1004"
	TabIndent     diagnostic.Code = "HF1005"
	DuplicateKey  diagnostic.Code = "HF1006"
	ManyDocuments diagnostic.Code = "HF1007"
	BadAlias      diagnostic.Code = "HF1008"
	AliasBomb     diagnostic.Code = "HF1009"
	TooDeep       diagnostic.Code = "HF1010"
	BadMerge      diagnostic.Code = "HF1011"
	TooMany       diagnostic.Code = "HF1012"
	StrangeTag    diagnostic.Code = "HF1013"

	UnknownKey diagnostic.Code = "HF1101"
	WrongType  diagnostic.Code = "HF1102"
	EmptyValue diagnostic.Code = "HF1107"
)

// Codes lists every kind of problem that reading a text as YAML can find, and
// reading what kind of value stands where, by code.
func Codes() []diagnostic.Meaning {
	return []diagnostic.Meaning{
		{Code: NotUTF8, Severity: diagnostic.Error, Title: "the file is not UTF-8 text"},
		{Code: TooLong, Severity: diagnostic.Error, Title: "the file is too long: over 1 MiB, over 250,000 words and signs, over 6,000 entries in one mapping, or over 100 empty lines in a row"},
		{Code: EmptyFile, Severity: diagnostic.Error, Title: "the file says nothing"},
		{Code: BadSyntax, Severity: diagnostic.Error, Title: "the file is not YAML"},
		{Code: TabIndent, Severity: diagnostic.Error, Title: "a line is indented with a tab"},
		{Code: DuplicateKey, Severity: diagnostic.Error, Title: "a key is given twice"},
		{Code: ManyDocuments, Severity: diagnostic.Error, Title: "the file holds several YAML documents"},
		{Code: BadAlias, Severity: diagnostic.Error, Title: "an alias refers to nothing, or to itself"},
		{Code: AliasBomb, Severity: diagnostic.Error, Title: "aliases expand to more than 200,000 values"},
		{Code: TooDeep, Severity: diagnostic.Error, Title: "the file is nested deeper than 64 levels"},
		{Code: BadMerge, Severity: diagnostic.Error, Title: "a merge key merges something that is not a mapping"},
		{Code: TooMany, Severity: diagnostic.Warning, Title: "there are more problems than are listed"},
		{Code: StrangeTag, Severity: diagnostic.Error, Title: "a YAML tag is used"},
		{Code: UnknownKey, Severity: diagnostic.Error, Title: "a key is not known"},
		{Code: WrongType, Severity: diagnostic.Error, Title: "a value has the wrong shape"},
		{Code: EmptyValue, Severity: diagnostic.Error, Title: "a value is empty"},
	}
}
