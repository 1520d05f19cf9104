package spec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"holdfast"
	"holdfast/command"
	"holdfast/diagnostic"
	"holdfast/source"
)

// A script is a session as it has been read, with the places that what relates
// it to services has to point at.
type script struct {
	session holdfast.Session
	at      diagnostic.Place // of its name
	turns   []turn           // one for each step
	audit   aim
}

// A turn is one step of a session with its places.
type turn struct {
	aim
	step  holdfast.Step
	write diagnostic.Place // line 0 when it is none

	holes    []hole // in what is sent
	expected []hole // in what is expected
}

// An aim is where a request and whom it asks are written.
type aim struct {
	at diagnostic.Place // of its method
	on diagnostic.Place // line 0 when nothing is said
}

// A hole is a {{NAME}} in a text, to be filled in when a request is made.
type hole struct {
	name string
	at   diagnostic.Place
}

// The limits of sessions, those of who sends them.
const (
	maxSessions = 20
	maxSteps    = 20
)

// methods are those a step can ask by, and the keys of a step by which it says so.
func methods() []string { return []string{"get", "post", "put", "patch", "delete", "head"} }

// safe says that a method asks and changes nothing.
func safe(method string) bool { return method == "GET" || method == "HEAD" }

func (r *reader) sessions(into *[]*script) func(source.Value) {
	return func(v source.Value) {
		entries, _ := r.Entries(v, "sessions by name")
		if len(entries) > maxSessions {
			r.Report(v.Key, diagnostic.Problem{Code: badNumber, Message: fmt.Sprintf("%d sessions: at most %d can be sent", len(entries), maxSessions), Help: "keep those that matter most to users"})
		}
		for _, e := range entries {
			called, wrong := name[holdfast.SessionName](e.Key)
			if wrong != nil {
				r.Report(e.At, diagnostic.Problem{Code: wrong.code, Message: "a session's name: " + wrong.message, Help: wrong.help})
				continue
			}
			s := &script{at: e.At, session: holdfast.Session{Name: called}}
			r.script(s, e)
			*into = append(*into, s)
		}
	}
}

func (r *reader) script(s *script, e source.Entry) {
	written := r.Keys(e.Value, "a session", []source.Key{
		{Name: "steps", Read: func(v source.Value) { s.turns = r.turns(v) }},
		{Name: "audit", Read: func(v source.Value) { r.audit(s, v) }},
	})
	if written != nil && !meant(written, "steps") {
		r.Report(e.At, diagnostic.Problem{Code: missingKey, Message: "the session " + diagnostic.Tick(e.Key) + " has no steps", Help: "write what a user does, step after step: `steps: [{get: /}]`"})
	}
	known := map[string]bool{holdfast.BlankID: true}
	for i := range s.turns {
		r.reportHoles(slices.Concat(s.turns[i].holes, s.turns[i].expected), known)
		for _, c := range s.turns[i].step.Capture {
			known[c.Name] = true
		}
	}
	r.reportUnaudited(s)
}

func (r *reader) turns(v source.Value) []turn {
	items, ok := r.Items(v, "steps", "`steps: [{get: /browse}, {get: /cart}]`")
	if ok && len(items) == 0 {
		r.Report(v.At, diagnostic.Problem{Code: source.EmptyValue, Message: "steps is empty", Help: "write what a user does, step after step: `steps: [{get: /}]`"})
	}
	if len(items) > maxSteps {
		r.Report(v.At, diagnostic.Problem{Code: badNumber, Message: fmt.Sprintf("a session of %d steps: at most %d can be sent", len(items), maxSteps), Help: "make several sessions of it"})
	}
	var all []turn
	for _, item := range items {
		all = append(all, r.turn(item))
	}
	return all
}

func (r *reader) turn(v source.Value) turn {
	t := turn{aim: aim{at: v.At}}
	var asks []source.Key
	for _, method := range methods() {
		asks = append(asks, source.Key{Name: method, Read: func(v source.Value) {
			t.step.Method = strings.ToUpper(method)
			t.step.Path = r.template(v, &t, healthPath)
		}})
	}
	written := r.Keys(v, "a step", append(asks, []source.Key{
		{Name: "on", Read: r.on(&t.step.On, &t.aim)},
		{Name: "header", Read: func(v source.Value) { t.step.Header = r.headers(v, &t) }},
		{Name: "body", Read: func(v source.Value) { t.step.Body = r.template(v, &t, anything) }},
		{Name: "json", Read: func(v source.Value) { r.jsonBody(v, &t) }},
		{Name: "expect", Read: r.expectation(&t)},
		{Name: "capture", Read: func(v source.Value) { t.step.Capture = r.captures(v) }},
		{Name: "write", Read: func(v source.Value) { scalar(r, &t.step.Write, truth)(v); t.write = v.Key }},
	}...))
	r.settleTurn(&t, written, v)
	return t
}

// settleTurn: a step is one request, with one body.
func (r *reader) settleTurn(t *turn, written map[string]diagnostic.Place, v source.Value) {
	var said []string
	for _, method := range methods() {
		if at, is := written[method]; is {
			said, t.at = append(said, method), at
		}
	}
	body, hasBody := written["body"]
	_, hasJSON := written["json"]
	switch {
	case written == nil:
	case len(said) == 0 && !slices.ContainsFunc(methods(), func(m string) bool { return meant(written, m) }):
		r.Report(v.At, diagnostic.Problem{Code: badStep, Message: "a step that asks for nothing", Help: "write the method and the path: `get: /browse`; there are " + diagnostic.Ticks(methods())})
	case len(said) > 1:
		r.Report(t.at, diagnostic.Problem{Code: badStep, Message: "a step with two requests: " + diagnostic.Ticks(said), Help: "make two steps of it: each is sent when the one before it was answered well"})
	case hasBody && hasJSON:
		r.Report(body, diagnostic.Problem{Code: badStep, Message: "a step has both `body` and `json`", Label: "which of them is sent?", Help: "remove one of them; `json` also sets the Content-Type"})
	case (hasBody || hasJSON) && safe(t.step.Method):
		r.Report(t.at, diagnostic.Problem{Code: badStep, Message: fmt.Sprintf("a %s has no body", t.step.Method), Help: "write `post`, `put`, `patch` or `delete`, or remove the body"})
	}
	hasType := slices.ContainsFunc(t.step.Header, func(f holdfast.Field) bool { return f.Name == contentType })
	if hasJSON && !hasType {
		t.step.Header = append(t.step.Header, holdfast.Field{Name: contentType, Value: "application/json"})
	}
}

const contentType = "Content-Type"

func (r *reader) on(into *holdfast.ServiceName, aim *aim) func(source.Value) {
	return func(v source.Value) {
		aim.on = v.At
		scalar(r, into, name[holdfast.ServiceName])(v)
	}
}

func (r *reader) audit(s *script, v source.Value) {
	audit, path := &holdfast.Audit{}, turn{}
	written := r.Keys(v, "an audit", []source.Key{
		{Name: "get", Read: func(v source.Value) { audit.Path = r.template(v, &path, healthPath) }},
		{Name: "on", Read: r.on(&audit.On, &s.audit)},
	})
	if written != nil && !meant(written, "get") {
		r.Report(v.Key, diagnostic.Problem{Code: missingKey, Message: "an audit asks for nothing", Help: "write where everything is listed that was written: `audit: {get: /orders}`"})
	}
	s.audit.at = v.Key
	r.reportHoles(path.holes, nil)
	s.session.Audit = audit
}

// reportUnaudited: what is written is looked for afterwards, by the text that no
// other run has, or nothing is said of it.
func (r *reader) reportUnaudited(s *script) {
	writes := false
	for _, t := range s.turns {
		if !t.step.Write {
			continue
		}
		carries := slices.ContainsFunc(t.holes, func(h hole) bool { return h.name == holdfast.BlankID })
		switch {
		case safe(t.step.Method):
			r.Report(t.write, diagnostic.Problem{Code: unaudited, Message: fmt.Sprintf("a %s writes nothing", t.step.Method), Help: "remove `write`, or ask by the method that writes"})
		case writes:
			r.Report(t.write, diagnostic.Problem{Code: unaudited, Message: "a second write in one session would carry the same `{{id}}`", Help: "make another session of it, with an audit of its own"})
		case !carries:
			r.Report(t.write, diagnostic.Problem{
				Code: unaudited, Message: "a write that does not carry `{{id}}` cannot be found again", Note: "`{{id}}` is a text that no other run of any session has",
				Help: "put it into what is written: `json: {order: \"{{id}}\"}`",
			})
		case s.session.Audit == nil:
			r.Report(t.write, diagnostic.Problem{
				Code: unaudited, Message: "nobody looks for what is written here: the session has no `audit`",
				Help: "write where everything is listed that was written: `audit: {get: /orders}`, beside `steps`",
			})
		}
		writes = true
	}
	if s.session.Audit != nil && !writes && len(s.turns) > 0 {
		r.Report(s.audit.at, diagnostic.Problem{Code: unaudited, Message: "an audit of nothing: no step of the session is a write", Help: "mark the steps whose traces are to be found: `write: true`"})
	}
}

// headers are read in the order of the file. Their values stay as written.
func (r *reader) headers(v source.Value, t *turn) []holdfast.Field {
	entries, _ := r.Entries(v, "headers by name")
	var all []holdfast.Field
	for _, e := range entries {
		called := headerName(e.Key)
		if wrong := unfitHeader(e.Key); wrong != nil {
			r.Report(e.At, diagnostic.Problem{Code: badHeader, Message: wrong.message, Help: wrong.help})
			continue
		}
		holes := len(t.holes)
		text := r.template(e.Value, t, headerText)
		r.checkHeaderSecret(called, e.Value, text, len(t.holes) > holes)
		all = append(all, holdfast.Field{Name: called, Value: text})
	}
	return all
}

// unfitHeader says why a header cannot be set.
func unfitHeader(written string) *complaint {
	called := headerName(written)
	const token = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!#$%&'*+^`|~"
	switch {
	case called == "" || strings.Trim(called, token) != "":
		return &complaint{message: diagnostic.Tick(written) + " is not the name of a header", help: "write it like `Accept-Language: de`"}
	case slices.Contains([]string{"Host", "Accept-Encoding", "Connection", "Content-Length", "Expect", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}, called):
		return &complaint{message: "the header " + diagnostic.Tick(called) + " belongs to the connection", help: "remove it: it follows from what is sent, and to whom"}
	}
	return nil
}

// headerName writes a name as HTTP libraries do: "content-type" is "Content-Type".
func headerName(text string) string {
	parts := strings.Split(strings.ToLower(text), "-")
	for i, part := range parts {
		if part != "" {
			parts[i] = strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return strings.Join(parts, "-")
}

// secretHeaders carry what must not stand in a file. Whatever is in the system is
// written to the journal.
func secretHeaders() []string {
	return []string{"Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", "X-Auth-Token"}
}

// checkHeaderSecret: a secret is referred to, or was captured from an answer.
func (r *reader) checkHeaderSecret(called string, v source.Value, text string, captured bool) {
	variable, reference := strings.CutPrefix(text, holdfast.SecretPrefix)
	switch {
	case text == "":
	case reference && (variable == "" || command.LeadingName(variable) != variable):
		r.Report(v.At, diagnostic.Problem{Code: badSecret, Message: "header: " + diagnostic.Tick(text) + " names no variable", Help: "write it like `env:SHOP_TOKEN`: the variable holds the whole value of the header"})
	case !reference && !captured && slices.Contains(secretHeaders(), called):
		r.Report(v.At, diagnostic.Problem{
			Code: plainSecret, Message: "the value of the header " + diagnostic.Tick(called) + " is written out", Note: "whatever stands in the file is written to the journal, and perhaps to a repository",
			Help: "name the variable that holds all of it, `Bearer` included: `" + called + ": env:SHOP_TOKEN`; or capture it from the answer of an earlier step",
		})
	}
}

// headerText accepts what can stand in a header.
func headerText(text string) (string, *complaint) {
	if strings.ContainsFunc(text, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		return complain[string](badHeader, "write one line", "%s cannot be sent in a header", diagnostic.Tick(text))
	}
	return text, nil
}

func anything(text string) (string, *complaint) { return text, nil }

// jsonBody is sent as JSON. A {{NAME}} stands in a text of it, in quotes.
func (r *reader) jsonBody(v source.Value, t *turn) {
	t.step.Body = r.jsonText(v)
	holes, _ := r.holes(v, t.step.Body)
	t.holes = append(t.holes, holes...)
}

// expectation reads what an answer must be.
func (r *reader) expectation(t *turn) func(source.Value) {
	into := &t.step.Expect
	return func(v source.Value) {
		r.Keys(v, "what is expected", []source.Key{
			{Name: "status", Read: func(v source.Value) {
				for _, item := range r.some(v) {
					status := 0
					if scalar(r, &status, wholeNumber(200, 599))(item); status > 0 {
						into.Status = append(into.Status, status)
					}
				}
			}},
			{Name: "body", Read: func(v source.Value) { into.Body = r.texts(v, t) }},
			{Name: "not", Read: func(v source.Value) { into.Not = r.texts(v, t) }},
			{Name: "header", Read: func(v source.Value) { into.Header = r.expectedHeaders(v, t) }},
			{Name: "volatile", Read: func(v source.Value) { into.Volatile = r.texts(v, nil) }},
		})
	}
}

func (r *reader) expectedHeaders(v source.Value, t *turn) []holdfast.Field {
	entries, _ := r.Entries(v, "headers by name")
	var all []holdfast.Field
	for _, e := range entries {
		if text, ok := r.Scalar(e.Value); ok {
			r.expects(e.Value, text, t)
			all = append(all, holdfast.Field{Name: headerName(e.Key), Value: text})
		}
	}
	return all
}

// some are the values of a list, or the only one that is written.
func (r *reader) some(v source.Value) []source.Value {
	if _, several := v.Node.(*ast.SequenceNode); !several {
		return []source.Value{v}
	}
	items, _ := r.Items(v, "texts", "`[a, b]`")
	return items
}

// expects takes down what has to be known before an answer can be looked at. What
// is in braces and no name is looked for as it stands.
func (r *reader) expects(v source.Value, text string, t *turn) {
	for _, called := range holdfast.Blanks(text) {
		t.expected = append(t.expected, hole{name: called, at: r.Locate(v.At, "{{"+called+"}}")})
	}
}

// texts are read as they are: no variable is filled in. Of a turn, what its answer
// must hold, they may have blanks.
func (r *reader) texts(v source.Value, of *turn) []string {
	var all []string
	for _, item := range r.some(v) {
		switch text, ok := r.Scalar(item); {
		case ok && text == "":
			r.Report(item.At, diagnostic.Problem{Code: source.EmptyValue, Message: item.Name + " is empty", Help: "give it a value, or remove it"})
		case ok && of != nil:
			r.expects(item, text, of)
			all = append(all, text)
		case ok:
			all = append(all, text)
		}
	}
	return all
}

// captures read what is taken out of an answer: "json.items.0.id", "header.X-Token".
func (r *reader) captures(v source.Value) []holdfast.Capture {
	entries, _ := r.Entries(v, "what is captured, by name")
	var all []holdfast.Capture
	for _, e := range entries {
		text, ok := r.Scalar(e.Value)
		if !ok {
			continue
		}
		from, what, _ := strings.Cut(text, ".")
		c := holdfast.Capture{Name: e.Key}
		switch {
		case !holdfast.NamesBlank(e.Key) || len(e.Key) > maxName:
			r.Report(e.At, diagnostic.Problem{Code: badCapture, Message: "capture: " + diagnostic.Tick(e.Key) + " cannot stand in `{{…}}`", Help: fmt.Sprintf("use up to %d letters, digits, `_` and `-`", maxName)})
		case e.Key == holdfast.BlankID:
			r.Report(e.At, diagnostic.Problem{Code: badCapture, Message: "capture: `id` is taken", Help: "call it otherwise: `{{id}}` is a text that no other run of any session has"})
		case from == "json" && what != "" && !slices.Contains(strings.Split(what, "."), ""):
			c.JSON = what
			all = append(all, c)
		case from == "header" && unfitHeader(what) == nil:
			c.Header = headerName(what)
			all = append(all, c)
		default:
			r.Report(e.Value.At, diagnostic.Problem{Code: badCapture, Message: "capture: " + diagnostic.Tick(text) + " says neither which header nor which field", Help: "write it like `json.items.0.id` or `header.X-Token`"})
		}
	}
	return all
}

// template reads a text in which {{NAME}} may stand. It is not for us: references
// to variables are not filled in, so that no secret gets into it.
func (r *reader) template(v source.Value, t *turn, parse func(string) (string, *complaint)) string {
	text, ok := r.Scalar(v)
	if !ok {
		return ""
	}
	if text == "" {
		r.Report(v.At, diagnostic.Problem{Code: source.EmptyValue, Message: v.Name + " is empty", Help: "give it a value, or remove it"})
		return ""
	}
	holes, whole := r.holes(v, text)
	if t.holes = append(t.holes, holes...); !whole {
		return ""
	}
	if _, wrong := parse(text); wrong != nil {
		r.Report(v.At, diagnostic.Problem{Code: wrong.code, Message: v.Name + ": " + wrong.message, Help: wrong.help})
		return ""
	}
	return text
}

// holes finds each {{NAME}} of a text, and says whether all are written well.
func (r *reader) holes(v source.Value, text string) (all []hole, whole bool) {
	whole = true
	for {
		_, rest, open := strings.Cut(text, "{{")
		if !open {
			return all, whole
		}
		called, after, closed := strings.Cut(rest, "}}")
		switch {
		case !closed:
			r.Report(r.Locate(v.At, "{{"), diagnostic.Problem{Code: badTemplate, Message: v.Name + ": `{{` is never closed", Help: "write `{{name}}`, where an earlier step has `capture: {name: …}`"})
			return all, false
		case !holdfast.NamesBlank(called):
			whole = false
			r.Report(r.Locate(v.At, "{{"+called+"}}"), diagnostic.Problem{Code: badTemplate, Message: v.Name + ": " + diagnostic.Tick("{{"+called+"}}") + " names nothing", Help: "write `{{name}}` without blanks, where an earlier step has `capture: {name: …}`"})
		default:
			all = append(all, hole{name: called, at: r.Locate(v.At, "{{"+called+"}}")})
		}
		text = after
	}
}

// reportHoles: what is filled in was captured before. Known nil says that nothing
// can be.
func (r *reader) reportHoles(holes []hole, known map[string]bool) {
	for _, h := range holes {
		if known[h.name] || r.Problems.Full() {
			continue
		}
		var names []string
		for called := range known {
			names = append(names, called)
		}
		slices.Sort(names)
		p := diagnostic.Problem{
			Code: uncaptured, Message: "no earlier step captures " + diagnostic.Tick("{{"+h.name+"}}"),
			Help: diagnostic.DidYouMean("", diagnostic.Nearest(h.name, names), "capture it in a step before this one: `capture: {"+h.name+": json."+h.name+"}`; `{{id}}` is always there"),
		}
		if known == nil {
			p.Message, p.Help = "nothing is filled in here: an audit belongs to no run of the session", "ask for everything that was written, by all"
		}
		r.Report(h.at, p)
	}
}

// relateSessions says whom each step asks, and keeps the sessions that can be
// sent.
func (r *reader) relateSessions(scripts []*script, drafts []*draft, consent holdfast.Consent, gateway holdfast.Publishing) []holdfast.Session {
	var all []holdfast.Session
	only := onlyPublished(drafts, gateway)
	for _, s := range scripts {
		before, written := only, holdfast.ServiceName("")
		for i := range s.turns {
			t := &s.turns[i]
			t.step.On = r.relateAsked(t.aim, t.step.On, before, drafts, consent)
			before = cmp.Or(t.step.On, before)
			if t.step.Write && written == "" {
				written = t.step.On
			}
			s.session.Steps = append(s.session.Steps, t.step)
		}
		if audit := s.session.Audit; audit != nil {
			audit.On = r.relateAsked(s.audit, audit.On, cmp.Or(written, before), drafts, consent)
		}
		all = append(all, s.session)
	}
	return all
}

// onlyPublished is the one service that users come to, if there is but one.
func onlyPublished(drafts []*draft, gateway holdfast.Publishing) holdfast.ServiceName {
	var only holdfast.ServiceName
	for _, d := range drafts {
		if !isPublished(d.service, gateway) || !pages(d.service) {
			continue
		}
		if only != "" {
			return ""
		}
		only = d.service.Name
	}
	return only
}

// pages tells whom the gateway can ask for a page, over whichever HTTP.
func pages(s holdfast.Service) bool { return s.Protocol == holdfast.HTTP || s.Protocol == holdfast.H2C }

func isPublished(s holdfast.Service, gateway holdfast.Publishing) bool {
	return (&holdfast.System{Gateway: gateway}).Publishes(s)
}

// relateAsked is whom a request asks: who is named, or else who is asked without
// a word.
func (r *reader) relateAsked(a aim, named, otherwise holdfast.ServiceName, drafts []*draft, consent holdfast.Consent) holdfast.ServiceName {
	at := a.on
	if at.Line == 0 {
		at, named = a.at, otherwise
	}
	i := slices.IndexFunc(drafts, func(d *draft) bool { return d.service.Name == named })
	if named == "" && a.on.Line > 0 {
		return "" // which has been reported
	}
	p := diagnostic.Problem{Code: unknownAsked}
	switch {
	case named == "":
		p.Message, p.Help = "nothing says whom this asks", "add `on: …`, one of "+diagnostic.Ticks(serviceNames(drafts))
		p.Note = "it may be left out where exactly one service that speaks HTTP is published, and in steps after the first"
	case i < 0:
		p.Message = "on: no service is called " + diagnostic.Tick(string(named))
		p.Help = diagnostic.DidYouMean("", diagnostic.Nearest(string(named), serviceNames(drafts)), "the services are "+diagnostic.Ticks(serviceNames(drafts)))
	default:
		return r.askable(drafts[i].service, at, consent)
	}
	r.Report(at, p)
	return ""
}

// askable: a request is answered over HTTP, by what runs on; and what runs
// elsewhere is sent nothing that the file does not allow.
func (r *reader) askable(s holdfast.Service, at diagnostic.Place, consent holdfast.Consent) holdfast.ServiceName {
	called := diagnostic.Tick(string(s.Name))
	p := diagnostic.Problem{Code: unaskable, Message: "a session cannot ask " + called, Help: "ask the service that users come to, or remove the step"}
	switch {
	case s.Protocol == holdfast.GRPC:
		p.Label = "it answers calls of gRPC, and no requests"
	case !pages(s):
		p.Label = "it speaks no HTTP"
	case s.Once:
		p.Label = "it runs once, to its end"
	case s.Healthcheck.Disabled:
		p.Label = "it listens nowhere"
	case s.Manage != holdfast.Full && !slices.Contains(consent.Allow, s.Name):
		p = diagnostic.Problem{
			Code: unpermitted, Message: "a session asks " + called + ", which runs elsewhere, without permission", Note: "what runs elsewhere is sent nothing by a drill unless the file allows it by name",
			Help: "write `prove: {allow: [" + string(s.Name) + "]}` if it may be asked this, in earnest",
		}
	default:
		return s.Name
	}
	r.Report(at, p)
	return s.Name
}
