package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// asked is a request as a program sends it: six headers, no body.
const asked = "GET /item/7 HTTP/1.1\r\nHost: bench\r\nUser-Agent: holdfast-bench/1\r\nAccept: */*\r\n" +
	"Accept-Language: en\r\nX-Forwarded-Proto: http\r\nCookie: session=0123456789abcdef\r\n\r\n"

// answerLength is how long the quick replicas' answers are.
const answerLength = 1 << 10

// hammered is what a hammer says at its end.
type hammered struct {
	Requests int64         `json:"requests"`
	Failed   int64         `json:"failed"`
	Took     time.Duration `json:"took"`
}

// hammer asks as fast as it is answered, over as many kept connections as it is
// told: ADDRESS CONNECTIONS DURATION. This model is closed: it is for what a
// request costs, never for what a user waits.
func hammer(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return errors.New("hammer ADDRESS CONNECTIONS DURATION")
	}
	connections, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	length, err := time.ParseDuration(args[2])
	if err != nil {
		return err
	}
	var requests, failed atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	ctx, enough := context.WithDeadline(ctx, began.Add(length))
	defer enough()
	for range connections {
		all.Go(func() {
			for ctx.Err() == nil {
				done, err := strike(ctx, args[0])
				if requests.Add(done); err != nil && ctx.Err() == nil {
					failed.Add(1)
				}
			}
		})
	}
	all.Wait()
	return json.NewEncoder(os.Stdout).Encode(hammered{Requests: requests.Load(), Failed: failed.Load(), Took: time.Since(began)})
}

// strike asks over one connection until it breaks or ctx ends.
func strike(ctx context.Context, address string) (done int64, err error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	cut := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer cut()
	in := bufio.NewReader(c)
	for ctx.Err() == nil {
		last, err := askOnce(c, in)
		if err != nil {
			return done, err
		}
		if done++; last {
			break
		}
	}
	return done, nil
}

// askOnce asks and reads the answer; last is an announced end of the connection.
func askOnce(c io.Writer, in *bufio.Reader) (last bool, err error) {
	if _, err := io.WriteString(c, asked); err != nil {
		return false, err
	}
	status, err := in.ReadString('\n')
	if err != nil {
		return false, err
	}
	if !strings.HasPrefix(status, "HTTP/1.1 200") {
		return false, fmt.Errorf("answered %q", status)
	}
	length, last, err := readFields(in)
	if err != nil {
		return false, err
	}
	if length != answerLength {
		return false, fmt.Errorf("an answer of %d bytes, and the replicas' have %d", length, answerLength)
	}
	_, err = in.Discard(length)
	return last, err
}

// readFields reads an answer's fields and keeps two of them: whoever measures
// must not cost more than what is measured.
func readFields(in *bufio.Reader) (length int, last bool, err error) {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil || len(line) == len("\r\n") {
			return length, last, err
		}
		name, value, _ := strings.Cut(string(line), ":")
		switch value = strings.TrimSpace(value); {
		case strings.EqualFold(name, "Content-Length"):
			if length, err = strconv.Atoi(value); err != nil {
				return 0, false, err
			}
		case strings.EqualFold(name, "Connection"):
			last = strings.EqualFold(value, "close")
		}
	}
}

// hold keeps connections open, each of which was answered once: ADDRESS
// CONNECTIONS. It says "held" when they are there. With a line of input each asks
// again, for a connection that was closed meanwhile would have cost nothing, and
// it says so; with its end it ends.
func hold(_ context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("hold ADDRESS CONNECTIONS")
	}
	connections, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	all := make([]net.Conn, connections)
	for n := range all {
		if all[n], err = net.Dial("tcp", args[0]); err != nil {
			return fmt.Errorf("connection %d: %w", n+1, err)
		}
		defer all[n].Close()
		if err := askAlone(all[n]); err != nil {
			return fmt.Errorf("connection %d: %w", n+1, err)
		}
	}
	fmt.Println("held")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		for n, c := range all {
			if err := askAlone(c); err != nil {
				return fmt.Errorf("connection %d, again: %w", n+1, err)
			}
		}
		fmt.Println("asked")
	}
	return nil
}

// askAlone asks once and leaves nothing of the answer unread.
func askAlone(c net.Conn) error {
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, asked); err != nil {
		return err
	}
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	got, err := io.Copy(io.Discard, response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || got != answerLength) {
		err = fmt.Errorf("answered %s with %d bytes", response.Status, got)
	}
	return err
}
