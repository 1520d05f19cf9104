package check

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/promise"
)

// vainAlert finds promises of so little that an alert of theirs can never come.
func vainAlert() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2507", Severity: diagnostic.Warning, Title: "an alert of a promise can never come"},
		find: func(c *judging) []Finding {
			var all []Finding
			for _, p := range c.system.Owed() {
				var never []string
				pages := false
				for _, r := range promise.Rules() {
					if !r.Reachable(p) {
						never = append(never, r.Name)
					} else if r.Urgency == holdfast.Page {
						pages = true
					}
				}
				if len(never) == 0 {
					continue
				}
				f := Finding{
					Of: string(p.Name), At: targetAt(p),
					Message: promised(p) + " allows so much that " + diagnostic.Agree(len(never), "the alert ", "the alerts ") + diagnostic.Ticks(never) + " can never come",
					Note:    "if every request failed its budget would still burn too slowly for " + diagnostic.Agree(len(never), "it", "them"),
					Help:    "promise what users notice: at 92.6% or more every alert can come",
				}
				if !pages {
					f.Note = "if every request failed nobody would be paged by it"
				}
				all = append(all, f)
			}
			return all
		},
	}
}

// promised is a promise with its target.
func promised(p holdfast.Promise) string {
	if p.Name == "" {
		return called(p)
	}
	return called(p) + " of " + p.Target.String()
}

// targetAt is where a promise says how much of it is kept.
func targetAt(p holdfast.Promise) Path {
	if p.Name == "" {
		return Path{"promise"}
	}
	return Path{"promises", string(p.Name), "target"}
}

// uncounted finds promises of a path that the gateway does not tell from others. It
// counts by its routes, of which it can have no more than the file names: a counter
// for every path that is asked for would have no end.
func uncounted() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2508", Severity: diagnostic.Warning, Title: "a promise is made of what is not counted"},
		find: func(c *judging) []Finding {
			var all []Finding
			for _, p := range c.system.Promises {
				counted := slices.ContainsFunc(c.system.Gateway.Routes, func(r holdfast.PublishedRoute) bool {
					return holdfast.Below(r.Path, p.Route) && r.Path != "" && (p.Service == "" || p.Service == r.Service)
				})
				if p.Route == "" || p.Route == "/" || counted {
					continue
				}
				all = append(all, Finding{
					Of: string(p.Name), At: Path{"promises", string(p.Name), "route"},
					Message: called(p) + " is not counted: no route of the gateway is for " + diagnostic.Tick(p.Route),
					Note:    "its budget stays untouched whatever happens, and nobody is told that it burns; what breaks it is judged all the same",
					Help:    "publish that path as a route: `gateway: {listen: […], routes: [{path: " + diagnostic.Shown(p.Route) + ", service: " + string(c.entryOf(p)) + "}]}`",
				})
			}
			return all
		},
	}
}

// entryOf is a service that users of a promise come to.
func (c *judging) entryOf(p holdfast.Promise) holdfast.ServiceName {
	if p.Service != "" {
		return p.Service
	}
	if entries := c.risks.Entries(p); len(entries) > 0 {
		return entries[0]
	}
	return "…"
}

// openSecret finds secrets that anybody on the way can read.
func openSecret() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2510", Severity: diagnostic.Warning, Title: "a secret is sent in clear text"},
		find: func(c *judging) []Finding {
			var all []Finding
			for _, channel := range c.system.OnCall.Channels {
				if channel.Secret != "" && inTheClear(string(channel.Address)) {
					all = append(all, Finding{
						Of: string(channel.Name), At: Path{"channels", string(channel.Name)},
						Message: "the secret of " + diagnostic.Tick(string(channel.Name)) + " is sent in clear text to " + diagnostic.Shown(string(channel.Address)),
						Note:    "whoever is on the way reads it, and can then page your people, or read what they are told", Help: "write `https://…`",
					})
				}
			}
			if inTheClear(c.system.OnCall.URL) {
				all = append(all, Finding{
					Of: "on_call", At: Path{"on_call", "url"}, Message: "the links by which incidents are acknowledged lead to " + diagnostic.Shown(c.system.OnCall.URL) + ", in clear text",
					Note: "a link is the right to acknowledge: whoever is on the way reads it, and can have everybody sleep on", Help: "put TLS in front of it, and write `https://…`",
				})
			}
			return all
		},
	}
}

// inTheClear tells a URL of another machine that is not spoken to by TLS.
func inTheClear(text string) bool {
	u, err := url.Parse(text)
	if err != nil || !strings.EqualFold(u.Scheme, "http") {
		return false
	}
	address, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() != "localhost" && (err != nil || !address.IsLoopback())
}
