package check

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/oncall"
)

// audiencesOf are whom pages of a system go to, each once: of its failure modes that
// page, and of its promises that burn. A file that names nobody who can be told has
// none.
func (c *judging) audiencesOf() []oncall.Audience {
	if !c.tells() {
		return nil
	}
	var all []oncall.Audience
	known := map[[2]string]bool{}
	add := func(policy holdfast.PolicyName, owner holdfast.OwnerName) {
		switch o := c.system.OnCall; { // a file may have many owners, and to look into schedules takes time
		case len(o.Policies) == 0:
			policy = ""
		case policy != "" || o.Standard != "":
			policy, owner = cmp.Or(policy, o.Standard), ""
		}
		if key := [2]string{string(policy), string(owner)}; !known[key] {
			known[key] = true
			all = append(all, oncall.AudienceOf(c.system, policy, owner, c.facts.Today))
		}
	}
	for _, m := range c.system.Modes {
		if m.Urgency != holdfast.Ticket {
			add(m.Escalation, cmp.Or(m.Owner, c.system.Owner))
		}
	}
	if len(c.system.Owed()) > 0 {
		add("", c.system.Owner)
	}
	return all
}

// told tells of a failure mode whether anybody can be told of it, page or ticket. A file
// of thousands of modes has a few audiences, and each is looked for once.
func (c *judging) told() func(holdfast.FailureMode) bool {
	type called struct {
		policy holdfast.PolicyName
		owner  holdfast.OwnerName
	}
	known := map[called]bool{}
	return func(m holdfast.FailureMode) bool {
		who := called{policy: m.Escalation, owner: cmp.Or(m.Owner, c.system.Owner)}
		reaches, looked := known[who]
		if !looked && c.tells() {
			reaches = len(oncall.AudienceOf(c.system, who.policy, who.owner, time.Time{}).Via) > 0
			known[who] = reaches
		}
		return reaches
	}
}

// tells is whether a file says of anybody how to reach them.
func (c *judging) tells() bool {
	o := c.system.OnCall
	return len(o.People)+len(o.Channels)+len(o.Policies) > 0
}

// oneProvider finds audiences that are all reached through one provider.
func oneProvider() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2501", Severity: diagnostic.Warning, Title: "whoever is woken is reached through one provider"},
		find: func(c *judging) []Finding {
			var all []Finding
			for _, a := range c.audiences {
				if providers := a.Providers(); len(providers) == 1 {
					of, at := audienceAt(a)
					all = append(all, Finding{
						Of: of, At: at, Message: "everybody whom " + diagnostic.Tick(of) + " tells is reached through one provider, " + providers[0],
						Note: "when that is down, or has revoked a token, nobody is woken: and it is down on the same day as much else",
						Help: "give its people a second contact through another channel: `contacts: [{via: …}, {via: …, after: 2m}]`",
					})
				}
			}
			return all
		},
	}
}

// audienceAt is the name of an audience and where it is written.
func audienceAt(a oncall.Audience) (string, Path) {
	if a.Policy != "" {
		return string(a.Policy), Path{"escalation_policies", string(a.Policy)}
	}
	return string(a.Owner), Path{"owners", string(a.Owner)}
}

// speechless finds people who are meant and cannot be told: those that have no
// contacts, and those of an owner whom `people` does not describe.
func speechless() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2502", Severity: diagnostic.Warning, Title: "a person cannot be told"},
		find: func(c *judging) []Finding {
			if !c.tells() {
				return nil
			}
			var all []Finding
			described := map[string]bool{}
			for _, p := range c.system.OnCall.People {
				described[string(p.Name)] = true
				if len(p.Contacts) == 0 {
					all = append(all, voiceless(string(p.Name), Path{"people", string(p.Name)}))
				}
			}
			for _, team := range c.system.People {
				for _, person := range team.People {
					if !described[person] && c.asks(team.Owner) {
						described[person] = true
						all = append(all, voiceless(person, Path{"owners", string(team.Owner)}))
					}
				}
			}
			return all
		},
	}
}

func voiceless(person string, at Path) Finding {
	return Finding{
		Of: person, At: at, Message: diagnostic.Tick(person) + " cannot be told: there is no contact",
		Note: "who is told in this place is passed over, and the next one is told at once; if there is no next one, nobody is",
		Help: "write how: `people: {" + diagnostic.Shown(person) + ": {contacts: [{via: …, to: …}]}}`",
	}
}

// asks is whether the people of an owner are told of something, all at once.
func (c *judging) asks(owner holdfast.OwnerName) bool {
	for _, a := range c.audiences {
		if a.Policy == "" && a.Owner == owner {
			return true
		}
	}
	for _, p := range c.system.OnCall.Policies {
		for _, rule := range p.Rules {
			for _, r := range rule.Notify {
				if r.Owner == owner {
					return true
				}
			}
		}
	}
	return false
}

// sameAddress finds two contacts that are one.
func sameAddress() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2505", Severity: diagnostic.Warning, Title: "two contacts are one address"},
		find: func(c *judging) []Finding {
			type address struct {
				provider string
				to       string
			}
			providers := map[holdfast.ChannelName]string{}
			for _, channel := range c.system.OnCall.Channels {
				providers[channel.Name] = channel.Provider()
			}
			first := map[address]holdfast.PersonName{}
			var all []Finding
			for _, p := range c.system.OnCall.People {
				told := false // one finding of a person
				for _, contact := range p.Contacts {
					at := address{provider: providers[contact.Via], to: contact.To}
					if contact.To == "" {
						at.to = "\x00" + string(p.Name) + string(contact.Via) // everybody's, where a channel has one: it is theirs
					}
					if other, twice := first[at]; twice && !told {
						told = true
						all = append(all, doubled(p.Name, other, contact))
					} else if !twice {
						first[at] = p.Name
					}
				}
			}
			return all
		},
	}
}

func doubled(person, other holdfast.PersonName, contact holdfast.Contact) Finding {
	where := strings.TrimSpace(string(contact.Via) + " " + contact.To)
	f := Finding{
		Of: string(person), At: Path{"people", string(person), "contacts"},
		Message: fmt.Sprintf("%s is told twice at one address: %s", diagnostic.Tick(string(person)), diagnostic.Shown(where)),
		Note:    "the second contact is for when the first is not heard: it is not heard there either",
		Help:    "write another address, or remove one of the two",
	}
	if other != person {
		f.Message = fmt.Sprintf("%s and %s are told at one address: %s", diagnostic.Tick(string(other)), diagnostic.Tick(string(person)), diagnostic.Shown(where))
		f.Note = "whoever has it is asleep for both: one telephone that is off, and two steps reach nobody"
		f.Help = "write an address for each"
	}
	return f
}

// noHeartbeat finds files in which somebody is woken, and nobody elsewhere notices
// that there is nothing left to wake them.
func noHeartbeat() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2509", Severity: diagnostic.Warning, Title: "nobody notices when the whole host is gone"},
		find: func(c *judging) []Finding {
			o := c.system.OnCall
			if len(o.Policies) == 0 || o.Heartbeat != "" {
				return nil
			}
			return []Finding{{
				At: Path{"on_call"}, Or: []Path{{"escalation_policies"}},
				Message: "people are woken from this host, and nobody notices when the host itself is gone",
				Note:    "a host without power pages nobody: what is silent looks like what is well",
				Help:    "write where to tell once a minute that paging works, to somebody who wakes you when it is told no more: `on_call: {heartbeat: env:HEARTBEAT_URL}`",
			}}
		},
	}
}

// noPolicy finds policies that failure modes name where the file declares none. Where
// it declares some, a name that is not among them is an error of the text.
func noPolicy() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2511", Severity: diagnostic.Warning, Title: "a policy is named, and none is declared"},
		find: func(c *judging) []Finding {
			if len(c.system.OnCall.Policies) > 0 {
				return nil
			}
			for _, m := range c.system.Modes {
				if m.Escalation != "" {
					return []Finding{{
						At: modeAt(m, "escalate"), Message: diagnostic.Tick(string(m.Escalation)) + " is to be woken, and the file declares no escalation policy",
						Note: "nobody is woken by it: what is written down of it is a name; the people of the owner are told instead, where the file says how",
						Help: "declare it: `escalation_policies: {" + diagnostic.Shown(string(m.Escalation)) + ": {rules: [{notify: …}]}}`, with `people` and `channels`",
					}}
				}
			}
			return nil
		},
	}
}
