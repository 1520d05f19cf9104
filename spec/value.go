package spec

import (
	"fmt"
	"strings"

	"holdfast/command"
	"holdfast/diagnostic"
	"holdfast/source"
)

// filled is the text of a value with its references filled in from the caller's
// environment, without blanks around it.
func (r *reader) filled(v source.Value) (string, bool) {
	text, ok := r.Scalar(v)
	if !ok {
		return "", false
	}
	all := command.Pieces(text)
	bad := command.Unreadable(all)
	r.reportUnreadable(rawText{value: v}, bad)
	text, unset := fill(all, r.environ)
	for _, p := range unset {
		if r.Problems.Full() {
			break
		}
		r.Report(r.Dollar(v.At, p.Dollar, p.Source), diagnostic.Problem{
			Code: unsetVariable, Message: v.Name + ": the variable " + diagnostic.Tick(p.Name) + " is not set", Label: "in the environment holdfast was started with",
			Help: fmt.Sprintf("set it (`export %s=…`), or write a default: `${%s:-…}`", p.Name, p.Name),
		})
	}
	text, ok = strings.TrimSpace(text), len(bad)+len(unset) == 0
	if ok && text == "" {
		r.Report(v.At, diagnostic.Problem{Code: source.EmptyValue, Message: v.Name + " is empty", Help: "give it a value, or remove it"})
		return "", false
	}
	return text, ok
}

// fill writes pieces out with the variables of an environment, and returns the
// references to those that are not set.
func fill(all []command.Piece, environ map[string]string) (string, []command.Piece) {
	var text strings.Builder
	var unset []command.Piece
	for _, p := range all {
		value, set := environ[p.Name]
		switch {
		case p.Name == "":
			text.WriteString(p.Text)
		case p.Fallback == command.Never && !set:
			unset = append(unset, p)
		case p.Fallback.Uses(value, set):
			instead, missing := fill(p.Instead, environ)
			text.WriteString(instead)
			unset = append(unset, missing...)
		default:
			text.WriteString(value)
		}
	}
	return text.String(), unset
}

// reportUnreadable reports the references of a text that cannot be read.
func (r *reader) reportUnreadable(raw rawText, bad []command.Piece) {
	for _, p := range bad {
		if r.Problems.Full() {
			return
		}
		at := r.Dollar(raw.value.At, raw.dollars+p.Dollar, p.Source)
		r.Report(at, diagnostic.Problem{Code: badReference, Message: raw.value.Name + ": " + p.Why, Help: p.Help})
	}
}
