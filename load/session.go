package load

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"holdfast"
)

// The limits of sessions.
const (
	maxSessions = 20
	maxSteps    = 20
	maxCaptured = 4 << 10 // bytes of one captured text
	maxText     = 1 << 20 // bytes of an answer's body in which something is looked for
)

// A Session is what one user does, step after step: each is sent when the one
// before it was answered well, and a step that fails ends it. Of all arrivals it
// gets its Weight's part of the sum of all weights; each of them is one run.
//
// {{NAME}} in a URL, a header, a body or an expectation stands for what an
// earlier step captured under that name, {{id}} for a text that no other run of
// any load has.
type Session struct {
	Name   holdfast.SessionName `json:"name"`
	Weight int                  `json:"weight"` // at least 1
	Steps  []Step               `json:"steps"`
}

// A Step is one request of a session, and what its answer must be. A header's
// value that is env:NAME is looked up in the environment of the process that
// sends it: see Plan.Environment.
type Step struct {
	Name    string               `json:"name"` // its results' Target: "shopping/2 POST storefront:8080/cart"
	Method  string               `json:"method"`
	URL     string               `json:"url"` // http or https; blanks only behind the host
	Header  []holdfast.Field     `json:"header,omitempty"`
	Body    string               `json:"body,omitempty"`
	Expect  holdfast.Expectation `json:"expect,omitzero"`
	Capture []holdfast.Capture   `json:"capture,omitempty"`
	Write   bool                 `json:"write,omitempty"` // carries {{id}}; at most one of a session does
}

// reference is what a value begins with that stands in the environment.
const reference = "env:"

// Environment names the variables that the plan's sessions look up, each once,
// in order. They are for the environment of the generator's process: what they
// hold is a secret, and is neither in the plan nor in any result.
func (p Plan) Environment() []string {
	names := map[string]bool{}
	for _, session := range p.Sessions {
		for _, name := range session.Environment() {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Environment names the variables that a session looks up, as Plan's does.
func (s Session) Environment() []string {
	names := map[string]bool{}
	for _, step := range s.Steps {
		for _, field := range step.Header {
			if name, secret := strings.CutPrefix(field.Value, reference); secret {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// PerArrival is how many requests an arrival is, on the average, if all are
// answered well: so many times its Rate is what the plan asks a second.
func (p Plan) PerArrival() float64 {
	weight, weighed := 0, 0
	for _, target := range p.Targets {
		weight, weighed = weight+target.Weight, weighed+target.Weight
	}
	for _, session := range p.Sessions {
		weight, weighed = weight+session.Weight, weighed+session.Weight*len(session.Steps)
	}
	return float64(max(weighed, 1)) / float64(max(weight, 1))
}

// checkSessions says what is wrong with a plan's sessions.
func (p Plan) checkSessions() error {
	if len(p.Sessions) > maxSessions {
		return fmt.Errorf("%d sessions: want at most %d", len(p.Sessions), maxSessions)
	}
	var wrong []error
	seen := map[holdfast.SessionName]bool{}
	for _, session := range p.Sessions {
		if seen[session.Name] {
			wrong = append(wrong, fmt.Errorf("session %s: there are two", session.Name))
		}
		seen[session.Name] = true
		if session.Weight < 1 || session.Weight > maxWeight {
			wrong = append(wrong, fmt.Errorf("session %s: weight %d: want 1 to %d", session.Name, session.Weight, maxWeight))
		}
		wrong = append(wrong, session.Check())
	}
	return errors.Join(wrong...)
}

// Check returns everything that is wrong with a session but its weight, or nil.
func (s Session) Check() error {
	var wrong []error
	demand := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf("session %s: "+format, append([]any{s.Name}, args...)...))
		}
	}
	demand(len(s.Name) > 0 && len(s.Name) <= maxName, "want a name of 1 to %d bytes", maxName)
	demand(len(s.Steps) > 0 && len(s.Steps) <= maxSteps, "%d steps: want 1 to %d", len(s.Steps), maxSteps)
	known, writes := []string{holdfast.BlankID}, 0
	for n, step := range s.Steps {
		if err := step.check(known); err != nil {
			demand(false, "step %d: %w", n+1, err)
		}
		for _, capture := range step.Capture {
			known = append(known, capture.Name)
		}
		if step.Write {
			writes++
		}
	}
	demand(writes <= 1, "%d steps write: want at most one, for their {{%s}} is the same", writes, holdfast.BlankID)
	return errors.Join(wrong...)
}

// check says what is wrong with a step before which some names are known.
func (s Step) check(known []string) error {
	var wrong []error
	demand := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	demand(len(s.Name) > 0 && len(s.Name) <= maxName, "want a name of 1 to %d bytes", maxName)
	demand(slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}, s.Method),
		"method %q: want GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS", s.Method)
	demand(s.askable(), "%q: want http[s]://host[:port]/path", s.URL)
	for _, field := range s.Header {
		demand(isToken(field.Name) && !ours(field.Name), "header %q: want a name that is not the connection's own", field.Name)
		demand(field.Value != reference && sendable(field.Value), "header %s: want a value on one line", field.Name)
	}
	for _, capture := range s.Capture {
		demand(holdfast.NamesBlank(capture.Name) && capture.Name != holdfast.BlankID, "capture %q: want a name of letters, digits, _ and -, and not %s", capture.Name, holdfast.BlankID)
		demand((capture.Header == "") != (capture.JSON == ""), "capture %s: want a header or a place in JSON, and not both", capture.Name)
	}
	for _, status := range s.Expect.Status {
		demand(status >= 200 && status <= 599, "status %d: want 200 to 599", status)
	}
	for _, text := range s.texts() {
		for _, name := range holdfast.Blanks(text) {
			demand(slices.Contains(known, name), "{{%s}}: no step before captures it", name)
		}
	}
	demand(!s.Write || slices.ContainsFunc(s.sent(), carriesID), "it writes: want {{%s}} in its URL, its headers or its body", holdfast.BlankID)
	return errors.Join(wrong...)
}

func carriesID(text string) bool { return slices.Contains(holdfast.Blanks(text), holdfast.BlankID) }

// sent are the texts of a step that are sent.
func (s Step) sent() []string {
	texts := []string{s.URL, s.Body}
	for _, field := range s.Header {
		texts = append(texts, field.Value)
	}
	return texts
}

// texts are those of a step in which blanks are filled.
func (s Step) texts() []string {
	texts := slices.Concat(s.sent(), s.Expect.Body, s.Expect.Not)
	for _, field := range s.Expect.Header {
		texts = append(texts, field.Value)
	}
	return texts
}

func (s Step) askable() bool {
	at, err := url.Parse(holdfast.Fill(s.URL, func(string) string { return "0" }))
	if err != nil || at.Scheme != "http" && at.Scheme != "https" {
		return false
	}
	// Where a blank stood in the host or the port, another filling moves it.
	other, err := url.Parse(holdfast.Fill(s.URL, func(string) string { return "1" }))
	oneWord := !strings.ContainsFunc(at.RequestURI(), func(r rune) bool { return r <= ' ' || r > '~' })
	return err == nil && at.Hostname() != "" && other.Host == at.Host && at.User == nil && at.Fragment == "" && oneWord
}

// ours are the headers that belong to the connection, and Accept-Encoding,
// because what is packed could not be looked into.
func ours(name string) bool {
	return slices.Contains([]string{
		"Accept-Encoding", "Connection", "Content-Length", "Expect", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
	}, http.CanonicalHeaderKey(name))
}

// isToken tells whether a text can be the name of a header.
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}

// sendable tells whether a text can be the value of a header: on one line, so
// that it ends neither the header nor the request.
func sendable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}
