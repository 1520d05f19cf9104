package spec

import (
	"fmt"
	"time"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/source"
)

// maxReason bounds why something is accepted, in bytes: it is shown in a line.
const maxReason = 200

// accept reads what somebody has signed. It changes nothing of the system: only
// whoever judges the file asks for it, knows the codes, and has a clock.
func (r *reader) accept(v source.Value) {
	items, _ := r.Items(v, "what is accepted", "`accept: [{code: HF2101, of: cart, owner: us, reason: …, until: 2027-03-31}]`")
	first := map[[2]string]diagnostic.Place{}
	for _, item := range items {
		a, whole := r.acceptance(item)
		if !whole {
			continue
		}
		of := [2]string{string(a.Code), a.Of}
		if at, twice := first[of]; twice {
			r.Report(item.At, diagnostic.Problem{Code: listedTwice, Message: diagnostic.Tick(of[0]) + " of the same is accepted twice", Label: "first " + at.String(), Help: "keep the one that holds"})
			continue
		}
		first[of] = item.At
		r.accepted = append(r.accepted, a)
	}
}

// acceptance is one of them, unless something of it is missing or wrong.
func (r *reader) acceptance(v source.Value) (diagnostic.Acceptance, bool) {
	a := diagnostic.Acceptance{File: r.File.Name, Place: v.At}
	var owner holdfast.OwnerName
	written := r.Keys(v, "an acceptance", []source.Key{
		{Name: "code", Read: scalar(r, &a.Code, findingCode)},
		{Name: "of", Read: scalar(r, &a.Of, label[string])},
		{Name: "owner", Read: scalar(r, &owner, label[holdfast.OwnerName])},
		{Name: "reason", Read: scalar(r, &a.Reason, reason)},
		{Name: "until", Read: scalar(r, &a.Until, date)},
	})
	if written == nil {
		return a, false
	}
	a.Owner = string(owner)
	for _, required := range []struct{ key, help string }{
		{key: "code", help: "write the code of what is accepted, as in `code: HF2101`"},
		{key: "owner", help: "write who answers for it, as in `owner: shop-team`"},
		{key: "reason", help: "write why it may stay, as in `reason: \"one is enough until the launch\"`"},
		{key: "until", help: "write the last day on which it may stay, as in `until: 2027-03-31`"},
	} {
		if !meant(written, required.key) {
			r.Report(v.At, diagnostic.Problem{Code: missingKey, Message: "an acceptance has no " + diagnostic.Tick(required.key), Help: required.help})
		}
	}
	return a, a.Code != "" && a.Owner != "" && a.Reason != "" && !a.Until.IsZero()
}

// findingCode accepts what looks like a code; which ones exist others know.
func findingCode(text string) (diagnostic.Code, *complaint) {
	var digits int
	if n, err := fmt.Sscanf(text, "HF%4d", &digits); n != 1 || err != nil || fmt.Sprintf("HF%04d", digits) != text {
		return complain[diagnostic.Code](badWord, "write it like `HF2101`; check shows it in brackets", "%s is not the code of a problem", diagnostic.Tick(text))
	}
	return diagnostic.Code(text), nil
}

func reason(text string) (string, *complaint) {
	if len(text) > maxReason || !onOneLine(text) {
		return complain[string](badName, fmt.Sprintf("write one line of at most %d characters", maxReason), "%s cannot be shown in a line", diagnostic.Tick(text))
	}
	return text, nil
}

func date(text string) (time.Time, *complaint) {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return complain[time.Time](badDate, "write year, month and day, as in `2027-03-31`", "%s is not a day", diagnostic.Tick(text))
	}
	return day, nil
}
