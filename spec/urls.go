package spec

import (
	"net/url"
	"slices"

	"holdfast"
	"holdfast/diagnostic"
)

// settleURLs draws from the urls of a service what it speaks and what it is
// asked for. All of them are one service, so they have that in common.
func (r *reader) settleURLs(d *draft) {
	var all []*url.URL
	for _, text := range d.service.URLs {
		if u, err := url.Parse(text); err == nil {
			all = append(all, u)
		}
	}
	if len(all) == 0 {
		return
	}
	at := d.written["urls"]
	differ := func(of func(*url.URL) string) bool {
		return slices.ContainsFunc(all, func(u *url.URL) bool { return of(u) != of(all[0]) })
	}
	if differ(func(u *url.URL) string { return u.Scheme }) {
		r.Report(at, diagnostic.Problem{Code: unfitKey, Message: "urls: one service cannot be spoken to in several ways", Label: "`http`, `https` and `tcp` differ", Help: "use one scheme for all of them, or make several services"})
		return
	}
	r.settleScheme(d, all[0].Scheme)
	if d.healthPath.Line > 0 || all[0].Scheme == "tcp" {
		return
	}
	if differ(asked) {
		r.Report(at, diagnostic.Problem{Code: unfitKey, Message: "urls: the paths differ, and one of them is the health check's", Help: "write `healthcheck: {path: /healthz}`, or the same path in all of them"})
		return
	}
	if path := asked(all[0]); path != "/" {
		d.service.Healthcheck.Path = path
	}
}

// asked is what a URL asks for, "/" where it says nothing.
func asked(u *url.URL) string { return u.RequestURI() }

// settleScheme: the scheme of its urls says what a service speaks.
func (r *reader) settleScheme(d *draft, scheme string) {
	s := &d.service
	means := holdfast.HTTP
	if scheme == "tcp" {
		means = holdfast.TCP
	}
	if at, said := d.written["protocol"]; said && s.Protocol != means {
		r.Report(at, diagnostic.Problem{Code: unfitKey, Message: "protocol: its urls begin with " + diagnostic.Tick(scheme+"://"), Help: "remove it: what a service with `urls` speaks follows from them; one that is only connected to is `tcp://host:port`"})
	}
	s.Protocol = means
	s.Healthcheck.TLS = scheme == "https"
	if at, said := d.written["manage"]; said && s.Manage == holdfast.Route && s.Healthcheck.TLS {
		r.Report(at, diagnostic.Problem{
			Code: unfitKey, Message: "manage: what speaks `https` cannot be routed yet, only observed", Label: "the gateway speaks plain HTTP to replicas",
			Help: "write `manage: observe`, or a plain `http://` address of it",
		})
	}
}
