package gateway

import (
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// curl, in each way in which it can be told to speak.
func TestCurlIsAnswered(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("no curl here: install curl")
	}
	site := newSite()
	site.HandleFunc("/range", func(w http.ResponseWriter, q *http.Request) {
		http.ServeContent(w, q, "letters.txt", time.Time{}, strings.NewReader("abcdefgh"))
	})
	clear, secret := tableOf(1, newReplica(t, 1, site)), tableOf(1, newReplica(t, 1, site))
	secret.Secured = underTLS(t)
	open, veiled := newRig(t, clear), newRig(t, secret)
	open.untilAdmitted(1)
	veiled.untilAdmitted(1)
	for how, base := range map[string]string{
		"--http1.0": "http://" + open.published, "--http1.1": "http://" + open.published,
		"--http2":                 "http://" + open.published, // asks for an upgrade, and goes on without
		"--http2-prior-knowledge": "http://" + open.published, "--http1.1 -k": "https://" + veiled.published, "--http2 -k": "https://" + veiled.published,
	} {
		t.Run(how+" "+base[:strings.Index(base, ":")], func(t *testing.T) { askWithCurl(t, curl, strings.Fields(how), base) })
	}
}

func askWithCurl(t *testing.T, curl string, how []string, base string) {
	long := strings.Repeat("0123456789", 30_000)
	scheme, _, _ := strings.Cut(base, ":")
	for name, c := range map[string]struct {
		args []string // after those that say how
		in   string
		want string // the body, a blank, the status
	}{
		"GET":             {args: []string{base + "/get"}, want: scheme + " 200"},
		"HEAD":            {args: []string{"-I", "-o", "/dev/null", base + "/here"}, want: " 200"},
		"POST":            {args: []string{"-d", "a=b", base + "/echo"}, want: "a=b 200"},
		"an upload":       {args: []string{"-T", "-", base + "/echo"}, in: long, want: long + " 200"},
		"one that waits":  {args: []string{"-H", "Expect: 100-continue", "--data-binary", "@-", base + "/echo"}, in: long, want: long + " 200"},
		"a form":          {args: []string{"-F", "file=@-;filename=t.csv", base + "/form"}, in: "a,b", want: "t.csv: a,b 200"},
		"packed":          {args: []string{"--compressed", base + "/gzip"}, want: strings.Repeat("zipped ", 1000) + " 200"},
		"a redirect":      {args: []string{"-L", base + "/redirect"}, want: "here 200"},
		"a part":          {args: []string{"-r", "2-4", base + "/range"}, want: "cde 206"},
		"an error":        {args: []string{base + "/error"}, want: "short and stout 418"},
		"of all":          {args: []string{"-X", "OPTIONS", "--request-target", "*", base}, want: " 200"},
		"two on one":      {args: []string{base + "/here", base + "/here"}, want: "here 200here 200"},
		"nothing of that": {args: []string{"-X", "DELETE", base + "/nothing"}, want: " 204"},
	} {
		if name == "an upload" && how[0] == "--http1.0" {
			continue // has no way to say where it ends
		}
		if how[0] == "--http2-prior-knowledge" && (name == "a redirect" || name == "two on one") {
			continue // curl 7.88 takes its own connection for a new one, with every server (curl issue 10634)
		}
		command := exec.CommandContext(t.Context(), curl, slices.Concat([]string{"-q", "-sS", "--max-time", "20", "-w", " %{http_code}"}, how, c.args)...)
		command.Stdin = strings.NewReader(c.in)
		if got, err := command.CombinedOutput(); err != nil || string(got) != c.want {
			t.Errorf("%s: %v, %.200q, want %.200q", name, err, got, c.want)
		}
	}
}
