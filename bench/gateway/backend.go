package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// service is how long a replica works on a request.
const service = 2 * time.Millisecond

// idHeader carries a request's id, which no two requests share.
const idHeader = "Bench-Id"

// A slow replica answers after its service time, writes down whom, and can be
// made to fail. Its health path is green whatever is done to it.
type slow struct {
	log    *os.File
	errors atomic.Int64 // of a hundred answers
	delay  atomic.Int64 // of every answer but the health check's; nanoseconds
	served atomic.Int64
}

// serveSlowly is a replica's process: the address it listens on, and the file it
// writes the ids to. What it is to do wrong comes on its input: "errors 30",
// "delay 1s"; where the input ends it ends.
func serveSlowly(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("backend ADDRESS LOG")
	}
	// Appending, so that a replica that was killed and started again goes on.
	log, err := os.OpenFile(args[1], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	s := &slow{log: log}
	server := &http.Server{Addr: args[0], Handler: s}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	told := make(chan struct{})
	go func() {
		defer close(told)
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			s.told(lines.Text())
		}
	}()
	select {
	case err := <-ended:
		return err
	case <-told:
	case <-ctx.Done():
	}
	return server.Close()
}

func (s *slow) told(line string) {
	what, much, _ := strings.Cut(line, " ")
	switch what {
	case "errors":
		n, _ := strconv.ParseInt(much, 10, 64)
		s.errors.Store(n)
	case "delay":
		d, _ := time.ParseDuration(much)
		s.delay.Store(int64(d))
	}
}

// ServeHTTP writes the id down before anything else: what was begun was carried
// out, whatever is answered.
func (s *slow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" {
		return
	}
	if id := r.Header.Get(idHeader); id != "" {
		fmt.Fprintln(s.log, id)
	}
	time.Sleep(service + time.Duration(s.delay.Load()))
	// Steps of 61, prime to a hundred, spread the failing ones evenly.
	if n := s.served.Add(1); n*61%100 < s.errors.Load() {
		http.Error(w, "broken", http.StatusInternalServerError)
		return
	}
	fmt.Fprintln(w, answered)
}

// serveQuickly is every replica of the parts without faults, in one process that
// costs as little as it can: whatever is asked, it answers the same.
func serveQuickly(ctx context.Context, args []string) error {
	answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", answerLength, strings.Repeat("x", answerLength))
	ended := make(chan error, len(args))
	for _, address := range args {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		defer l.Close()
		go func() { ended <- answerAll(l, answer) }()
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return nil
	}
}

func answerAll(l net.Listener, answer []byte) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go answerOne(c, answer)
	}
}

// answerOne answers what ends in an empty line and has no body.
func answerOne(c net.Conn, answer []byte) {
	defer c.Close()
	buffer, have := make([]byte, 8<<10), 0
	for {
		n, err := c.Read(buffer[have:])
		if err != nil {
			return
		}
		if have += n; !bytes.HasSuffix(buffer[:have], []byte("\r\n\r\n")) {
			if have == len(buffer) {
				return
			}
			continue
		}
		have = 0
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}
