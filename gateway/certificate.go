package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"os"
	"sync/atomic"
	"time"

	"holdfast"
)

// renewEvery is how often the files of certificates are looked at. Whoever
// replaces them has weeks for it; a second is what a person waits who has just
// done so.
const renewEvery = time.Second

// A secured listener speaks TLS. Handshakes read its certificates, the keeping
// goroutine replaces them: those of a connection that is open stay.
type secured struct {
	files []*certified
	tls   *tls.Config
}

// A certified is a chain and its key, as they lie on disk. A pair of which one
// half was replaced already does not fit: it is read when neither has changed
// between two looks, and what was read before stays in force until then.
type certified struct {
	holdfast.Certificate
	loaded atomic.Pointer[tls.Certificate] // nil until it could be read once
	seen   stamps                          // at the last look; of the goroutine that looks
	tried  stamps                          // of what was read last, well or not
	begun  bool
}

// stamps tell whether files are still those that were read.
type stamps [2]struct {
	changed time.Time
	size    int64
}

// newSecured reads the certificates of a listener. One that cannot be read is
// looked for again: until then the others answer, or none does.
func (g *Gateway) newSecured(listener holdfast.ListenerName, certificates []holdfast.Certificate) *secured {
	s := &secured{}
	for _, named := range certificates {
		c := &certified{Certificate: named}
		g.renew(listener, c)
		s.files = append(s.files, c)
	}
	// What is not said here is the standard library's, which is kept sound with
	// the toolchain: suites, curves, tickets and their rotation.
	s.tls = &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: s.choose,
	}
	return s
}

const errNoCertificate = holdfast.Refusal("no certificate could be read yet")

// choose is the first certificate that fits what a client can do and the name it
// asks for; with none that fits, the first: a person can look at what is wrong
// with it.
func (s *secured) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	var first *tls.Certificate
	for _, c := range s.files {
		loaded := c.loaded.Load()
		if loaded == nil {
			continue
		}
		if hello.SupportsCertificate(loaded) == nil {
			return loaded, nil
		}
		if first == nil {
			first = loaded
		}
	}
	if first == nil {
		return nil, errNoCertificate
	}
	return first, nil
}

// renew reads a certificate whose files have changed and lie still.
func (g *Gateway) renew(listener holdfast.ListenerName, c *certified) {
	at, err := c.look()
	still := !c.begun || at == c.seen
	c.seen = at
	if c.begun && (!still || at == c.tried) {
		return
	}
	c.begun, c.tried = true, at
	if err == nil {
		err = c.load()
	}
	switch {
	case err == nil:
	case c.loaded.Load() != nil:
		g.log.say("%s: the new certificate is not used, the one read before stays: %v", listener, err)
	default:
		g.log.say("%s: nobody is answered with this certificate until its files can be read: %v", listener, err)
	}
}

func (c *certified) load() error {
	pair, err := tls.LoadX509KeyPair(c.Chain, c.Key)
	if err != nil {
		return err
	}
	c.loaded.Store(&pair)
	return nil
}

func (c *certified) look() (at stamps, err error) {
	for i, path := range []string{c.Chain, c.Key} {
		info, wrong := os.Stat(path)
		if wrong != nil {
			err = errors.Join(err, wrong)
			continue
		}
		at[i].changed, at[i].size = info.ModTime(), info.Size()
	}
	return at, err
}

// keepSecured looks at the files of all certificates until ctx ends.
func (g *Gateway) keepSecured(ctx context.Context) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			g.renewAll()
		}
	}
}

func (g *Gateway) renewAll() {
	g.securing.Lock()
	defer g.securing.Unlock()
	for listener, s := range g.routing.Load().secured {
		for _, c := range s.files {
			g.renew(listener, c)
		}
	}
}

// secure makes the secured listeners those of a table, and keeps what was read
// for the same files.
func (g *Gateway) secure(table holdfast.RoutingTable) map[holdfast.ListenerName]*secured {
	g.securing.Lock()
	defer g.securing.Unlock()
	before := g.routing.Load().secured
	next := make(map[holdfast.ListenerName]*secured, len(table.Secured))
	for listener, certificates := range table.Secured {
		if old := before[listener]; old != nil && old.of(certificates) {
			next[listener] = old
			continue
		}
		next[listener] = g.newSecured(listener, certificates)
	}
	return next
}

func (s *secured) of(certificates []holdfast.Certificate) bool {
	if len(s.files) != len(certificates) {
		return false
	}
	for i, c := range s.files {
		if c.Certificate != certificates[i] {
			return false
		}
	}
	return true
}
