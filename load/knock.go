package load

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"time"
)

// maxReply bounds what is read of a bare answer before it has to have come.
const maxReply = 64 << 10

// knock connects, says what a target is told, and waits for what it must say. It
// is always a connection of its own: of what goes over it nothing is understood,
// so nothing tells whether another could follow.
func (r *route) knock(ctx context.Context, deadline time.Time) error {
	dialer := net.Dialer{Deadline: deadline, KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, "tcp", r.address)
	if err != nil {
		return step("connect", err)
	}
	defer conn.Close()
	conn.SetDeadline(deadline)
	cut := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer cut()
	if _, err := io.WriteString(conn, r.bare.Send); err != nil {
		return step("send", err)
	}
	if err := hear(conn, []byte(r.bare.Expect)); err != nil {
		return step("answer", err)
	}
	return nil
}

// hear reads until words have come.
func hear(conn io.Reader, words []byte) error {
	var heard []byte
	var part [1 << 10]byte
	for !bytes.Contains(heard, words) {
		n, err := conn.Read(part[:])
		heard = append(heard, part[:n]...)
		switch {
		case bytes.Contains(heard, words):
		case err != nil:
			return err
		case len(heard) > maxReply:
			return fmt.Errorf("%d bytes without the words", len(heard))
		}
	}
	return nil
}
