package spec

import (
	"strings"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/source"
)

// drills reads how drills are made.
func (r *reader) drills(into *holdfast.Load) func(source.Value) {
	return func(v source.Value) {
		r.Keys(v, "the drills", []source.Key{
			{Name: "load", Read: r.load(into)},
		})
	}
}

func (r *reader) load(into *holdfast.Load) func(source.Value) {
	return func(v source.Value) {
		r.Keys(v, "the load of drills", []source.Key{
			{Name: "rate", Read: scalar(r, &into.Rate, loadRate)},
			{Name: "arrivals", Read: scalar(r, &into.Arrivals, oneOf(badWord, "a way in which requests arrive", holdfast.Constant, holdfast.Poisson))},
			{Name: "ramp", Read: scalar(r, &into.Ramp, span)},
			{Name: "fresh", Read: optional(r, &into.Fresh, share)},
			{Name: "http2", Read: scalar(r, &into.HTTP2, share)},
		})
	}
}

// The limits of --rate.
const (
	leastLoad = 1
	mostLoad  = 10_000
)

// loadRate reads "200/s".
func loadRate(text string) (float64, *complaint) {
	n, wrong := perSecond(text)
	if wrong == nil && (n < leastLoad || n > mostLoad) {
		return complain[float64](badRate, "write one from `1/s` to `10000/s`", "%s cannot be sent by a drill", diagnostic.Tick(strings.ReplaceAll(text, " ", "")))
	}
	return n, wrong
}
