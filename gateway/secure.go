package gateway

import (
	"context"
	"crypto/tls"
	"net"
)

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
