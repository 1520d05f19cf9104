package holdfast

import (
	"slices"
	"strings"
	"time"
)

// SessionName names a session: its key under sessions in the file.
type SessionName string

// A Session is what one user does, step after step: a step is sent when the one
// before it was answered well, and the session is good when all of them were.
//
// In paths, headers and bodies {{NAME}} stands for what an earlier step captured
// under that name, and {{id}} for a text that no other run of any session has.
type Session struct {
	Name  SessionName `json:"name"`
	Steps []Step      `json:"steps"` // at least one
	// Audit finds out what became of the writes; nil where no step is one.
	Audit *Audit `json:"audit,omitempty"`
}

// A Step is one request of a session, and what its answer must be.
type Step struct {
	On      ServiceName `json:"on"` // whom it asks
	Method  string      `json:"method"`
	Path    string      `json:"path"` // begins with a slash; may carry a query
	Header  []Field     `json:"header,omitempty"`
	Body    string      `json:"body,omitempty"`
	Expect  Expectation `json:"expect,omitzero"`
	Capture []Capture   `json:"capture,omitempty"`
	// Write says that the request leaves something behind that carries {{id}}: once
	// it was acknowledged it must be found once, and never twice.
	Write bool `json:"write,omitempty"`
}

// SecretPrefix begins the value of a header that is a reference to a variable.
const SecretPrefix = "env:"

// A Field is one header. A value of the form env:NAME is a reference to a
// variable of the environment, looked up when the request is made; it is a
// secret, and never written down.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// An Expectation is what an answer must be to be good. Where nothing is said of
// the status it must be below 400.
type Expectation struct {
	Status []int    `json:"status,omitempty"` // any of these
	Header []Field  `json:"header,omitempty"` // each there, and holding this text
	Body   []string `json:"body,omitempty"`   // each to be found in the body
	Not    []string `json:"not,omitempty"`    // none to be found in the body
	// Volatile names fields of a JSON body that may differ between two answers that
	// are the same to a user: times, replica names, request ids.
	Volatile []string `json:"volatile,omitempty"`
}

// A Capture takes a text out of an answer, for the steps after it. Exactly one of
// Header and JSON is set. An answer in which it is not to be found fails its step.
type Capture struct {
	Name   string `json:"name"`
	Header string `json:"header,omitempty"`
	JSON   string `json:"json,omitempty"` // keys and indices joined by dots: "items.0.id"
}

// An Audit asks, after the load, for everything that was written: the {{id}} of
// each acknowledged write must occur once in the answer's body.
type Audit struct {
	On   ServiceName `json:"on"`
	Path string      `json:"path"`
}

// Asks are the services that a session asks, each once, in the order in which it
// first asks them.
func (s Session) Asks() []ServiceName {
	var all []ServiceName
	for _, step := range s.Steps {
		if !slices.Contains(all, step.On) {
			all = append(all, step.On)
		}
	}
	return all
}

// Secrets are the variables that a session's headers refer to, each once.
func (s Session) Secrets() []string {
	var all []string
	for _, step := range s.Steps {
		for _, field := range step.Header {
			if name, is := strings.CutPrefix(field.Value, SecretPrefix); is && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

// Arrivals is how requests are spread over time.
type Arrivals string

const (
	Constant Arrivals = "constant" // one as long after the other as the rate says
	Poisson  Arrivals = "poisson"  // each independently of all others, as strangers come
)

// A Load is how a drill asks. Its zero value leaves everything to prove.
type Load struct {
	Rate     float64       `json:"rate,omitempty"` // requests per second
	Arrivals Arrivals      `json:"arrivals,omitempty"`
	Ramp     time.Duration `json:"ramp,omitempty"`  // over which the rate rises from nothing
	Fresh    *Share        `json:"fresh,omitempty"` // of the requests on a connection of their own
	HTTP2    Share         `json:"http2,omitempty"` // of the requests over HTTP/2 with prior knowledge
}
