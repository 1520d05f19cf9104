package acknowledge

import (
	"context"
	"html/template"
	"net/http"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
)

// An Incident is what is shown of one.
type Incident struct {
	Subject string
	Body    string
	By      string // who has it; empty is nobody
	Over    bool
}

// Options are what the page needs. All fields are needed.
type Options struct {
	Key func() (Key, error)
	// Look is an incident as it is now; false where it is not known (any more).
	Look func(holdfast.IncidentID) (Incident, bool)
	// Acknowledge returns once it is recorded.
	Acknowledge func(context.Context, event.Acknowledged) error
	Now         func() time.Time
}

// maxBody bounds what a browser sends with a button, which is nothing.
const maxBody = 4 << 10

// Page is the page. To look at it changes nothing, however often: programs that
// follow the links in mails and chats acknowledge nothing. The button does, for
// whom the link was made out to, once, while the incident is open and nobody has it.
// Whatever else comes gets an honest answer, and changes nothing either.
func Page(o Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		show(w, o.answer(r))
	})
}

// A sheet is one page as it is shown.
type sheet struct {
	Status int
	Title  string
	Text   string
	What   Incident
	Button bool
	By     string
}

const nothingChanged = "Nothing was changed. "

func (o Options) answer(r *http.Request) sheet {
	if !strings.HasSuffix(r.URL.Path, Path) {
		return sheet{Status: http.StatusNotFound, Title: "There is nothing here", Text: "Links in pages lead further."}
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost {
		return sheet{Status: http.StatusMethodNotAllowed, Title: "This page has one button", Text: nothingChanged}
	}
	key, err := o.Key()
	if err != nil {
		return failed()
	}
	claim, ours := key.Read(r.URL.Query())
	switch {
	case !ours:
		return sheet{Status: http.StatusForbidden, Title: "This link was not made here", Text: nothingChanged + "It may have been cut off: open it from the page you got, or run holdfast ack."}
	case !o.Now().Before(claim.Until):
		return sheet{Status: http.StatusGone, Title: "This link is too old", Text: nothingChanged + "A link is good for a day. Take the one in the latest page you got, or run holdfast ack."}
	}
	return o.claimed(r, claim)
}

// claimed answers who holds a link that is good.
func (o Options) claimed(r *http.Request, claim Claim) sheet {
	what, known := o.Look(claim.Incident)
	switch {
	case !known:
		return sheet{Status: http.StatusGone, Title: "Incident " + string(claim.Incident) + " is not known here any more", Text: nothingChanged}
	case what.Over:
		return over(what)
	case what.By == claim.By:
		return sheet{Status: http.StatusOK, Title: "You have it", Text: "The others may sleep. It is yours until it is over, or paged anew.", What: what}
	case what.By != "":
		return sheet{Status: http.StatusOK, Title: what.By + " has it", Text: nothingChanged + "You may sleep.", What: what}
	case r.Method != http.MethodPost:
		return sheet{Status: http.StatusOK, Title: "Nobody has it yet", What: what, Button: true, By: claim.By}
	}
	if o.Acknowledge(r.Context(), event.Acknowledged{Incident: claim.Incident, By: claim.By, Via: "link"}) != nil {
		if what, known = o.Look(claim.Incident); known && what.Over { // in this very moment
			return over(what)
		}
		return failed()
	}
	what.By = claim.By
	return sheet{Status: http.StatusOK, Title: "You have it", Text: "The others are told. It is yours until it is over, or paged anew.", What: what}
}

func over(what Incident) sheet {
	return sheet{Status: http.StatusGone, Title: "It is over", Text: nothingChanged + "Nobody is needed for it any more.", What: what}
}

func failed() sheet {
	return sheet{Status: http.StatusServiceUnavailable, Title: "It could not be recorded", Text: "Nobody has it yet. Try again in a moment, or run holdfast ack on the machine."}
}

// show answers with a page that loads nothing, runs nothing, is kept by nobody and
// tells nobody where it was.
func show(w http.ResponseWriter, s sheet) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Robots-Tag", "noindex")
	w.WriteHeader(s.Status)
	_ = look().Execute(w, s) // who went away needs no answer
}

// look is how a page looks: large enough for a thumb, dark where the phone is. The
// form has no action: it goes to the address that was opened, whatever a proxy in
// front of it makes of that.
func look() *template.Template {
	return template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Title}}</title>
<style>:root{color-scheme:light dark}body{font:1.1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:0 auto;padding:1rem}pre{white-space:pre-wrap;overflow-wrap:anywhere;font:.95rem/1.5 ui-monospace,monospace}button{font:inherit;font-weight:600;width:100%;padding:1rem;border:0;border-radius:.5rem;background:#0b6;color:#fff}</style></head>
<body><h1>{{.Title}}</h1>
{{with .Text}}<p>{{.}}</p>
{{end}}{{with .What.Subject}}<h2>{{.}}</h2>
{{end}}{{if .Button}}<form method="post"><button>I have it ({{.By}})</button></form>
{{end}}{{with .What.Body}}<pre>{{.}}</pre>
{{end}}</body></html>
`))
}
