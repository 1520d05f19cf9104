package smtp

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast"
	"holdfast/notify/notifytest"
)

// A server speaks SMTP as far as sending one mail asks for it, in its mood.
type server struct {
	t        *testing.T
	listener net.Listener
	open     sync.WaitGroup

	tls *tls.Config // what STARTTLS begins with; nil: it is not offered

	mu    sync.Mutex
	mood  notifytest.Mood
	slow  time.Duration // before every line it says
	took  []string
	plain []string // the verbs that came in clear
	conns []net.Conn
}

func serve(t *testing.T) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, listener: listener, mood: notifytest.Well}
	s.open.Go(s.accept)
	t.Cleanup(func() {
		listener.Close()
		s.mu.Lock()
		for _, c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		s.open.Wait()
	})
	return s
}

func (s *server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns = append(s.conns, conn)
		mood, slow := s.mood, s.slow
		s.mu.Unlock()
		s.open.Go(func() {
			defer conn.Close()
			s.talk(conn, mood, slow)
		})
	}
}

func (s *server) talk(conn net.Conn, mood notifytest.Mood, slow time.Duration) {
	in := bufio.NewReader(conn)
	say := func(line string) {
		<-time.After(slow)
		fmt.Fprint(conn, line+"\r\n")
	}
	switch mood {
	case notifytest.Hangs:
		_, _ = io.Copy(io.Discard, in)
		return
	case notifytest.Babbles:
		say("HTTP/1.1 400 Bad Request")
		return
	}
	say("220 mail.test ESMTP")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		s.hears(conn, strings.ToUpper(verb))
		switch strings.ToUpper(verb) {
		case "STARTTLS":
			say("220 go on")
			safe := tls.Server(conn, s.tls)
			if safe.Handshake() != nil {
				return
			}
			conn, in = safe, bufio.NewReader(safe)
		case "EHLO":
			if _, safe := conn.(*tls.Conn); s.tls != nil && !safe {
				say("250-mail.test\r\n250 STARTTLS")
				continue
			}
			say("250-mail.test\r\n250-8BITMIME\r\n250 AUTH PLAIN")
		case "AUTH":
			answer := s.login(rest, mood)
			if say(answer); answer != welcome {
				return
			}
		case "RCPT":
			switch mood {
			case notifytest.Refuses:
				say("550 no such user")
			case notifytest.Broken:
				say("451 try again later")
			default:
				say("250 ok")
			}
		case "DATA":
			say("354 go on")
			text := data(in)
			if mood == notifytest.Cuts {
				return // it took everything, and failed then
			}
			s.take(text)
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

const welcome = "235 welcome"

// login answers who gives a password.
func (s *server) login(given string, mood notifytest.Mood) string {
	_, text, _ := strings.Cut(given, " ")
	switch {
	case mood == notifytest.Blabs:
		return "535 no such login: " + given + " which is " + strings.ReplaceAll(decoded(text), "\x00", " ")
	case !strings.HasSuffix(decoded(text), "\x00"+notifytest.Password):
		return "535 no"
	}
	return welcome
}

func (s *server) hears(conn net.Conn, verb string) {
	if _, safe := conn.(*tls.Conn); safe {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plain = append(s.plain, verb)
}

func decoded(text string) string {
	raw, _ := base64.StdEncoding.DecodeString(text)
	return string(raw)
}

// data reads a mail up to the line with a single dot.
func data(in *bufio.Reader) string {
	var out strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil || line == ".\r\n" {
			return out.String()
		}
		out.WriteString(strings.TrimPrefix(line, "."))
	}
}

// take reads a mail as its reader does.
func (s *server) take(text string) {
	letter, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		s.t.Errorf("no mail came: %v\n%s", err, text)
		return
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(letter.Header.Get("Subject"))
	if err != nil {
		s.t.Error(err)
	}
	body := io.Reader(letter.Body)
	if strings.EqualFold(letter.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	whole, err := io.ReadAll(body)
	if err != nil {
		s.t.Error(err)
	}
	if letter.Header.Get("Message-Id") == "" || letter.Header.Get("To") != "<ana@example.com>" || letter.Header.Get("From") != "<holdfast@example.com>" || letter.Header.Get("Date") == "" {
		s.t.Errorf("its head is %v", letter.Header)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took = append(s.took, letter.Header.Get("X-Holdfast-Key")+"\n"+subject+"\n"+string(whole))
}

func TestItKeepsTheContract(t *testing.T) {
	s := serve(t)
	notifytest.Run(t, notifytest.Provider{
		New: func(*testing.T) holdfast.Notifier {
			return New(holdfast.Channel{
				Kind: holdfast.ChannelSMTP, Address: holdfast.Place(s.listener.Addr().String()), From: "holdfast@example.com", User: "holdfast", Secret: "env:MAIL",
			}, notifytest.Secrets)
		},
		Feel: func(m notifytest.Mood) { s.mu.Lock(); defer s.mu.Unlock(); s.mood = m },
		Took: func() []string {
			s.mu.Lock()
			defer s.mu.Unlock()
			all := s.took
			s.took = nil
			return all
		},
		Moods: []notifytest.Mood{notifytest.Refuses, notifytest.Broken, notifytest.Hangs, notifytest.Cuts, notifytest.Babbles, notifytest.Blabs},
	})
}

// A server that answers every line a little too late holds nobody up for longer than one
// that does not answer at all.
func TestAServerThatDawdlesIsGivenUp(t *testing.T) {
	s := serve(t)
	s.mu.Lock()
	s.slow = 500 * time.Millisecond // three seconds for all lines of a mail
	s.mu.Unlock()
	n := New(holdfast.Channel{Kind: holdfast.ChannelSMTP, Address: holdfast.Place(s.listener.Addr().String()), From: "holdfast@example.com"}, notifytest.Secrets)
	ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := n.Send(ctx, notifytest.Trouble())
	if took := time.Since(began); err == nil || errors.Is(err, holdfast.ErrRejected) || took > 2500*time.Millisecond {
		t.Errorf("after %v: %v", took, err)
	}
}

// A mail that is sent again is the same mail.
func TestAKeyIsOneMail(t *testing.T) {
	m := notifytest.Trouble()
	again := m
	again.Subject = "another"
	if a, b := idOf(m, "holdfast@example.com"), idOf(again, "Holdfast <holdfast@example.com>"); a != b || !strings.HasSuffix(a, "@example.com") {
		t.Errorf("%s and %s", a, b)
	}
}
