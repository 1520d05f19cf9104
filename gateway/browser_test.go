package gateway

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

//go:embed testdata/browser.html
var page []byte

// A browser does what pages do, and the page says what came of it.
func TestABrowserFindsNothingWrong(t *testing.T) {
	browser := browserOf(t)
	for name, c := range map[string]struct{ scheme, protocol string }{
		"HTTP/1.1":        {scheme: "http", protocol: "http/1.1"},
		"HTTP/2 over TLS": {scheme: "https", protocol: "h2"},
	} {
		t.Run(name, func(t *testing.T) {
			site := newSite()
			table := tableOf(1, newReplica(t, 1, site))
			if c.scheme == "https" {
				table.Secured = underTLS(t)
			}
			r := newRig(t, table)
			r.untilAdmitted(1)
			dom := browse(t, browser, fmt.Sprintf("%s://%s/?scheme=%s&protocol=%s", c.scheme, r.published, c.scheme, c.protocol))
			verdicts := regexp.MustCompile(`<li class="(PASS|FAIL)">([^<]*)</li>`).FindAllStringSubmatch(dom, -1)
			for _, v := range verdicts {
				if v[1] == "FAIL" {
					t.Error(v[2])
				}
			}
			if tries := len(regexp.MustCompile(`(?m)^  '.*': (async )?\(\) =>`).FindAll(page, -1)); len(verdicts) != tries || tries < 15 {
				t.Errorf("%d of %d tries have a verdict", len(verdicts), tries)
			}
		})
	}
}

func browserOf(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes seconds")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no browser here: install chromium")
	return ""
}

// browse is a page as it is when it has loaded. A browser that does not come up on
// a busy machine is none.
func browse(t *testing.T, browser, address string) (dom string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--ignore-certificate-errors", "--user-data-dir="+filepath.Join(t.TempDir(), "profile"), "--dump-dom", address)
	command.WaitDelay = 5 * time.Second
	var out, said bytes.Buffer
	command.Stdout, command.Stderr = &out, &said
	if err := command.Run(); err != nil || !strings.Contains(out.String(), "</html>") {
		t.Skipf("the browser did not show the page: %v", err)
	}
	return out.String()
}

// A site is what the page asks for. It lives as long as one story.
type site struct {
	http.ServeMux
	on    chan struct{} // the next piece of the stream may come
	ended chan struct{} // the endless answer was given up
	done  chan struct{} // the page has tried all
	once  sync.Once
}

func newSite() *site {
	s := &site{on: make(chan struct{}, 3), ended: make(chan struct{}, 1), done: make(chan struct{})}
	s.HandleFunc("/{$}", func(w http.ResponseWriter, q *http.Request) { w.Write(page) })
	s.HandleFunc("/get", s.get)
	s.HandleFunc("/echo", func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body) // net/http drops what was not read when an answer begins
		w.Write(body)
	})
	s.HandleFunc("DELETE /nothing", func(w http.ResponseWriter, q *http.Request) { w.WriteHeader(http.StatusNoContent) })
	s.HandleFunc("/error", func(w http.ResponseWriter, q *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, "short and stout")
	})
	s.HandleFunc("/gzip", s.zipped)
	s.HandleFunc("/cookie/set", func(w http.ResponseWriter, q *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "basket", Value: "7", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	})
	s.HandleFunc("/cookie/get", func(w http.ResponseWriter, q *http.Request) { io.WriteString(w, q.Header.Get("Cookie")) })
	s.Handle("/redirect", http.RedirectHandler("/here", http.StatusFound))
	s.HandleFunc("/here", func(w http.ResponseWriter, q *http.Request) { io.WriteString(w, "here") })
	s.HandleFunc("PUT /upload", s.upload)
	s.HandleFunc("POST /form", s.form)
	s.HandleFunc("/stream", s.stream)
	s.HandleFunc("POST /stream/on", func(w http.ResponseWriter, q *http.Request) { s.on <- struct{}{} })
	s.HandleFunc("/endless", s.endless)
	s.HandleFunc("/endless/ended", s.endlessEnded)
	s.HandleFunc("/events", s.events)
	s.HandleFunc("/socket", wsEcho)
	s.HandleFunc("/held", func(w http.ResponseWriter, q *http.Request) { await(q, s.done) })
	s.HandleFunc("POST /done", func(w http.ResponseWriter, q *http.Request) { s.once.Do(func() { close(s.done) }) })
	return s
}

// await waits while there is somebody who asks.
func await(q *http.Request, what <-chan struct{}) bool {
	select {
	case <-what:
		return true
	case <-q.Context().Done():
		return false
	}
}

func (s *site) get(w http.ResponseWriter, q *http.Request) {
	w.Header().Set("X-Seen", q.Method+" "+q.RequestURI)
	io.WriteString(w, q.Header.Get("X-Forwarded-Proto"))
}

func (s *site) zipped(w http.ResponseWriter, q *http.Request) {
	if !strings.Contains(q.Header.Get("Accept-Encoding"), "gzip") {
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	io.WriteString(z, strings.Repeat("zipped ", 1000))
	z.Close()
}

func (s *site) upload(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	sum := 0
	for _, b := range body {
		sum += int(b)
	}
	fmt.Fprintf(w, "%d %d", len(body), sum)
}

func (s *site) form(w http.ResponseWriter, q *http.Request) {
	file, head, err := q.FormFile("file")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	body, _ := io.ReadAll(file)
	fmt.Fprintf(w, "%s: %s", head.Filename, body)
}

func (s *site) stream(w http.ResponseWriter, q *http.Request) {
	for n := range 3 {
		fmt.Fprintf(w, "%d ", n+1)
		http.NewResponseController(w).Flush()
		if !await(q, s.on) {
			return
		}
	}
}

func (s *site) endless(w http.ResponseWriter, q *http.Request) {
	io.WriteString(w, "and so on")
	http.NewResponseController(w).Flush()
	<-q.Context().Done()
	s.ended <- struct{}{}
}

func (s *site) endlessEnded(w http.ResponseWriter, q *http.Request) {
	if await(q, s.ended) {
		io.WriteString(w, "ended")
	}
}

// events are two, an end, and two more for who says which it has.
func (s *site) events(w http.ResponseWriter, q *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	if q.Header.Get("Last-Event-ID") == "2" {
		io.WriteString(w, "id: 3\ndata: three\n\nid: 4\ndata: four\n\n")
		return
	}
	io.WriteString(w, "retry: 50\n\nid: 1\ndata: one\n\nid: 2\ndata: two\n\n")
}
