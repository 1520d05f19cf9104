package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
)

// maxHeard bounds what is read of a bare answer before its words have to have
// come.
const maxHeard = 4 << 10

// secure speaks TLS on a connection from here on, to the host of an address, as
// this machine's certificates know it. Only checks do: what is carried to a
// replica is plain, and a service that speaks TLS is only observed.
func (c *conn) secure(ctx context.Context, address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	secured := tls.Client(c.Conn, &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12})
	if err := secured.HandshakeContext(ctx); err != nil {
		return err
	}
	c.Conn = secured
	return nil
}

// speak says what a service that speaks no HTTP is told, and waits for what it
// must say. A connection alone says nothing of it: the kernel accepts for a
// process that is stopped.
func (c *conn) speak(send, expect string) error {
	if send != "" {
		if _, err := io.WriteString(c.out, send); err != nil {
			return err
		}
		if err := c.out.Flush(); err != nil {
			return err
		}
	}
	var heard []byte
	for !bytes.Contains(heard, []byte(expect)) {
		if len(heard) >= maxHeard {
			return fmt.Errorf("%d bytes and not the words", len(heard))
		}
		one, err := c.in.ReadByte()
		if err != nil {
			return err
		}
		heard = append(heard, one)
	}
	return nil
}
