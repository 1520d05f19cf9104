// Package problems holds one page for each code of a problem: what somebody
// reads who has just been told of one, and for whom the lines below the place in
// the file were not enough.
//
// The page of HF2101 is HF2101.md, and all pages have one form:
//
//	# HF2101: the title of the code, as the list of codes has it
//	## What it says        what was found, and under which conditions; an example
//	## Why it hurts        what would happen, to whom
//	## How to mend it      the next step; the example, mended
//	## How to accept it    the entry of `accept:`, or that it cannot be accepted
//
// Each part is one to five lines beside its example, true of every place that
// reports the code, and says nothing that another page says better. The reader
// has never seen Holdfast and is in a hurry.
//
// Examples are fences. "yaml wrong" is a whole file that has the problem, "yaml
// right" one that has not, or a piece of one, and "yaml accepted" one that has it
// and accepts it; plain "yaml" is a piece. The test reads all of them as check
// does, on a day of its own, and tells what a page lacks. Who adds a code
// writes its page, and adds to the test how files with such codes are read when
// they are not ours.
package problems

import (
	"embed"
	"strings"
)

//go:embed *.md
var pages embed.FS

// extension is what the name of a page has behind its code.
const extension = ".md"

// Page is the page of a code, in Markdown.
func Page(code string) (string, bool) {
	text, err := pages.ReadFile(code + extension)
	return string(text), err == nil
}

// Codes lists the codes that have a page, in order.
func Codes() []string {
	entries, err := pages.ReadDir(".")
	if err != nil {
		panic("problems: the embedded pages have no folder: " + err.Error())
	}
	var codes []string
	for _, entry := range entries { // embed sorts them by name
		codes = append(codes, strings.TrimSuffix(entry.Name(), extension))
	}
	return codes
}
