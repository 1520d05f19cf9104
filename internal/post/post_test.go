package post

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"holdfast"
)

// Names are not answered for: it may be tried again, and the address, which may be a
// secret, is not told.
func TestNoNameIsAnsweredFor(t *testing.T) {
	gone := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "server misbehaving", Name: "hooks.example.com", IsTemporary: true}}
	p := &Poster{Channel: holdfast.Channel{Address: "https://hooks.example.com/T000/secret"}, client: &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, gone }}}}
	_, err := p.JSON(t.Context(), "", nil, nil)
	var dns *net.DNSError
	if err == nil || errors.Is(err, holdfast.ErrRejected) || !errors.As(err, &dns) || strings.Contains(err.Error(), "secret") {
		t.Errorf("it said %v", err)
	}
}

// A token that is revoked will not become good by trying.
func TestARevokedTokenIsRejected(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone} {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		p := New(holdfast.Channel{Address: holdfast.Place(web.URL)}, nil)
		if _, err := p.JSON(t.Context(), "", nil, nil); !errors.Is(err, holdfast.ErrRejected) {
			t.Errorf("%d: %v", status, err)
		}
		p.Close()
		web.Close()
	}
}
