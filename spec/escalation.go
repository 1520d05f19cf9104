package spec

import (
	"fmt"
	"slices"
	"time"

	"github.com/goccy/go-yaml/ast"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/source"
)

const (
	maxDelay    = 24 * time.Hour
	leastRepeat = time.Minute // nobody can be woken better by being woken more often
	maxTold     = 32          // of one step
)

const someRules = "`rules: [{notify: web-schedule}, {notify: [ana, ben], after: 10m}]`"

// policies reads whom an incident reaches, step by step.
func (r *reader) policies(c *calling) func(source.Value) {
	return func(v source.Value) {
		r.named(v, "escalation policies", func(called string, v source.Value) {
			one := holdfast.EscalationPolicy{Name: holdfast.PolicyName(called)}
			written := r.Keys(v, "an escalation policy", []source.Key{
				{Name: "rules", Read: r.rules(c, &one.Rules)},
				{Name: "repeat", Read: scalar(r, &one.Repeat, repeat)},
			})
			if written != nil && !meant(written, "rules") {
				r.Report(v.At, diagnostic.Problem{Code: missingKey, Message: v.Name + " has no `rules`", Help: "write whom to tell, step by step: " + someRules})
			}
			if len(one.Rules) > 0 {
				c.Policies = append(c.Policies, one)
			}
		})
	}
}

func repeat(text string) (time.Duration, *complaint) {
	d, wrong := duration(text)
	if wrong == nil && d < leastRepeat {
		return complain[time.Duration](badDuration, "write at least `1m`: it takes longer to wake up and find a keyboard", "%s is too soon", diagnostic.Tick(text))
	}
	return d, wrong
}

func (r *reader) rules(c *calling, into *[]holdfast.EscalationRule) func(source.Value) {
	return func(v source.Value) {
		items, _ := r.Items(v, "steps", someRules)
		for i, item := range items {
			if i == holdfast.MaxRules {
				r.Report(item.At, diagnostic.Problem{Code: badNumber, Message: fmt.Sprintf("rules: there are more than %d", holdfast.MaxRules), Help: "the last step is repeated until somebody answers: leave the others out"})
				return
			}
			var one holdfast.EscalationRule
			written := r.Keys(item, "a step", []source.Key{
				{Name: "notify", Read: func(v source.Value) { one.Notify = r.told(c, v, len(c.Policies), len(*into)) }},
				{Name: "after", Read: scalar(r, &one.After, span)},
			})
			if written != nil && !meant(written, "notify") {
				r.Report(item.At, diagnostic.Problem{Code: missingKey, Message: item.Name + " has no `notify`", Help: "name whom it tells: " + someRules})
			}
			if one.After > maxDelay {
				one.After = maxDelay
				r.Report(written["after"], diagnostic.Problem{Code: badDuration, Message: "after: it is longer than a day", Help: "write at most `24h`"})
			}
			if len(one.Notify) > 0 {
				*into = append(*into, one)
			}
		}
	}
}

// told reads one name or several. Whose they are is seen once all are read.
func (r *reader) told(c *calling, v source.Value, policy, rule int) []holdfast.Recipient {
	var all []string
	var places []diagnostic.Place
	if _, several := v.Node.(*ast.SequenceNode); several {
		all, places = listAt(r, v, "names", "`notify: [ana, ben]`", label[string])
	} else {
		var one string
		if scalar(r, &one, label[string])(v); one != "" {
			all, places = []string{one}, []diagnostic.Place{v.At}
		}
	}
	if len(all) > maxTold {
		r.Report(v.At, diagnostic.Problem{Code: badNumber, Message: fmt.Sprintf("notify: there are more than %d", maxTold), Help: "when so many are told nobody feels meant: name an owner, or fewer"})
		return nil
	}
	for i, name := range all {
		c.told = append(c.told, telling{referral: referral{name: name, at: places[i]}, policy: policy, rule: rule, place: i})
	}
	return make([]holdfast.Recipient, len(all))
}

// relatePeople finds out whose every name is, and reports those that are nobody's.
func (r *reader) relatePeople(c *calling, teams []holdfast.Team, drafts []*draft) {
	for _, ref := range c.contacts {
		r.refer(ref, "channel", channelNames(c), "`channels`")
	}
	for _, ref := range c.members {
		r.refer(ref, "person", peopleNames(c), "`people`")
	}
	if c.Standard != "" {
		r.refer(referral{name: string(c.Standard), at: c.standard}, "escalation policy", policyNames(c), "`escalation_policies`")
	}
	if len(c.Policies) > 0 { // where none is declared, who pages by them is somebody else
		for _, ref := range escalations(drafts) {
			r.refer(ref, "escalation policy", policyNames(c), "`escalation_policies`")
		}
	}
	for _, t := range c.told {
		if recipient, ok := r.recipient(c, teams, t); ok {
			c.Policies[t.policy].Rules[t.rule].Notify[t.place] = recipient
		}
	}
}

// escalations are the policies that failure modes name.
func escalations(drafts []*draft) []referral {
	var all []referral
	add := func(overrides []override) {
		for _, o := range overrides {
			if o.escalate != "" {
				all = append(all, referral{name: string(o.escalate), at: o.said["escalate"]})
			}
		}
	}
	for _, d := range drafts {
		add(d.overrides)
		for _, n := range d.needs {
			add(n.overrides)
		}
	}
	return all
}

// refer reports a name that nothing has.
func (r *reader) refer(ref referral, what string, exist []string, where string) {
	if slices.Contains(exist, ref.name) {
		return
	}
	r.Report(ref.at, diagnostic.Problem{
		Code: unknownTold, Message: fmt.Sprintf("no %s is called %s", what, diagnostic.Tick(ref.name)),
		Help: diagnostic.DidYouMean("", diagnostic.Nearest(ref.name, exist), "add it to "+where),
	})
}

// recipient is whom a name means: a person, a schedule, an owner or a channel. What
// it could mean twice is asked back.
func (r *reader) recipient(c *calling, teams []holdfast.Team, t telling) (holdfast.Recipient, bool) {
	var found []string
	var one holdfast.Recipient
	if slices.Contains(peopleNames(c), t.name) {
		found, one.Person = append(found, "a person"), holdfast.PersonName(t.name)
	}
	if slices.Contains(scheduleNames(c), t.name) {
		found, one.Schedule = append(found, "a schedule"), holdfast.ScheduleName(t.name)
	}
	if slices.ContainsFunc(teams, func(team holdfast.Team) bool { return string(team.Owner) == t.name }) {
		found, one.Owner = append(found, "an owner"), holdfast.OwnerName(t.name)
	}
	if slices.Contains(channelNames(c), t.name) {
		found, one.Channel = append(found, "a channel"), holdfast.ChannelName(t.name)
	}
	switch len(found) {
	case 1:
		return one, true
	case 0:
		exist := slices.Concat(peopleNames(c), scheduleNames(c), channelNames(c))
		for _, team := range teams {
			exist = append(exist, string(team.Owner))
		}
		r.refer(t.referral, "person, schedule, owner or channel", exist, "`people`, `schedules`, `owners` or `channels`")
	default:
		r.Report(t.at, diagnostic.Problem{Code: unknownTold, Message: fmt.Sprintf("%s is %s and %s", diagnostic.Tick(t.name), found[0], found[1]), Label: "who of them is told?", Help: "give one of them another name"})
	}
	return holdfast.Recipient{}, false
}

func peopleNames(c *calling) []string {
	return namesOf(c.People, func(p holdfast.Person) string { return string(p.Name) })
}

func channelNames(c *calling) []string {
	return namesOf(c.Channels, func(c holdfast.Channel) string { return string(c.Name) })
}

func scheduleNames(c *calling) []string {
	return namesOf(c.Schedules, func(s holdfast.Schedule) string { return string(s.Name) })
}

func policyNames(c *calling) []string {
	return namesOf(c.Policies, func(p holdfast.EscalationPolicy) string { return string(p.Name) })
}

func namesOf[T any](all []T, name func(T) string) []string {
	var names []string
	for _, one := range all {
		names = append(names, name(one))
	}
	return names
}
