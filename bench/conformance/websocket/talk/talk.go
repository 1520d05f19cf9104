// Package talk lets libraries that know nothing of each other speak WebSocket in
// one way, as clients and as servers.
package talk

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Kinds of messages, as they are on the wire.
const (
	Text   = 1
	Binary = 2
)

// Largest is the longest message that is read.
const Largest = 20 << 20

// A Talker is one end of a WebSocket. One may read while another writes.
type Talker interface {
	Read() (kind int, message []byte, err error)
	Write(kind int, parts ...[]byte) error // one message; each part a frame where the library lets us
	Ping() error                           // waits for the pong; somebody has to read meanwhile
	Close(code int, reason string) error   // says goodbye, and hears it where the library waits for it
	Cut()
	Protocol() string
	Until(at time.Time)
}

// A Closed is the other end's goodbye.
type Closed struct {
	Code   int
	Reason string
}

func (c Closed) Error() string { return fmt.Sprintf("closed with %d %q", c.Code, c.Reason) }

// A Library can be either end.
type Library struct {
	Name     string
	Deflates bool
	Accept   func(http.ResponseWriter, *http.Request) (Talker, error)
	Dial     func(ctx context.Context, url string, protocols []string, deflate bool) (Talker, *http.Response, error)
}

// Protocols are those that servers know, the better one first.
func Protocols() []string { return []string{"chat.v2", "chat.v1"} }

// Libraries are all there are.
func Libraries() []Library { return []Library{coder(), gorilla(), gobwas()} }

// pongIn bounds the wait for a pong.
const pongIn = 20 * time.Second
