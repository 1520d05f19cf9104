package gateway

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestARequestReachesAReplicaAsItWasSent(t *testing.T) {
	var got *http.Request
	var body string
	r := newRig(t, tableOf(1, newReplica(t, 1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			return
		}
		text, _ := io.ReadAll(r.Body)
		got, body = r, string(text)
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.Header().Set("Connection", "X-Private")
		w.Header().Set("X-Private", "1")
		w.WriteHeader(201)
		io.WriteString(w, "made")
	}))))
	r.untilAdmitted(1)
	answer, err := r.do("POST", r.published, "/a%2Fb?q=%20x", strings.NewReader("hello"),
		"Connection", "X-Hop", "X-Hop", "1", "X-Forwarded-For", "6.6.6.6", "X-Kept", "yes")
	if err != nil {
		t.Fatal(err)
	}
	if answer.status != 201 || answer.body != "made" || len(answer.header["Set-Cookie"]) != 2 || answer.header.Get("X-Private") != "" {
		t.Errorf("answer %+v", answer)
	}
	if got.RequestURI != "/a%2Fb?q=%20x" || body != "hello" || got.ContentLength != 5 || got.Host != r.published {
		t.Errorf("request %s host %s, %d bytes %q", got.RequestURI, got.Host, got.ContentLength, body)
	}
	if got.Header.Get("X-Hop") != "" || got.Header.Get("X-Kept") != "yes" {
		t.Errorf("header %v", got.Header)
	}
	if from := got.Header["X-Forwarded-For"]; len(from) != 1 || from[0] != "127.0.0.1" {
		t.Errorf("on a published port anybody can claim to come from elsewhere: %q", from)
	}
}

// What comes in disguise: with another spelling, by another standard, or after
// the body.
func TestNobodyOnAPublishedPortSaysWhereARequestComesFrom(t *testing.T) {
	var got *http.Request
	r := newRig(t, tableOf(1, newReplica(t, 1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			return
		}
		io.Copy(io.Discard, r.Body) // the trailer comes after it
		got = r
	}))))
	r.untilAdmitted(1)
	c, in := r.raw()
	io.WriteString(c, "POST /a HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n"+
		"X_Forwarded_For: 6.6.6.6\r\nx_forwarded-host: elsewhere\r\nForwarded: for=6.6.6.6\r\nx_kept: yes\r\n\r\n"+
		"5\r\nhello\r\n0\r\nX-Sum: 7\r\nX-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\nHost: elsewhere\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n")
	if line, err := in.ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 200") {
		t.Fatalf("%q %v", line, err)
	}
	for name, values := range got.Header {
		if strings.Contains(strings.Join(values, " "), "6.6.6.6") || strings.Contains(strings.Join(values, " "), "elsewhere") {
			t.Errorf("%s: %q", name, values)
		}
	}
	if got.Header.Get("X_kept") != "yes" {
		t.Errorf("header %v", got.Header)
	}
	if len(got.Trailer) != 1 || got.Trailer.Get("X-Sum") != "7" {
		t.Errorf("trailer %v", got.Trailer)
	}
}
