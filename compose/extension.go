package compose

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/source"
)

// An extension is what x-holdfast says, at the top of the file or in a service.
type extension struct {
	owner   holdfast.OwnerName
	promise string // as it is written; "" when nothing is
}

// extensionKey is the key in which Compose leaves room for others.
const extensionKey = "x-holdfast"

// readExtensions reads x-holdfast at the top, and then in every service.
func (f *file) readExtensions() {
	if n := f.root.named[extensionKey]; n != nil {
		f.extended = f.extension(n, "", "")
	}
	services := f.root.named["services"]
	if services == nil {
		return
	}
	for _, s := range services.kids {
		if n := s.named[extensionKey]; n != nil {
			f.extension(n, s.key, f.extended.owner)
		}
	}
}

// extensionOf is what a service's own x-holdfast says, with what stands at the
// top for what it does not say.
func (f *file) extensionOf(s *service) extension {
	e := f.extended
	if n := s.look(extensionKey); n != nil {
		if owner := n.named["owner"]; owner != nil && owner.text != "" {
			e.owner = holdfast.OwnerName(owner.text)
		}
		if promise := n.named["promise"]; promise != nil {
			e.promise = promise.text
		}
	}
	return e
}

// extension reads one. of is the service it stands in, or "".
func (f *file) extension(n *node, of string, owner holdfast.OwnerName) extension {
	e := extension{owner: owner}
	d := f.document
	d.Keys(n.value, diagnostic.Tick(extensionKey), []source.Key{
		{Name: "owner", Read: func(v source.Value) {
			if text, ok := d.Scalar(v); ok {
				e.owner = holdfast.OwnerName(f.label(v, text, 100))
			}
		}},
		{Name: "promise", Read: func(v source.Value) { e.promise = f.promise(v) }},
		{Name: "accept", Read: func(v source.Value) {
			items, _ := d.Items(v, "acceptances", "`accept: [{code: HF3143, of: web, owner: me, reason: …, until: 2027-03-31}]`")
			for _, item := range items {
				f.acceptance(item, of, e.owner)
			}
		}},
	})
	return e
}

// label is a text that is shown in a line.
func (f *file) label(v source.Value, text string, most int) string {
	if len(text) > most || strings.ContainsFunc(text, func(c rune) bool { return diagnostic.Visible(c) != c }) {
		f.document.Report(v.At, diagnostic.Problem{Code: badExtension, Message: v.Name + " cannot be shown in a line", Help: fmt.Sprintf("write one line of at most %d characters", most)})
		return ""
	}
	return text
}

func (f *file) promise(v source.Value) string {
	text, ok := f.document.Scalar(v)
	if !ok {
		return ""
	}
	digits, percent := strings.CutSuffix(text, "%")
	share, err := strconv.ParseFloat(digits, 64)
	if !percent || err != nil || share <= 0 || share >= 100 || strings.Trim(digits, "0123456789.") != "" {
		f.document.Report(v.At, diagnostic.Problem{Code: badExtension, Message: "promise: " + diagnostic.Tick(text) + " is not a share between 0% and 100%", Help: "write it like `99.9%`"})
		return ""
	}
	return text
}

// acceptance reads one entry of accept. In a service it is of that service unless
// it says otherwise; at the top, without `of`, of the whole file.
func (f *file) acceptance(v source.Value, of string, owner holdfast.OwnerName) {
	d := f.document
	errors := d.Problems.Errors()
	a := diagnostic.Acceptance{Of: of, Owner: string(owner), File: d.File.Name, Place: v.At}
	text := func(into *string, most int) func(source.Value) {
		return func(v source.Value) {
			if text, ok := d.Scalar(v); ok {
				*into = f.label(v, text, most)
			}
		}
	}
	var code string
	written := d.Keys(v, "an acceptance", []source.Key{
		{Name: "code", Read: func(v source.Value) { code = f.code(v) }},
		{Name: "of", Read: text(&a.Of, 100)},
		{Name: "owner", Read: text(&a.Owner, 100)},
		{Name: "reason", Read: text(&a.Reason, 200)},
		{Name: "until", Read: func(v source.Value) { a.Until = f.day(v) }},
	})
	a.Code = diagnostic.Code(code)
	for _, must := range []struct{ key, value string }{{key: "code", value: code}, {key: "owner", value: a.Owner}, {key: "reason", value: a.Reason}} {
		if _, said := written[must.key]; written != nil && !said && must.value == "" {
			f.reportMissing(v, must.key)
		}
	}
	if _, said := written["until"]; written != nil && !said {
		f.reportMissing(v, "until")
	}
	if written != nil && d.Problems.Errors() == errors {
		f.accepted = append(f.accepted, a)
	}
}

func (f *file) reportMissing(v source.Value, key string) {
	f.document.Report(v.At, diagnostic.Problem{
		Code: badExtension, Message: "an acceptance without " + diagnostic.Tick(key),
		Note: "what is accepted is signed by an owner, has a reason, and ends on a day",
		Help: "write `{code: HF3143, of: web, owner: me, reason: …, until: 2027-03-31}`",
	})
}

func (f *file) code(v source.Value) string {
	text, ok := f.document.Scalar(v)
	if !ok {
		return ""
	}
	if !regexp.MustCompile(`^HF\d{4}$`).MatchString(text) {
		f.document.Report(v.At, diagnostic.Problem{Code: badExtension, Message: diagnostic.Tick(text) + " is not the code of a problem", Help: "write the code that check shows in brackets, such as `HF3143`"})
		return ""
	}
	return text
}

func (f *file) day(v source.Value) time.Time {
	text, ok := f.document.Scalar(v)
	if !ok {
		return time.Time{}
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		f.document.Report(v.At, diagnostic.Problem{Code: badExtension, Message: "until: " + diagnostic.Tick(text) + " is not a day", Help: "write it like `2027-03-31`"})
	}
	return day
}
