package gateway

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// upgrade answers with 101 and from then on carries bytes both ways. What was a
// request is a stream now: no deadline holds, and it ends when its ends do, or
// when the gateway's drain time is over.
func (x *exchange) upgrade(a *try) {
	client, buffered, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		x.failed = true
		panic(http.ErrAbortHandler)
	}
	x.hijacked = true
	client, held := unwrapped(client)
	x.answers(http.StatusSwitchingProtocols)
	defer client.Close()
	client.SetDeadline(time.Time{})
	a.conn.SetDeadline(time.Time{})
	fields := http.Header{}
	copyFields(fields, &a.head)
	fields.Del("Content-Length") // it has none, whatever the replica says
	fields.Set("Connection", "Upgrade")
	fields.Set("Upgrade", a.head.get("Upgrade"))
	buffered.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	fields.Write(buffered)
	buffered.WriteString("\r\n")
	if buffered.Flush() != nil {
		return
	}
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	from := io.Reader(client)
	if early = slices.Concat(early, held); len(early) > 0 {
		from = io.MultiReader(bytes.NewReader(early), client)
	}
	x.gateway.duplex(side{Conn: client, from: from}, side{Conn: a.conn.Conn, from: a.conn.source()})
}

// requireUpgrade says to what a client has to switch before it is answered: the
// field is for one connection, and 426 is nothing without it (RFC 9110, 15.5.22).
func requireUpgrade(h http.Header, to string) {
	if to != "" && !listed([]string{to}, "h2c") { // which is never granted
		h.Set("Upgrade", to)
		h.Add("Connection", "Upgrade")
	}
}

// A side is one end of a stream, and what is still to be read from it.
type side struct {
	net.Conn
	from io.Reader
}

// duplex carries bytes both ways until both directions have ended. An orderly
// end of one direction is passed on as such (half-close) and the other goes on;
// a broken one ends both.
func (g *Gateway) duplex(a, b side) {
	defer g.flights.stream(a)()
	defer g.flights.stream(b)()
	var group sync.WaitGroup
	group.Go(func() { pour(a, b) })
	pour(b, a)
	group.Wait()
}

func pour(to, from side) {
	_, err := io.Copy(to.Conn, from.from)
	half, can := to.Conn.(interface{ CloseWrite() error })
	if err != nil || !can || half.CloseWrite() != nil {
		to.Close()
		from.Close()
	}
}
