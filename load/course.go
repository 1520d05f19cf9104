package load

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"holdfast"
)

// A course is a session made ready: its secrets are looked up, and it is known
// what leads to each of its steps.
type course struct {
	Session
	routes  []*route          // one per step
	secrets map[string]string // what is not to be told, by the reference that stands for it
}

// newCourse makes a session ready. look is the environment.
func newCourse(session Session, lead func(at *url.URL) *route, look func(string) (string, bool)) (*course, error) {
	c := &course{Session: session, secrets: map[string]string{}}
	for _, step := range session.Steps {
		at, err := url.Parse(holdfast.Fill(step.URL, func(string) string { return "0" }))
		if err != nil {
			return nil, err
		}
		c.routes = append(c.routes, lead(at))
	}
	for _, name := range session.Environment() {
		value, found := "", false
		if look != nil {
			value, found = look(name)
		}
		switch {
		case !found || value == "":
			return nil, fmt.Errorf("session %s: %s%s: the environment has no %s", session.Name, reference, name, name)
		case !sendable(value):
			return nil, fmt.Errorf("session %s: %s%s: what the environment has there is more than one line", session.Name, reference, name)
		}
		c.secrets[reference+name] = value
	}
	return c, nil
}

// minSecret is how long a word of a secret must be to be looked for by itself:
// "Bearer" is no secret, and what is shorter would be found in everything.
const minSecret = 8

// hide puts the references back in the place of the secrets, and of what they
// consist of: servers like to repeat what they were told.
func (c *course) hide(text string) string {
	for _, name := range slices.Sorted(maps.Keys(c.secrets)) {
		text = strings.ReplaceAll(text, c.secrets[name], name)
		for _, word := range strings.Fields(c.secrets[name]) {
			if len(word) >= minSecret {
				text = strings.ReplaceAll(text, word, name)
			}
		}
	}
	return text
}

// A run is one user's way through a session.
type run struct {
	*course
	known  map[string]string // what fills the blanks
	next   int               // index of the step to come
	wholly bool              // every answer's body is wanted whole
}

func (c *course) begin(id string) *run {
	return &run{course: c, known: map[string]string{holdfast.BlankID: id}}
}

// over says that no step is left.
func (r *run) over() bool { return r.next == len(r.Steps) }

// ask sends the next step and judges its answer. Its error says how it was not
// answered well, and then no step follows.
func (r *run) ask(ctx context.Context, to *route, how manner, deadline time.Time) (answer, error) {
	step := r.Steps[r.next]
	r.next++
	q, err := r.request(step)
	if err != nil {
		return answer{}, err
	}
	got := to.ask(ctx, q, how, deadline)
	if got.err != nil {
		return got, got.err
	}
	if err := r.unmet(step.Expect, got); err != nil {
		return got, err
	}
	return got, r.capture(step.Capture, got)
}

func (r *run) fill(text string) string {
	return holdfast.Fill(text, func(name string) string { return r.known[name] })
}

// request is a step as it is sent in this run.
func (r *run) request(step Step) (*request, error) {
	at, err := url.Parse(r.place(step.URL))
	if err != nil {
		return nil, fmt.Errorf("send: no URL: %s", step.URL)
	}
	q := &request{method: step.Method, at: at, body: r.fill(step.Body), whole: r.wholly || step.looks() || len(r.secrets) > 0}
	for _, field := range step.Header {
		value, secret := r.secrets[field.Value]
		if !secret {
			value = r.fill(field.Value)
		}
		if !sendable(value) {
			return nil, fmt.Errorf("send: header %s: more than one line", field.Name)
		}
		q.header = append(q.header, holdfast.Field{Name: field.Name, Value: value})
	}
	return q.spell(), nil
}

// place fills a URL so that what fills it stays one part of it.
func (r *run) place(text string) string {
	path, query, asks := strings.Cut(text, "?")
	path = holdfast.Fill(path, func(name string) string { return url.PathEscape(r.known[name]) })
	if !asks {
		return path
	}
	return path + "?" + holdfast.Fill(query, func(name string) string { return url.QueryEscape(r.known[name]) })
}

// looks says that something is looked for in the answer's body.
func (s Step) looks() bool {
	return len(s.Expect.Body)+len(s.Expect.Not) > 0 || slices.ContainsFunc(s.Capture, func(c holdfast.Capture) bool { return c.JSON != "" })
}

// unmet says in what an answer is not as expected. Blanks stay in what it says,
// so that equal failures read alike.
func (r *run) unmet(want holdfast.Expectation, got answer) error {
	switch {
	case len(want.Status) == 0 && got.status >= http.StatusBadRequest:
		return fmt.Errorf("expected: status below %d", http.StatusBadRequest)
	case len(want.Status) > 0 && !slices.Contains(want.Status, got.status):
		return fmt.Errorf("expected: status %s", either(want.Status))
	}
	for _, field := range want.Header {
		holds := func(value string) bool { return strings.Contains(value, r.fill(field.Value)) }
		if !slices.ContainsFunc(got.header.Values(field.Name), holds) {
			return fmt.Errorf("expected: header %s holds %q", field.Name, field.Value)
		}
	}
	for _, text := range want.Body {
		if !strings.Contains(string(got.text), r.fill(text)) {
			return fmt.Errorf("expected: body holds %q", text)
		}
	}
	for _, text := range want.Not {
		if strings.Contains(string(got.text), r.fill(text)) {
			return fmt.Errorf("expected: body does not hold %q", text)
		}
	}
	if len(want.Not) > 0 && len(got.text) > maxText {
		return fmt.Errorf("expected: a body of at most %d bytes", maxText)
	}
	return nil
}

// either writes one or several statuses: "200", "200 or 201".
func either(statuses []int) string {
	words := make([]string, len(statuses))
	for i, status := range statuses {
		words[i] = fmt.Sprint(status)
	}
	return strings.Join(words, " or ")
}

// capture takes texts out of an answer.
func (r *run) capture(wanted []holdfast.Capture, got answer) error {
	for _, capture := range wanted {
		text, where := ofHeader(got.header, capture.Header), "header "+capture.Header
		if capture.JSON != "" {
			text, where = ofJSON(got.text, capture.JSON), capture.JSON+" in the body"
		}
		switch {
		case text == "":
			return fmt.Errorf("expected: %s, to capture %s", where, capture.Name)
		case len(text) > maxCaptured:
			return fmt.Errorf("expected: %s of at most %d bytes, to capture %s", where, maxCaptured, capture.Name)
		}
		r.known[capture.Name] = text
	}
	return nil
}
