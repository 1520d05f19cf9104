package smtp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/notify/notifytest"
)

// beyond is a server as one that is not on this machine: 0.0.0.0 leads to loopback,
// and is no name of it that we know.
func (s *server) beyond() holdfast.Place {
	_, port, _ := strings.Cut(s.listener.Addr().String(), ":")
	return holdfast.Place("0.0.0.0:" + port)
}

func channel(address holdfast.Place) holdfast.Channel {
	return holdfast.Channel{Kind: holdfast.ChannelSMTP, Address: address, From: "holdfast@example.com", User: "holdfast", Secret: "env:MAIL"}
}

func send(t *testing.T, address holdfast.Place) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := New(channel(address), notifytest.Secrets).Send(ctx, notifytest.Trouble())
	return err
}

// Beyond this machine nothing is said of an incident, nor a password, in clear: not
// where TLS is not offered, and not to who cannot show a certificate that this
// machine trusts.
func TestNothingIsSentInClearBeyondThisMachine(t *testing.T) {
	for name, config := range map[string]*tls.Config{"no TLS": nil, "signed by itself": certificate(t)} {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			s.tls = config
			err := send(t, s.beyond())
			if err == nil {
				t.Fatal("it was sent")
			}
			t.Log(err)
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.took) > 0 || slices.ContainsFunc(s.plain, func(verb string) bool {
				return !slices.Contains([]string{"EHLO", "HELO", "STARTTLS", "QUIT", "RSET", "NOOP"}, verb)
			}) {
				t.Errorf("in clear came %q, and %d mails", s.plain, len(s.took))
			}
		})
	}
}

// certificate is one that its server signed itself.
func certificate(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4zero}, IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, &about, &about, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
}

// A mail server on this machine has, as it is installed, a certificate that nobody
// signed; there is nobody between it and us.
func TestOnThisMachineAnyCertificateWillDo(t *testing.T) {
	s := serve(t)
	s.tls = certificate(t)
	if err := send(t, holdfast.Place(s.listener.Addr().String())); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.took) != 1 || slices.Contains(s.plain, "AUTH") {
		t.Errorf("%d mails came, and in clear %q", len(s.took), s.plain)
	}
}

// Who trusts a certificate of their own puts it where this machine keeps those it
// trusts, or names its file in SSL_CERT_FILE: the pool is read once, so another
// process tries it.
func TestACertificateOfOnesOwnIsTrustedAsTheMachineTrustsIt(t *testing.T) {
	if address := os.Getenv("HOLDFAST_TEST_SMTP"); address != "" {
		if err := send(t, holdfast.Place(address)); err != nil {
			t.Fatal(err)
		}
		return
	}
	if runtime.GOOS == "darwin" {
		t.Skip("there the machine's own keychain is asked, and no file")
	}
	s := serve(t)
	s.tls = certificate(t)
	file := filepath.Join(t.TempDir(), "own.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.tls.Certificates[0].Certificate[0]})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	again.Env = append(os.Environ(), "HOLDFAST_TEST_SMTP="+string(s.beyond()), "SSL_CERT_FILE="+file, "SSL_CERT_DIR="+t.TempDir())
	if said, err := again.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.took) != 1 || slices.Contains(s.plain, "AUTH") || slices.Contains(s.plain, "MAIL") {
		t.Errorf("%d mails came, and in clear %q", len(s.took), s.plain)
	}
}
