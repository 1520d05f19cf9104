package spec

import (
	"fmt"
	"slices"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/source"
)

// An attested is what somebody says is so, and the place of their name.
type attested struct {
	holdfast.Attestation
	by diagnostic.Place
}

const someAttestation = "`attest: [{what: \"the backup was restored\", by: ana, until: 2027-01-31}]`"

func (r *reader) attest(into *[]attested) func(source.Value) {
	return func(v source.Value) {
		items, _ := r.Items(v, "what people say is so", someAttestation)
		first := map[string]diagnostic.Place{}
		for i, item := range items {
			if i == holdfast.MaxAttestations {
				r.Report(item.At, diagnostic.Problem{Code: badNumber, Message: fmt.Sprintf("attest: there are more than %d", holdfast.MaxAttestations), Help: "keep those that somebody reads"})
				return
			}
			one, whole := r.attestation(item)
			if !whole {
				continue
			}
			if at, twice := first[one.What]; twice {
				r.Report(item.At, diagnostic.Problem{Code: listedTwice, Message: diagnostic.Tick(one.What) + " is attested twice", Label: "first " + at.String(), Help: "keep the one that holds"})
				continue
			}
			first[one.What] = item.At
			*into = append(*into, one)
		}
	}
}

func (r *reader) attestation(v source.Value) (attested, bool) {
	var one attested
	written := r.Keys(v, "an attestation", []source.Key{
		{Name: "what", Read: scalar(r, &one.What, reason)},
		{Name: "by", Read: scalar(r, &one.By, label[string])},
		{Name: "until", Read: scalar(r, &one.Until, date)},
	})
	if written == nil {
		return one, false
	}
	one.by = written["by"]
	for _, required := range []struct{ key, help string }{
		{key: "what", help: "write what is so, as in `what: \"the backup was restored\"`"},
		{key: "by", help: "write who says so, as in `by: ana`"},
		{key: "until", help: "write the last day on which it may be relied on, as in `until: 2027-01-31`"},
	} {
		if !meant(written, required.key) {
			r.Report(v.At, diagnostic.Problem{Code: missingKey, Message: "an attestation has no " + diagnostic.Tick(required.key), Help: required.help})
		}
	}
	return one, one.What != "" && one.By != "" && !one.Until.IsZero()
}

// relateAttested: where the file lists people, who attests is one of them.
func (r *reader) relateAttested(all []attested, c *calling, teams []holdfast.Team) []holdfast.Attestation {
	known := peopleNames(c)
	for _, team := range teams {
		known = append(append(known, string(team.Owner)), team.People...)
	}
	slices.Sort(known)
	known = slices.Compact(known)
	var out []holdfast.Attestation
	for _, a := range all {
		if len(known) > 0 {
			r.refer(referral{name: a.By, at: a.by}, "person or owner", known, "`people` or `owners`")
		}
		out = append(out, a.Attestation)
	}
	return out
}
