// Package rig starts a system with the gateway before it, as a person does, for
// suites that speak to it.
package rig

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Patience is how long a system has to come up on a busy machine.
const Patience = time.Minute

// A System runs in a folder of its own. End must be called.
type System struct {
	Dir string
	up  *exec.Cmd
	log *os.File
}

// Start builds the program and the services, which are packages of this module,
// writes the file and a certificate beside it, and starts what the file says. It
// waits until what each address asks for is answered well.
func Start(ctx context.Context, file string, services []string, addresses ...string) (*System, error) {
	dir, err := os.MkdirTemp("", "holdfast-conformance-")
	if err != nil {
		return nil, err
	}
	s := &System{Dir: dir}
	if err := s.start(ctx, file, services); err != nil {
		s.End()
		return nil, err
	}
	for _, address := range addresses {
		if err := s.answers(ctx, address); err != nil {
			s.End()
			return nil, err
		}
	}
	return s, nil
}

func (s *System) start(ctx context.Context, file string, services []string) error {
	if err := build(ctx, "../..", filepath.Join(s.Dir, "holdfast"), "./cmd/holdfast"); err != nil {
		return err
	}
	for _, service := range services {
		if err := build(ctx, ".", filepath.Join(s.Dir, filepath.Base(service)), service); err != nil {
			return err
		}
	}
	pair, err := Certificate("localhost")
	if err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return err
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(s.Dir, "site.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}), 0o600),
		os.WriteFile(filepath.Join(s.Dir, "site.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600),
		os.WriteFile(filepath.Join(s.Dir, "holdfast.yaml"), []byte(file), 0o600))
	if err != nil {
		return err
	}
	if s.log, err = os.Create(filepath.Join(s.Dir, "up.log")); err != nil {
		return err
	}
	s.up = exec.CommandContext(ctx, "./holdfast", "up", "holdfast.yaml")
	s.up.Dir, s.up.Stdout, s.up.Stderr = s.Dir, s.log, s.log
	s.up.Cancel = func() error { return s.up.Process.Signal(os.Interrupt) }
	return s.up.Start()
}

// build runs where this module is, or above it.
func build(ctx context.Context, where, to, what string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", to, what)
	cmd.Dir = where
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", what, err, said)
	}
	return nil
}

func (s *System) answers(ctx context.Context, address string) error {
	bounded, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	for {
		if answer, err := (&http.Client{Transport: transport}).Get(address); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-bounded.Done():
			return fmt.Errorf("no good answer at %s:\n%s", address, s.Said())
		case <-tick.C:
		}
	}
}

// Said is what the program printed so far.
func (s *System) Said() string {
	said, _ := os.ReadFile(s.log.Name())
	return string(said)
}

// End stops the system and takes its folder away.
func (s *System) End() {
	if s.up != nil && s.up.Process != nil {
		s.up.Process.Signal(os.Interrupt)
		s.up.Wait()
	}
	if s.log != nil {
		s.log.Close()
	}
	os.RemoveAll(s.Dir)
}

// Certificate is a self-signed one, for an hour.
func Certificate(name string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{signed}, PrivateKey: key}, err
}
