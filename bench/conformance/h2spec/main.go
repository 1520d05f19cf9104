// Command h2spec runs h2spec against the gateway, in clear text and over TLS, and
// against Go's own HTTP server, which the gateway stands on:
//
//	go -C bench/conformance run ./h2spec
//
// What fails for both is the standard library's. What fails for the gateway alone
// is ours, and the command fails.
package main

import (
	"context"
	"crypto/tls"
	"encoding/xml"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"github.com/summerwind/h2spec"
	"github.com/summerwind/h2spec/config"

	"holdfast/bench/conformance/rig"
)

const file = `name: h2spec
owner: bench
gateway:
  listen: ["18943"]
  tls: [{certificate: site.pem, key: site.key}]
  routes: [{service: page}]
services:
  page:
    command: ./page
    replicas: 2
    ports: ["18940"]
`

// A peer is somebody who is asked.
type peer struct {
	name string
	port int
	tls  bool
	bare *peer // the standard library in the same dress
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ours, err := run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if err != nil || ours > 0 {
		os.Exit(1)
	}
}

func run(ctx context.Context) (ours int, err error) {
	system, err := rig.Start(ctx, file, []string{"./h2spec/page"}, "https://127.0.0.1:18943/")
	if err != nil {
		return 0, err
	}
	defer system.End()
	clear, secret, end, err := bare()
	if err != nil {
		return 0, err
	}
	defer end()
	for _, p := range []peer{
		{name: "the gateway in clear text", port: 18940, bare: &peer{name: "net/http in clear text", port: clear}},
		{name: "the gateway over TLS", port: 18943, tls: true, bare: &peer{name: "net/http over TLS", port: secret, tls: true}},
	} {
		all, failed, err := p.ask(system.Dir)
		if err != nil {
			return ours, err
		}
		_, theirs, err := p.bare.ask(system.Dir)
		if err != nil {
			return ours, err
		}
		fmt.Printf("%s: %d of %d pass\n", p.name, all-len(failed), all)
		for _, name := range failed {
			whose := "so it does for net/http"
			if !slices.Contains(theirs, name) {
				ours++
				whose = "and not for net/http"
			}
			fmt.Printf("  fails, %s: %s\n", whose, name)
		}
		for _, name := range theirs {
			if !slices.Contains(failed, name) {
				fmt.Printf("  passes, and fails for net/http: %s\n", name)
			}
		}
	}
	return ours, nil
}

// bare serves the same page by the standard library alone.
func bare() (clear, secret int, end func(), err error) {
	pair, err := rig.Certificate("localhost")
	if err != nil {
		return 0, 0, nil, err
	}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Protocols: protocols,
		ErrorLog:  log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			io.WriteString(w, "a page of some length\n")
		}),
	}
	a, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, 0, nil, err
	}
	b, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		a.Close()
		return 0, 0, nil, err
	}
	go server.Serve(a)
	go server.ServeTLS(b, "", "")
	return a.Addr().(*net.TCPAddr).Port, b.Addr().(*net.TCPAddr).Port, func() { server.Close() }, nil
}

// ask runs all of h2spec, and returns how many cases there are and which failed.
func (p *peer) ask(dir string) (all int, failed []string, err error) {
	out := filepath.Join(dir, "report.xml")
	said := os.Stdout
	if os.Stdout, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0); err != nil { // it tells its story there
		return 0, nil, err
	}
	_, err = h2spec.Run(&config.Config{
		Host: "127.0.0.1", Port: p.port, Path: "/", Timeout: 2 * time.Second, MaxHeaderLen: 4000,
		TLS: p.tls, Insecure: true, Strict: true, JUnitReport: out,
	})
	os.Stdout.Close()
	if os.Stdout = said; err != nil {
		return 0, nil, err
	}
	return read(out)
}

func read(path string) (all int, failed []string, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, nil, err
	}
	var report struct {
		Suites []struct {
			Cases []struct {
				Package string    `xml:"package,attr"`
				Name    string    `xml:"classname,attr"`
				Failure *struct{} `xml:"failure"`
				Error   *struct{} `xml:"error"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &report); err != nil {
		return 0, nil, err
	}
	for _, suite := range report.Suites {
		for _, c := range suite.Cases {
			if all++; c.Failure != nil || c.Error != nil {
				failed = append(failed, c.Package+": "+c.Name)
			}
		}
	}
	return all, failed, nil
}
