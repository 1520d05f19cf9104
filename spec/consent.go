package spec

import (
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/source"
)

// consent reads what a drill may touch, and when. That the names exist is seen
// once all services are read.
func (r *reader) consent(into *holdfast.Consent, allowed *[]allowance) func(source.Value) {
	return func(v source.Value) {
		r.Keys(v, "what a drill may touch", []source.Key{
			{Name: "allow", Read: func(v source.Value) {
				all, places := listAt(r, v, "names of services", "`allow: [web]`", name[holdfast.ServiceName])
				for i, service := range all {
					*allowed = append(*allowed, allowance{service: service, at: places[i]})
				}
			}},
			{Name: "hours", Read: optional(r, &into.Hours, hours)},
			{Name: "abort", Read: r.abort(&into.Abort)},
			{Name: "budget", Read: scalar(r, &into.Budget, someShare)},
		})
	}
}

// abort reads what ends a drill before its time. Half of it means nothing.
func (r *reader) abort(into **holdfast.Abort) func(source.Value) {
	return func(v source.Value) {
		var a holdfast.Abort
		written := r.Keys(v, "what ends a drill", []source.Key{
			{Name: "hurt", Read: scalar(r, &a.Hurt, someShare)},
			{Name: "within", Read: scalar(r, &a.Within, duration)},
		})
		for _, key := range []string{"hurt", "within"} {
			if written != nil && !meant(written, key) {
				r.Report(v.Key, diagnostic.Problem{Code: missingKey, Message: "abort has no " + diagnostic.Tick(key), Help: "write which share of the requests of how long a stretch is too much: `abort: {hurt: 5%, within: 1s}`"})
			}
		}
		if a.Hurt > 0 && a.Within > 0 {
			*into = &a
		}
	}
}

// someShare is a share above nothing.
func someShare(text string) (holdfast.Share, *complaint) {
	s, wrong := share(text)
	if wrong == nil && s == 0 {
		return complain[holdfast.Share](badShare, "write a share above 0%, or remove it", "%s is nothing", diagnostic.Tick(text))
	}
	return s, wrong
}

// hours reads "Mon-Fri 09:00-17:00 Europe/Berlin".
func hours(text string) (holdfast.Hours, *complaint) {
	const help = "write days, times and the time zone, like `Mon-Fri 09:00-17:00 Europe/Berlin`"
	parts := strings.Fields(text)
	if len(parts) == 2 {
		return complain[holdfast.Hours](badHours, "add it, like "+diagnostic.Tick(text+" UTC"), "%s does not say in which time zone", diagnostic.Tick(text))
	}
	if len(parts) != 3 {
		return complain[holdfast.Hours](badHours, help, "%s is not days, times and a time zone", diagnostic.Tick(text))
	}
	days, wrong := daysOf(parts[0])
	if wrong != nil {
		return holdfast.Hours{}, wrong
	}
	begin, end, _ := strings.Cut(parts[1], "-")
	from, fromOK := clock(begin)
	to, toOK := clock(end)
	switch {
	case !fromOK || !toOK:
		return complain[holdfast.Hours](badHours, help, "%s is not from one time of day to another", diagnostic.Tick(parts[1]))
	case to <= from:
		return complain[holdfast.Hours](badHours, "hours are within one day, from the earlier time to the later; the last is `24:00`", "%s ends before it begins", diagnostic.Tick(parts[1]))
	case !zoneName(parts[2]):
		return complain[holdfast.Hours](badHours, "write `UTC`, or a place of the time zone database, like `Europe/Berlin`", "%s is not the name of a time zone", diagnostic.Tick(parts[2]))
	}
	return holdfast.Hours{Days: days, From: from, To: to, Zone: parts[2]}, nil
}

// daysOf reads "Mon-Fri", "Mon,Wed" or "Sat": a stretch may go over the end of
// the week.
func daysOf(text string) ([]time.Weekday, *complaint) {
	var all []time.Weekday
	for part := range strings.SplitSeq(text, ",") {
		first, last, stretch := strings.Cut(part, "-")
		if !stretch {
			last = first
		}
		from, fromWrong := weekday(first)
		to, toWrong := weekday(last)
		for _, wrong := range []*complaint{fromWrong, toWrong} {
			if wrong != nil {
				return nil, wrong
			}
		}
		for day := from; ; day = (day + 1) % 7 {
			if slices.Contains(all, day) {
				return complain[[]time.Weekday](badHours, "name each day once", "%s names %s twice", diagnostic.Tick(text), day)
			}
			if all = append(all, day); day == to {
				break
			}
		}
	}
	return all, nil
}

func weekday(text string) (time.Weekday, *complaint) {
	var names []string
	for day := time.Monday; len(names) < 7; day = (day + 1) % 7 {
		names = append(names, day.String()[:3])
	}
	i := slices.Index(names, text)
	if i < 0 {
		return complain[time.Weekday](badHours, diagnostic.DidYouMean("", diagnostic.Nearest(text, names), "there are "+diagnostic.Ticks(names)), "%s is not a day", diagnostic.Tick(text))
	}
	return time.Weekday((i + 1) % 7), nil
}

// clock reads "09:00", to the minute; "24:00" is the end of the day.
func clock(text string) (time.Duration, bool) {
	if text == "24:00" {
		return 24 * time.Hour, true
	}
	at, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") {
		return 0, false
	}
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute, true
}

// zoneName says whether a text looks like a name of the time zone database.
// Which of them a machine knows, it is asked when it matters.
func zoneName(text string) bool {
	if text == "UTC" {
		return true
	}
	area, place, ok := strings.Cut(text, "/")
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/"
	return ok && area != "" && place != "" && strings.Trim(text, letters) == "" && !strings.HasSuffix(text, "/") && !strings.Contains(text, "//")
}

// An allowance is a service a drill may touch, and where that is said.
type allowance struct {
	service holdfast.ServiceName
	at      diagnostic.Place
}

// relateConsent keeps the allowances that mean something.
func (r *reader) relateConsent(consent holdfast.Consent, allowed []allowance, drafts []*draft) holdfast.Consent {
	for _, a := range allowed {
		i := slices.IndexFunc(drafts, func(d *draft) bool { return d.service.Name == a.service })
		switch {
		case i < 0:
			r.Report(a.at, diagnostic.Problem{
				Code: unknownAllowed, Message: "allow: no service is called " + diagnostic.Tick(string(a.service)),
				Help: diagnostic.DidYouMean("", diagnostic.Nearest(string(a.service), serviceNames(drafts)), "the services are "+diagnostic.Ticks(serviceNames(drafts))),
			})
		case drafts[i].service.Manage == holdfast.Full:
			r.Report(a.at, diagnostic.Problem{
				Code: unfitKey, Message: "allow: " + diagnostic.Tick(string(a.service)) + " needs no permission", Label: "it is drilled in a private copy",
				Help: "remove it: only what runs elsewhere (`urls`) is listed here",
			})
		default:
			consent.Allow = append(consent.Allow, a.service)
		}
	}
	return consent
}
