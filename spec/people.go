package spec

import (
	"fmt"
	"slices"
	"strings"

	"holdfast"
	"holdfast/command"
	"holdfast/diagnostic"
	"holdfast/source"
)

// A calling is what the file says of people as far as it has been read, with the
// places that what relates it has to point at.
type calling struct {
	holdfast.OnCall
	contacts []referral // to channels
	members  []referral // of rotations, to people
	told     []telling  // by policies
	standard diagnostic.Place
	listen   diagnostic.Place
}

// A referral is a name where something else is meant by it.
type referral struct {
	name string
	at   diagnostic.Place
}

// A telling is a name that a step of a policy tells, and where it is kept once it
// is known whose name it is.
type telling struct {
	referral
	policy, rule, place int
}

// maxPeople bounds people, channels, schedules and policies, each: a thousand is
// beyond any team of 200, and a slip of the finger below a hundred thousand.
const maxPeople = 1000

// people reads who can be told, and how.
func (r *reader) people(c *calling) func(source.Value) {
	return func(v source.Value) {
		r.named(v, "people, each with contacts", func(called string, v source.Value) {
			one := holdfast.Person{Name: holdfast.PersonName(called)}
			r.Keys(v, "a person", []source.Key{{Name: "contacts", Read: r.contacts(c, &one.Contacts)}})
			c.People = append(c.People, one)
		})
	}
}

// named reads a mapping whose keys are names people chose.
func (r *reader) named(v source.Value, what string, read func(called string, v source.Value)) {
	entries, _ := r.Entries(v, what)
	for i, e := range entries {
		called, wrong := label[string](e.Key)
		if i == maxPeople {
			called, wrong = complain[string](badNumber, "split the system", "there are more than %d %s", maxPeople, what)
		}
		if wrong != nil {
			r.Report(e.At, diagnostic.Problem{Code: wrong.code, Message: v.Name + ": " + wrong.message, Help: wrong.help})
			if i == maxPeople {
				return
			}
			continue
		}
		read(called, e.Value)
	}
}

func (r *reader) contacts(c *calling, into *[]holdfast.Contact) func(source.Value) {
	return func(v source.Value) {
		const example = "`contacts: [{via: ntfy, to: ana-alerts}, {via: mail, to: ana@example.com, after: 2m}]`"
		items, _ := r.Items(v, "contacts", example)
		for i, item := range items {
			if i == holdfast.MaxContacts {
				r.Report(item.At, diagnostic.Problem{Code: badNumber, Message: fmt.Sprintf("contacts: there are more than %d", holdfast.MaxContacts), Help: "who is not reached by so many is not reached by one more: remove some"})
				return
			}
			var one holdfast.Contact
			written := r.Keys(item, "a contact", []source.Key{
				{Name: "via", Read: scalar(r, &one.Via, label[holdfast.ChannelName])},
				{Name: "to", Read: scalar(r, &one.To, label[string])},
				{Name: "after", Read: scalar(r, &one.After, span)},
			})
			if written != nil && !meant(written, "via") {
				r.Report(item.At, diagnostic.Problem{Code: missingKey, Message: item.Name + " has no `via`", Help: "name one of `channels`: " + example})
			}
			if one.Via != "" {
				c.contacts = append(c.contacts, referral{name: string(one.Via), at: written["via"]})
				*into = append(*into, one)
			}
		}
	}
}

// channels reads the providers through which messages go. The kind of one follows
// from the key that is present, as that of a service does.
func (r *reader) channels(c *calling) func(source.Value) {
	return func(v source.Value) {
		r.named(v, "channels", func(called string, v source.Value) {
			one := holdfast.Channel{Name: holdfast.ChannelName(called)}
			if r.channel(v, &one) {
				c.Channels = append(c.Channels, one)
			}
		})
	}
}

func (r *reader) channel(v source.Value, one *holdfast.Channel) bool {
	var keys []source.Key
	for _, k := range channelKinds() {
		keys = append(keys, source.Key{Name: string(k.kind), Read: func(v source.Value) {
			if one.Kind != "" {
				r.Report(v.Key, diagnostic.Problem{Code: twoKinds, Message: fmt.Sprintf("the channel is both %s and %s", one.Kind, k.kind), Help: "make two channels of it"})
				return
			}
			one.Kind = k.kind
			k.read(r, one)(v)
		}})
	}
	keys = append(keys,
		source.Key{Name: "url", Read: func(v source.Value) { r.place(&one.Address)(v) }},
		source.Key{Name: "from", Read: scalar(r, &one.From, label[string])},
		source.Key{Name: "user", Read: scalar(r, &one.User, label[string])},
		source.Key{Name: "password", Read: r.secret(&one.Secret)},
		source.Key{Name: "token", Read: r.secret(&one.Secret)},
		source.Key{Name: "secret", Read: r.secret(&one.Secret)},
	)
	written := r.Keys(v, "a channel", keys)
	if written == nil {
		return false
	}
	if one.Kind == "" {
		r.Report(v.At, diagnostic.Problem{Code: missingKind, Message: v.Name + " does not say what kind of channel it is", Help: "write one of " + diagnostic.Ticks(kindsOfChannels()) + ": `ntfy: {ntfy: \"https://ntfy.sh\"}`"})
		return false
	}
	r.fitChannel(*one, written)
	return true
}

// A channelKind is a kind of channel: what its key holds, and what else it takes.
type channelKind struct {
	kind holdfast.ChannelKind
	read func(*reader, *holdfast.Channel) func(source.Value)
	more []string
	need string // of these, what it cannot do without
}

func channelKinds() []channelKind {
	place := func(r *reader, c *holdfast.Channel) func(source.Value) { return r.place(&c.Address) }
	return []channelKind{
		{kind: holdfast.ChannelSMTP, read: func(r *reader, c *holdfast.Channel) func(source.Value) { return scalar(r, &c.Address, mailServer) }, more: []string{"from", "user", "password"}, need: "from"},
		{kind: holdfast.ChannelNtfy, read: place, more: []string{"token"}},
		{kind: holdfast.ChannelPagerDuty, read: func(r *reader, c *holdfast.Channel) func(source.Value) { return r.secret(&c.Secret) }, more: []string{"url"}},
		{kind: holdfast.ChannelAlertmanager, read: place},
		{kind: holdfast.ChannelSlack, read: place},
		{kind: holdfast.ChannelWebhook, read: place, more: []string{"secret"}},
		{kind: holdfast.ChannelCommand, read: func(r *reader, c *holdfast.Channel) func(source.Value) {
			return func(v source.Value) {
				text, _ := r.program(v)
				c.Address, c.Dir = holdfast.Place(text), r.File.Dir
			}
		}},
	}
}

func kindsOfChannels() []string {
	var all []string
	for _, k := range channelKinds() {
		all = append(all, string(k.kind))
	}
	return all
}

// fitChannel: a key that a kind does not take is one that its reader forgot to
// mean something by.
func (r *reader) fitChannel(one holdfast.Channel, written map[string]diagnostic.Place) {
	kinds := channelKinds()
	kind := kinds[slices.IndexFunc(kinds, func(k channelKind) bool { return k.kind == one.Kind })]
	for _, key := range []string{"url", "from", "user", "password", "token", "secret"} {
		if at, ok := written[key]; ok && !slices.Contains(kind.more, key) {
			r.Report(at, diagnostic.Problem{Code: unfitKey, Message: fmt.Sprintf("%s means nothing for a channel of kind %s", diagnostic.Tick(key), kind.kind), Help: "remove it" + takes(kind)})
		}
	}
	if kind.need != "" && !meant(written, kind.need) {
		r.Report(written[string(kind.kind)], diagnostic.Problem{Code: missingKey, Message: fmt.Sprintf("the channel %s has no %s", one.Name, diagnostic.Tick(kind.need)), Help: "write who its messages come from: `from: holdfast@example.com`"})
	}
}

func takes(k channelKind) string {
	if len(k.more) == 0 {
		return ""
	}
	return "; it takes " + diagnostic.Ticks(k.more)
}

// mailServer reads "smtp.example.com:587".
func mailServer(text string) (holdfast.Place, *complaint) {
	host, port, ok := strings.Cut(text, ":")
	if !ok || host == "" || port == "" || !validPort(port) || strings.ContainsAny(text, "/ @") {
		return complain[holdfast.Place](badURL, "write host and port: `smtp.example.com:587`, 465 for TLS from the start", "%s is not a mail server", diagnostic.Tick(text))
	}
	return holdfast.Place(text), nil
}

// place reads a URL, or the reference to a secret that is one.
func (r *reader) place(into *holdfast.Place) func(source.Value) {
	return func(v source.Value) {
		if text, ok := r.Scalar(v); ok && (strings.HasPrefix(text, "env:") || strings.HasPrefix(text, "file:")) {
			var hidden holdfast.Secret
			r.secret(&hidden)(v)
			*into = holdfast.Place(hidden)
			return
		}
		scalar(r, into, func(text string) (holdfast.Place, *complaint) {
			u, wrong := address(text)
			if wrong == nil && strings.HasPrefix(u, "tcp:") {
				return complain[holdfast.Place](badURL, "write `https://…`, or `env:NAME` where the URL is itself a secret", "%s is not a URL of the web", diagnostic.Tick(text))
			}
			return holdfast.Place(u), wrong
		})(v)
	}
}

// secret reads where a secret is, and makes sure that it is not the secret itself.
func (r *reader) secret(into *holdfast.Secret) func(source.Value) {
	return func(v source.Value) {
		text, ok := r.Scalar(v)
		if !ok {
			return
		}
		variable, fromEnvironment := strings.CutPrefix(text, "env:")
		file, fromFile := strings.CutPrefix(text, "file:")
		switch {
		case !fromEnvironment && !fromFile:
			r.Report(v.At, diagnostic.Problem{Code: plainSecret, Message: v.Name + " is written out", Label: "whoever reads the file, or the journal, has it", Help: "write where it is: `env:NAME`, or `file:PATH`"})
		case fromEnvironment && command.LeadingName(variable) != variable || fromEnvironment && variable == "":
			r.Report(v.At, diagnostic.Problem{Code: badSecret, Message: v.Name + ": " + diagnostic.Tick(text) + " names no variable", Help: "write it like `env:NTFY_TOKEN`"})
		case fromFile && strings.TrimSpace(file) == "":
			r.Report(v.At, diagnostic.Problem{Code: badSecret, Message: v.Name + ": " + diagnostic.Tick(text) + " names no file", Help: "write the file's path, as in `file:secrets/ntfy`"})
		case fromFile:
			path, _ := r.beside(strings.TrimSpace(file))
			*into = holdfast.Secret("file:" + path)
		default:
			*into = holdfast.Secret(text)
			r.reportUnset(v, variable)
		}
	}
}

// reportUnset says that a secret is not in the environment.
func (r *reader) reportUnset(v source.Value, variable string) {
	if _, set := r.environ[variable]; set {
		return
	}
	r.Report(r.Locate(v.At, variable), diagnostic.Problem{
		Code: missingSecret, Message: "the secret " + diagnostic.Tick(variable) + " is not set", Label: "in the environment holdfast was started with",
		Help: "set it (`export " + variable + "=…`) before you start",
	})
}

// onCall reads what is left: where a heartbeat goes, and where links lead.
func (r *reader) onCall(c *calling) func(source.Value) {
	return func(v source.Value) {
		var url holdfast.Place
		written := r.Keys(v, "being on call", []source.Key{
			{Name: "heartbeat", Read: r.place(&c.Heartbeat)},
			{Name: "listen", Read: func(v source.Value) { optional(r, &c.Listen, port)(v); c.listen = v.At }},
			{Name: "url", Read: r.place(&url)},
		})
		c.URL = strings.TrimSuffix(string(url), "/")
		if written != nil && meant(written, "listen") != meant(written, "url") {
			r.Report(v.Key, diagnostic.Problem{Code: missingKey, Message: "`listen` and `url` belong together", Help: "write both: where holdfast listens for who acknowledges, and how people come there: `on_call: {listen: \":9443\", url: \"https://ops.example.com\"}`"})
		}
	}
}
