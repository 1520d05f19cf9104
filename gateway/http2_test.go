package gateway

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast"
)

// A front is one way in which a client may speak to a door.
type front struct {
	name   string
	scheme string
	major  int
	client *http.Client
}

func newFront(t *testing.T, name, scheme string, major int) front {
	p := &http.Protocols{}
	p.SetHTTP1(major == 1)
	p.SetHTTP2(major == 2 && scheme == "https")
	p.SetUnencryptedHTTP2(major == 2 && scheme == "http")
	transport := &http.Transport{
		Protocols: p, DisableCompression: true, ExpectContinueTimeout: patience,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return front{name: name, scheme: scheme, major: major, client: &http.Client{Transport: transport}}
}

// eachFront tells a story through every front there is.
func eachFront(t *testing.T, handler http.Handler, story func(t *testing.T, r *rig, f front)) {
	for _, f := range []front{
		newFront(t, "HTTP/1.1", "http", 1), newFront(t, "HTTP/2 in clear text", "http", 2),
		newFront(t, "HTTP/1.1 over TLS", "https", 1), newFront(t, "HTTP/2 over TLS", "https", 2),
	} {
		t.Run(f.name, func(t *testing.T) {
			table := tableOf(1, newReplica(t, 1, handler))
			if f.scheme == "https" {
				table.Secured = map[holdfast.ListenerName][]holdfast.Certificate{"catalog:80": {certify(t, t.TempDir(), "shop.example")}}
			}
			r := newRig(t, table)
			r.untilAdmitted(1)
			story(t, r, f)
			f.client.CloseIdleConnections() // or the end of each story would wait for whether they say more
		})
	}
}

func (f front) request(t *testing.T, r *rig, method string, body io.Reader) *http.Request {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, method, f.scheme+"://"+r.published+"/", body)
	if err != nil {
		t.Fatal(err)
	}
	return request
}

func (f front) do(t *testing.T, request *http.Request) *http.Response {
	t.Helper()
	response, err := f.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if response.ProtoMajor != f.major {
		t.Errorf("spoke %s, want HTTP/%d", response.Proto, f.major)
	}
	return response
}

func TestSaysByWhatAClientSpoke(t *testing.T) {
	said := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Header.Get("X-Forwarded-Proto")) })
	eachFront(t, said, func(t *testing.T, r *rig, f front) {
		got, _ := io.ReadAll(f.do(t, f.request(t, r, "GET", nil)).Body)
		if string(got) != f.scheme {
			t.Errorf("X-Forwarded-Proto %q, want %q", got, f.scheme)
		}
	})
}

// An event reaches its reader before the next one exists.
func TestEventsAreNotHeldBack(t *testing.T) {
	next := make(chan struct{})
	events := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.UserAgent() == "holdfast-check" {
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for n := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", n)
			http.NewResponseController(w).Flush()
			select {
			case <-next:
			case <-r.Context().Done():
			}
		}
	})
	eachFront(t, events, func(t *testing.T, r *rig, f front) {
		body := f.do(t, f.request(t, r, "GET", nil)).Body
		for n := range 3 {
			want := fmt.Sprintf("data: %d\n\n", n)
			got := make([]byte, len(want))
			if _, err := io.ReadFull(body, got); err != nil || string(got) != want {
				t.Fatalf("read %q, %v; want %q", got, err, want)
			}
			next <- struct{}{}
		}
	})
}

// Both directions go on at once and without an end in sight: what is written is
// answered before the rest of it is there.
func TestABodyWithoutEndIsEchoed(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		c.EnableFullDuplex()
		buffer := make([]byte, 1024)
		for {
			n, err := r.Body.Read(buffer)
			w.Write(buffer[:n])
			c.Flush()
			if err != nil {
				return
			}
		}
	})
	eachFront(t, echo, func(t *testing.T, r *rig, f front) {
		if f.major == 1 {
			t.Skip("this client writes all of a body before it reads an answer to its end")
		}
		from, to := io.Pipe()
		request := f.request(t, r, "POST", from)
		answered := make(chan *http.Response, 1)
		go func() {
			defer close(answered)
			if response, err := f.client.Do(request); err == nil {
				answered <- response
			}
		}()
		io.WriteString(to, "first")
		response := <-answered
		if response == nil {
			t.Fatal("no answer while the body is not at its end")
		}
		defer response.Body.Close()
		for _, said := range []string{"first", "second", "third"} {
			if said != "first" {
				io.WriteString(to, said)
			}
			got := make([]byte, len(said))
			if _, err := io.ReadFull(response.Body, got); err != nil || string(got) != said {
				t.Fatalf("heard %q, %v; want %q", got, err, said)
			}
		}
		to.Close()
		if rest, err := io.ReadAll(response.Body); err != nil || len(rest) > 0 {
			t.Errorf("the end: %q, %v", rest, err)
		}
	})
}

func TestTrailersPassBothWaysThroughEveryFront(t *testing.T) {
	sums := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Sum")
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
		w.Header().Set("Sum", "of "+r.Trailer.Get("Sent"))
	})
	eachFront(t, sums, func(t *testing.T, r *rig, f front) {
		request := f.request(t, r, "POST", io.MultiReader(strings.NewReader("abc")))
		request.Trailer = http.Header{"Sent": {"three"}}
		response := f.do(t, request)
		if body, err := io.ReadAll(response.Body); err != nil || string(body) != "abc" {
			t.Fatalf("%q, %v", body, err)
		}
		if got := response.Trailer.Get("Sum"); got != "of three" {
			t.Errorf("trailer %q", got)
		}
	})
}

// A body that waits for 100 Continue is asked for by the replica. Over HTTP/2
// net/http does not tell that a client waits: there the gateway asks at once,
// which it may.
func TestABodyThatWaitsIsAskedFor(t *testing.T) {
	refuses := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Want") == "" {
			w.WriteHeader(http.StatusExpectationFailed)
			return
		}
		io.Copy(w, r.Body)
	})
	eachFront(t, refuses, func(t *testing.T, r *rig, f front) {
		body := &counting{Reader: strings.NewReader("abc")}
		request := f.request(t, r, "POST", body)
		request.Header.Set("Expect", "100-continue")
		if response := f.do(t, request); response.StatusCode != http.StatusExpectationFailed || f.major == 1 && body.read() != 0 {
			t.Errorf("status %d with %d bytes sent", response.StatusCode, body.read())
		}
		request = f.request(t, r, "POST", strings.NewReader("abc"))
		request.Header.Set("Expect", "100-continue")
		request.Header.Set("Want", "it")
		if got, err := io.ReadAll(f.do(t, request).Body); string(got) != "abc" {
			t.Errorf("echoed %q, %v", got, err)
		}
	})
}

type counting struct {
	io.Reader
	mu sync.Mutex
	n  int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += n
	return n, err
}

func (c *counting) read() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// An answer that comes before the end of a request must not close the connection
// that others share.
func TestAnEarlyAnswerLeavesTheOthersAlone(t *testing.T) {
	early := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(http.StatusTeapot)
	})
	r := newRig(t, tableOf(1, newReplica(t, 1, early)))
	r.untilAdmitted(1)
	f := newFront(t, "", "http", 2)
	from, to := io.Pipe()
	defer to.Close()
	response := f.do(t, f.request(t, r, "POST", from))
	if response.Header.Get("Connection") != "" || response.StatusCode != http.StatusTeapot {
		t.Errorf("%d, %v", response.StatusCode, response.Header)
	}
}

// At drain a client is told by GOAWAY; what is in flight is answered.
func TestDrainSaysGoAway(t *testing.T) {
	release, begun := make(chan struct{}), make(chan struct{}, 1)
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			begun <- struct{}{}
			<-release
		}
		io.WriteString(w, "whole")
	})
	r := newRig(t, tableOf(1, newReplica(t, 1, slow)))
	r.untilAdmitted(1)
	transport := &http.Transport{}
	transport.Protocols = &http.Protocols{}
	transport.Protocols.SetUnencryptedHTTP2(true)
	conn, err := transport.NewClientConn(t.Context(), "http", r.published)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	request, _ := http.NewRequest("GET", "http://"+r.published+"/slow", nil)
	told := make(chan string, 1)
	go func() {
		response, err := conn.RoundTrip(request)
		if err != nil {
			told <- err.Error()
			return
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		told <- fmt.Sprint(string(body), err)
	}()
	<-begun
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.end()
	}()
	until := time.After(patience)
	for conn.Available() > 0 {
		select {
		case <-until:
			t.Fatal("the client was not told to go")
		case <-time.After(time.Millisecond):
		}
	}
	close(release)
	if got := <-told; got != "whole<nil>" {
		t.Errorf("in flight: %s", got)
	}
	<-ended
}

func TestACertificateIsChosenByName(t *testing.T) {
	dir := t.TempDir()
	table := tableOf(1, newReplica(t, 1, named("here")))
	table.Secured = map[holdfast.ListenerName][]holdfast.Certificate{
		"catalog:80": {certify(t, dir, "shop.example"), certify(t, dir, "*.wild.example")},
	}
	r := newRig(t, table)
	for asked, want := range map[string]string{
		"shop.example": "shop.example", "a.wild.example": "*.wild.example", "a.b.wild.example": "shop.example", "": "shop.example",
	} {
		if got, err := r.shown(asked); err != nil || got.DNSNames[0] != want {
			t.Errorf("asked for %q: %v, %v; want %s", asked, got, err, want)
		}
	}
	if _, err := tls.Dial("tcp", r.published, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 was spoken")
	}
}

// shown is the certificate that a client of a name is shown.
func (r *rig) shown(name string) (*x509.Certificate, error) {
	c, err := tls.Dial("tcp", r.published, &tls.Config{ServerName: name, InsecureSkipVerify: true})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0], nil
}

// A certificate is renewed in place; one that cannot be read leaves the one
// before in force, and says so.
func TestACertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	pair := certify(t, dir, "shop.example")
	var log lines
	g, err := New(Options{Name: "gw", Dir: t.TempDir(), Log: &log})
	if err != nil {
		t.Fatal(err)
	}
	table := tableOf(1)
	table.Secured = map[holdfast.ListenerName][]holdfast.Certificate{"catalog:80": {pair}}
	if err := g.Apply(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	shown := func() *tls.Certificate {
		t.Helper()
		got, err := g.routing.Load().secured["catalog:80"].choose(&tls.ClientHelloInfo{})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	first := shown()
	rewrite(t, pair.Chain, []byte("half a cert"))
	g.renewAll()
	if log.text() != "" {
		t.Errorf("read while it may still be written: %s", log.text())
	}
	g.renewAll()
	g.renewAll()
	if shown() != first || strings.Count(log.text(), "the one read before stays") != 1 {
		t.Errorf("a broken file: %s", log.text())
	}
	certify(t, dir, "shop.example")
	g.renewAll()
	g.renewAll()
	second := shown()
	if bytes.Equal(second.Certificate[0], first.Certificate[0]) {
		t.Error("the new certificate is not shown")
	}
	table.Revision = 2
	if err := g.Apply(t.Context(), table); err != nil || shown() != second {
		t.Errorf("the next table reads it again: %v", err)
	}
}

func TestWithoutACertificateNobodyIsAnswered(t *testing.T) {
	dir := t.TempDir()
	missing := holdfast.Certificate{Chain: filepath.Join(dir, "shop.example.pem"), Key: filepath.Join(dir, "shop.example.key")}
	table := tableOf(1, newReplica(t, 1, named("here")))
	table.Secured = map[holdfast.ListenerName][]holdfast.Certificate{"catalog:80": {missing}}
	r := newRig(t, table)
	if _, err := r.shown("shop.example"); err == nil {
		t.Fatal("a handshake without a certificate")
	}
	if _, err := r.do("GET", r.published, "/", nil); err == nil {
		if got := r.get("/"); got.status == http.StatusOK {
			t.Error("answered in clear text")
		}
	}
	certify(t, dir, "shop.example")
	deadline := time.Now().Add(patience)
	for {
		_, err := r.shown("shop.example")
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("never read: %v", err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

type lines struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.String()
}

// certify writes a self-signed certificate for a name.
func certify(t testing.TB, dir, name string) holdfast.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	serial, wrong := rand.Int(rand.Reader, big.NewInt(1<<62))
	raw, unpacked := x509.MarshalPKCS8PrivateKey(key)
	template := &x509.Certificate{SerialNumber: serial, DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	signed, unsigned := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err := errors.Join(err, wrong, unpacked, unsigned); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, strings.ReplaceAll(name, "*", "any"))
	pair := holdfast.Certificate{Chain: file + ".pem", Key: file + ".key"}
	rewrite(t, pair.Chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}))
	rewrite(t, pair.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
	return pair
}

// rewrite replaces a file, as who renews certificates does: by another one.
func rewrite(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}
