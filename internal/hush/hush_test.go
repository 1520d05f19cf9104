package hush

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
)

func TestNoFormOfASecretIsSaid(t *testing.T) {
	const token, address = "s3cret/&<token>", "https://ana:pass-phrase@hooks.example.com/services/T0001234/B0005678?key=a%20longer%20key"
	var s Secrets
	s.Add("")
	s.Add(token)
	s.AddAddress(address)
	for _, said := range []string{
		token, url.QueryEscape(token), url.PathEscape(token), "s3cret/&amp;&lt;token&gt;", `s3cret/\u0026\u003ctoken\u003e`, base64.StdEncoding.EncodeToString([]byte(token)),
		address, "POST /services/T0001234/B0005678?key=a%20longer%20key HTTP/1.1", "no hook B0005678", "no key a longer key", "pass-phrase", "a+longer+key",
	} {
		text := s.Text("it said " + said + ".")
		for _, part := range []string{"s3cret", "token", "T0001234", "B0005678", "longer", "phrase", base64.StdEncoding.EncodeToString([]byte(token))[:8]} {
			if strings.Contains(text, part) {
				t.Errorf("%q is told as %q", said, text)
			}
		}
		if !strings.HasPrefix(text, "it said ") || !strings.HasSuffix(text, ".") {
			t.Errorf("%q is told as %q", said, text)
		}
	}
}

// Words that every address has are none: what is said stays readable.
func TestWhatIsNoSecretIsSaid(t *testing.T) {
	var s Secrets
	s.AddAddress("https://hooks.example.com/api/v2/")
	const said = "404: there is no api v2 here"
	if text := s.Text(said); text != said {
		t.Errorf("it is told as %q", text)
	}
	if err := io.ErrUnexpectedEOF; s.Error(err) != err || s.Error(nil) != nil {
		t.Error("an error is another one")
	}
}

func TestAnErrorStaysWhatItIs(t *testing.T) {
	var s Secrets
	s.Add("hunter2hunter2")
	err := s.Error(fmt.Errorf("no hunter2hunter2: %w", io.EOF))
	if err.Error() != "no "+Gone+": EOF" || !errors.Is(err, io.EOF) {
		t.Errorf("it is %v", err)
	}
}
