// Package hush takes secrets out of what a provider said. A provider that is asked in
// vain quotes what it was asked, the address and the token included, and what it says
// is written down, shown and sent on.
package hush

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strings"
)

// Gone stands where a secret stood.
const Gone = "[a secret]"

// shortest is the length, in bytes, from which a part of an address is taken for a
// secret: one that is shorter is guessed, and a word like "api" would make a riddle of
// every answer.
const shortest = 8

// Secrets are the secrets that one message carries. The zero value knows none.
type Secrets struct{ forms []string }

// Add keeps a secret quiet, in every form in which it may come back. What is empty is none.
func (s *Secrets) Add(secret string) {
	if secret == "" {
		return
	}
	quoted, _ := json.Marshal(secret) // a string always has a form
	for _, form := range []string{secret, strings.Trim(string(quoted), `"`), url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret), base64.StdEncoding.EncodeToString([]byte(secret)), base64.URLEncoding.EncodeToString([]byte(secret))} {
		if form = strings.TrimRight(form, "="); form != "" {
			s.forms = append(s.forms, form)
		}
	}
	// The longest first: of two of which one holds the other, nothing is left.
	slices.SortFunc(s.forms, func(a, b string) int { return len(b) - len(a) })
}

// AddAddress keeps the address of a provider quiet that is a secret, and whatever of
// it may be what makes it one: a server quotes its path, or a part of that.
func (s *Secrets) AddAddress(address string) {
	s.Add(address)
	parsed, err := url.Parse(address)
	if err != nil {
		return
	}
	parts := []string{parsed.RequestURI(), parsed.Path}
	parts = append(parts, strings.Split(parsed.Path, "/")...)
	parts = append(parts, strings.Split(parsed.EscapedPath(), "/")...)
	for _, values := range parsed.Query() {
		parts = append(parts, values...)
	}
	if password, set := parsed.User.Password(); set {
		parts = append(parts, password)
	}
	for _, part := range parts {
		if len(part) >= shortest {
			s.Add(part)
		}
	}
}

// Text is a text without them.
func (s *Secrets) Text(text string) string {
	for _, form := range s.forms {
		text = strings.ReplaceAll(text, form, Gone)
	}
	return text
}

// Error is an error that is what it was, and does not say them.
func (s *Secrets) Error(err error) error {
	if err == nil || s.Text(err.Error()) == err.Error() {
		return err
	}
	return hushed{error: err, text: s.Text(err.Error())}
}

type hushed struct {
	error
	text string
}

func (h hushed) Error() string { return h.text }

func (h hushed) Unwrap() error { return h.error }
