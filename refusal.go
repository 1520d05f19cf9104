package holdfast

import "errors"

// A Refusal is an error that is a rule, not a mishap. Refusals are constants
// and survive the way through a socket: compare them with errors.Is.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// A Refused is an error as it goes through a socket: all of its text, and the
// rule behind it, if there is one.
type Refused struct {
	Text string  `json:"error"`
	Rule Refusal `json:"refusal,omitempty"`
}

// RefusedBy makes an error ready for a socket.
func RefusedBy(err error) *Refused {
	r := &Refused{Text: err.Error()}
	errors.As(err, &r.Rule)
	return r
}

func (r *Refused) Error() string { return r.Text }

// Unwrap lets errors.Is find the rule at the other end.
func (r *Refused) Unwrap() error {
	if r.Rule == "" {
		return nil
	}
	return r.Rule
}
