package spec

import (
	"fmt"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/source"
)

// settle decides what kind of service a draft is by the keys that are there, and
// refuses the keys that mean nothing for it.
func (r *reader) settle(d *draft, e source.Entry) {
	_, command := d.written["command"]
	urls, elsewhere := d.written["urls"]
	switch {
	case command && elsewhere:
		r.Report(urls, diagnostic.Problem{Code: twoKinds, Message: diagnostic.Tick(e.Key) + " has both `command` and `urls`", Label: fmt.Sprintf("`command` is in line %d", d.written["command"].Line), Help: "keep `command` if holdfast is to run it, `urls` if it already runs elsewhere"})
		return
	case command:
		r.settleProcess(d)
	case elsewhere:
		r.settleElsewhere(d)
	case meant(d.written, "command") || meant(d.written, "urls"):
		return // a slip of the finger, which has been reported
	default:
		r.Report(d.at, diagnostic.Problem{Code: missingKind, Message: diagnostic.Tick(e.Key) + " has neither `command` nor `urls`", Help: "write `command: ./…` if holdfast is to run it, `urls: [https://…]` if it already runs elsewhere"})
		return
	}
	r.settleProtocol(d)
	for i := range d.overrides {
		r.settleHook(d, &d.overrides[i])
	}
}

// meant says that a key was written, though misspelled.
func meant(written map[string]diagnostic.Place, key string) bool {
	for other := range written {
		if diagnostic.Nearest(other, []string{key}) != "" {
			return true
		}
	}
	return false
}

func (r *reader) settleProcess(d *draft) {
	if at, said := d.written["manage"]; said && d.service.Manage != holdfast.Full && d.service.Manage != "" {
		r.Report(at, diagnostic.Problem{Code: unfitKey, Message: "manage: what holdfast runs by `command` it owns the life of", Help: "remove it, or write `manage: full`"})
	}
	d.service.Manage = holdfast.Full
	r.settleOnce(d)
	r.settleListen(d)
}

// settleElsewhere is for what already runs: nothing of how a process is started
// and stopped means anything there, and it is in our zones only if it says so.
func (r *reader) settleElsewhere(d *draft) {
	s := &d.service
	for _, key := range []string{"replicas", "environment", "env_file", "working_dir", "user", "limits", "listen", "restart", "stop_signal", "stop_grace_period", "dump_signal"} {
		at, said := d.written[key]
		if !said {
			continue
		}
		help := "remove it: holdfast neither starts nor stops this service"
		if key == "replicas" {
			help = fmt.Sprintf("remove it: there are as many replicas as urls, %d", len(s.URLs))
		}
		r.Report(at, diagnostic.Problem{Code: unfitKey, Message: diagnostic.Tick(key) + " means nothing for a service with `urls`", Help: help})
	}
	if at, said := d.written["urls"]; said && len(s.URLs) == 0 {
		r.Report(at, diagnostic.Problem{Code: source.EmptyValue, Message: "urls names no replica that could be used", Help: "write at least one, like `urls: [https://db.example/health]`"})
	}
	if s.Manage == holdfast.Full {
		r.Report(d.written["manage"], diagnostic.Problem{Code: unfitKey, Message: "manage: holdfast cannot own the life of what it did not start", Help: "write `manage: observe` or `manage: route`, or give the service a `command`"})
	}
	if s.Manage == "" {
		s.Manage = holdfast.Observe
	}
	if at, said := d.written["ports"]; said && s.Manage == holdfast.Observe {
		r.Report(at, diagnostic.Problem{Code: unfitKey, Message: "ports: a service that is only observed cannot be published", Help: "add `manage: route`, so that its traffic comes through holdfast"})
	}
	s.Replicas = max(1, len(s.URLs))
	if _, said := d.written["zones"]; !said {
		s.Zones = nil // where it runs, nobody here decided
	}
	r.settleURLs(d)
}

// settleCalls: whose health is asked by a call has no path for it.
func (r *reader) settleCalls(d *draft) {
	if d.service.Protocol != holdfast.GRPC {
		return
	}
	if d.healthPath.Line > 0 {
		r.Report(d.healthPath, diagnostic.Problem{
			Code: unfitKey, Message: "healthcheck: a gRPC service has no path to ask for", Label: "it is asked by `grpc.health.v1`",
			Help: "remove it, or say `protocol: h2c` if its health is asked for by a GET",
		})
	}
	d.service.Healthcheck.Path = ""
}

// settleProtocol: a health path of the defaults is for those who speak HTTP;
// written for a TCP service itself it is a mistake.
func (r *reader) settleProtocol(d *draft) {
	s := &d.service
	if s.Protocol != holdfast.TCP {
		s.Healthcheck.Send, s.Healthcheck.Expect = "", ""
		r.settleCalls(d)
		if d.spoken.Line > 0 {
			r.Report(d.spoken, diagnostic.Problem{Code: unfitKey, Message: "healthcheck: what speaks HTTP is asked by a request", Help: "remove it, or say that it speaks TCP"})
		}
		return
	}
	if s.Healthcheck.Send != "" && s.Healthcheck.Expect == "" && d.spoken.Line > 0 {
		r.Report(d.spoken, diagnostic.Problem{Code: unfitKey, Message: "healthcheck: `send` without `expect` shows nothing", Help: "add what it must answer, as in `expect: PONG`"})
	}
	at, said := d.written["protocol"]
	if !said {
		at = d.at
	}
	if d.healthPath.Line > 0 {
		r.Report(d.healthPath, diagnostic.Problem{Code: unfitKey, Message: "healthcheck: a TCP service has no path to ask for", Label: "it speaks TCP", Help: "remove it, or say that it speaks HTTP"})
	}
	s.Healthcheck.Path = ""
	if !s.Healthcheck.Disabled && s.Healthcheck.Expect == "" {
		r.Report(at, diagnostic.Problem{
			Code: blindToHang, Of: string(s.Name), Message: "a hang of " + diagnostic.Tick(string(s.Name)) + " is then seen only through traffic", Label: "a TCP service is asked by a connect",
			Note: "the kernel accepts connections for a process that is stopped",
			Help: "say what it is told and must answer, as in `healthcheck: {send: \"PING\\r\\n\", expect: PONG}`; or, if it speaks HTTP, say so",
		})
	}
}
