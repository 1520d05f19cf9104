//go:build linux

package main

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
)

// hushed is a pair whose crash nobody mends, and that is told through a channel of every
// kind that carries a secret. WEB and MAIL stand for addresses of the test.
const hushed = `name: pair
owner: web
owners: {web: [ana]}
people:
  ana: {contacts: [{via: ntfy, to: ana-alerts}, {via: mail, to: ana@example.com}]}
channels:
  ntfy: {ntfy: "WEB/ntfy", token: env:PUSH_TOKEN}
  mail: {smtp: "MAIL", from: holdfast@example.com, user: holdfast, password: file:mail.secret}
  pager: {pagerduty: env:ROUTING_KEY, url: "WEB/pager"}
  chat: {slack: env:CHAT_URL}
  hook: {webhook: env:HOOK_URL, secret: env:HOOK_KEY}
  gone: {slack: env:GONE_URL}
  moved: {slack: env:MOVED_URL}
escalation_policies:
  web: {rules: [{notify: [ana, pager, chat, hook, gone, moved]}]}
escalate: web
on_call: {heartbeat: env:BEAT_URL}
gateway: {metrics: "METRICS"}
services:
  cart:
    command: ./holdfast toy cart
    replicas: 2
    ports: ["8080"]
    failure_modes: {crash: {remedies: []}}
`

// A secret is missed when nobody needs it yet, and one that others may read is told.
func TestSecretsAreLookedAtByDay(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) holdfast.Secret {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return holdfast.Secret("file:" + path)
	}
	t.Setenv("CHAT_URL", "https://hooks.example.com/planted")
	on := holdfast.OnCall{Heartbeat: "env:CHAT_URL", Channels: []holdfast.Channel{
		{Name: "chat", Kind: holdfast.ChannelSlack, Address: "env:CHAT_URL"},
		{Name: "push", Kind: holdfast.ChannelNtfy, Address: "https://ntfy.sh", Secret: write("good", "planted\n", 0o640)},
	}}
	if err := secretsThere(on); err != nil || len(secretsOf(on)) != 2 {
		t.Errorf("all are there: %v, %v", err, secretsOf(on))
	}
	if facts := secretFacts(on); len(facts) != 1 || !facts[0].Good {
		t.Errorf("%+v", facts)
	}
	for name, bad := range map[holdfast.Secret]struct{ missed, says string }{
		write("open", "planted\n", 0o644):             {"", "everybody on this machine may read"},
		write("empty", "\n", 0o600):                   {"is empty", "is empty"},
		holdfast.Secret("file:" + dir):                {"no ordinary file", "no ordinary file"},
		holdfast.Secret("file:" + dir + "/not-there"): {"not-there", "not-there"},
	} {
		on.Channels[1].Secret = name
		err, facts := secretsThere(on), secretFacts(on)
		if (err != nil) != (bad.missed != "") || err != nil && !strings.Contains(err.Error(), bad.missed) {
			t.Errorf("%s: %v", name, err)
		}
		if len(facts) != 1 || facts[0].Good || !strings.Contains(facts[0].Says, bad.says) || facts[0].Next == "" {
			t.Errorf("%s: %+v", name, facts)
		}
		if strings.Contains(fmt.Sprint(err, facts), "planted") {
			t.Errorf("%s: a secret is told: %v %v", name, err, facts)
		}
	}
	on.Channels[1].Secret = "env:NOT_SET_ANYWHERE"
	if err := secretsThere(on); err == nil || !strings.Contains(err.Error(), "NOT_SET_ANYWHERE") {
		t.Errorf("what is not set: %v", err)
	}
}

// blabs answers everything with everything it was told.
func blabs(t *testing.T) *httptest.Server {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if strings.HasPrefix(r.URL.Path, "/moved") {
			w.Header().Set("Location", "http://127.0.0.1:1"+r.URL.String())
			w.WriteHeader(http.StatusPermanentRedirect)
		} else {
			w.WriteHeader(http.StatusForbidden)
		}
		fmt.Fprintf(w, "\x1b[2JCannot %s %s for %v with %s", r.Method, r.URL, r.Header, body)
	}))
	t.Cleanup(web.Close)
	return web
}

// mailServerThatBlabs refuses every login, and quotes it. It returns its address.
func mailServerThatBlabs(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				fmt.Fprint(conn, "220 mail.test\r\n")
				for in := bufio.NewScanner(conn); in.Scan(); {
					if line := in.Text(); strings.HasPrefix(line, "EHLO") {
						fmt.Fprint(conn, "250-mail.test\r\n250 AUTH PLAIN LOGIN\r\n")
					} else {
						fmt.Fprintf(conn, "535 no: %s\r\n", line)
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}

// TestWhatProvidersQuoteIsWrittenNowhere plants a secret in every place where the way
// to people has one, with providers that refuse and quote what they were told, and looks
// for them in all that is written, shown and served.
func TestWhatProvidersQuoteIsWrittenNowhere(t *testing.T) {
	t.Parallel()
	web, metrics := blabs(t), fmt.Sprintf("127.0.0.1:%d", freePort(t))
	s := newSystem(t, strings.NewReplacer("WEB", web.URL, "MAIL", mailServerThatBlabs(t), "METRICS", metrics).Replace(hushed))
	s.environ = []string{
		"PUSH_TOKEN=tk_planted-push-token", "ROUTING_KEY=R0planted-routing-key", "HOOK_KEY=planted-signing-key",
		"CHAT_URL=" + web.URL + "/services/T0planted/B0planted", "HOOK_URL=" + web.URL + "/hook?key=planted%20query", "GONE_URL=http://127.0.0.1:1/services/T0planted",
		"MOVED_URL=" + web.URL + "/moved/T0planted", "BEAT_URL=" + web.URL + "/ping/planted-beat",
	}
	s.write("mail.secret", "planted-mail-password\n")
	s.must(os.Chmod(s.dir+"/mail.secret", 0o600))
	s.detached()
	s.strike(s.whole()["cart-1"], syscall.SIGKILL)
	channels := []string{"ntfy", "mail", "pager", "chat", "hook", "gone", "moved"}
	await(t, "every channel has failed, and that is recorded", func() bool {
		events := s.run("events").stdout
		for _, channel := range channels {
			if !strings.Contains(events, "/"+channel+"/trigger for good") && !strings.Contains(events, "/"+channel+"/trigger as far as") && !strings.Contains(events, "/"+channel+"/trigger:") {
				return false
			}
		}
		return true
	})
	id := s.onlyIncident()
	await(t, "the heart was audited", func() bool { return strings.Contains(s.run("events").stdout, "audited") })
	said := ""
	for _, words := range [][]string{
		{"events"}, {"events", "--json"}, {"status"}, {"status", "--json"}, {"incidents"}, {"incidents", "--json"}, {"incidents", "show", id}, {"incidents", "show", id, "--json"},
		{"postmortem", id}, {"oncall"}, {"oncall", "--json"}, {"page", "test"}, {"page", "test", "--json"}, {"check", "--explain"}, {"check", "--json"}, {"ready"}, {"ready", "--json"}, {"doctor"},
	} {
		said += s.run(words...).all()
	}
	response, err := (&http.Client{Timeout: 10 * time.Second}).Get("http://" + metrics + "/metrics")
	s.must(err)
	told, err := io.ReadAll(response.Body)
	response.Body.Close()
	s.must(err)
	said += string(told)
	if !strings.Contains(said, "403") || !strings.Contains(said, "535") || !strings.Contains(said, "308") {
		t.Errorf("not every provider was heard:\n%s", said)
	}
	s.down()
	said += s.everythingWritten()
	for _, planted := range []string{"planted", "\x1b[2J", base64.StdEncoding.EncodeToString([]byte("\x00holdfast\x00planted-mail-password"))[:24]} {
		if at := strings.Index(said, planted); at >= 0 {
			t.Errorf("%q is written down: …%q…", planted, said[max(0, at-160):min(len(said), at+60)])
		}
	}
}
