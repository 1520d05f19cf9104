package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"holdfast/bench/conformance/websocket/talk"
)

// An edge is what no library does by itself.
type edge struct {
	name string
	play func(base string) error
}

func edges(idle time.Duration) []edge {
	return []edge{
		{name: "one direction ends", play: halfClosed},
		{name: fmt.Sprintf("nothing for %s", idle), play: func(base string) error { return silent(base, idle) }},
		{name: "CONNECT over HTTP/2 (RFC 8441) is not offered, and refused", play: extended},
	}
}

// halfClosed ends what the client says without a goodbye. The server hears the
// end, and its own end is heard.
func halfClosed(base string) error {
	s, err := open(base + "/echo")
	if err != nil {
		return err
	}
	defer s.Close()
	s.Write(frame{op: text, payload: []byte("last")}.bytes())
	if err := s.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return err
	}
	began := time.Now()
	var h heard
	err = s.listen(2, &h)
	if len(h.said) != 1 || err == nil || time.Since(began) > soon {
		return fmt.Errorf("heard %q, %v, after %s", h.said, err, time.Since(began))
	}
	return nil
}

// silent says nothing for longer than a connection may lie idle between requests.
func silent(base string, idle time.Duration) error {
	return within(idle+patience, talk.Libraries()[0], base+"/echo", false, func(t talk.Talker) error {
		if err := same(t, talk.Text, []byte("before")); err != nil {
			return err
		}
		<-time.After(idle)
		return same(t, talk.Text, []byte("after"))
	})
}

// extended asks for a WebSocket over HTTP/2, which nobody offered.
func extended(base string) error {
	u, err := url.Parse(base)
	if err != nil {
		return err
	}
	c, err := net.DialTimeout("tcp", u.Host, patience)
	if err != nil {
		return err
	}
	defer c.Close()
	if u.Scheme == "wss" {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	}
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, http2.ClientPreface)
	f := http2.NewFramer(c, c)
	f.WriteSettings()
	var block bytes.Buffer
	head := hpack.NewEncoder(&block)
	for _, field := range [][2]string{{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "https"}, {":path", "/echo"},
		{":authority", u.Host}, {"sec-websocket-version", "13"}} {
		head.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true})
	for {
		got, err := f.ReadFrame()
		if err != nil {
			return err
		}
		switch got := got.(type) {
		case *http2.SettingsFrame:
			if n, _ := got.Value(http2.SettingEnableConnectProtocol); n != 0 {
				return errors.New("it is offered")
			}
		case *http2.RSTStreamFrame:
			if got.ErrCode != http2.ErrCodeProtocol {
				return fmt.Errorf("reset with %s", got.ErrCode)
			}
			return nil
		case *http2.HeadersFrame, *http2.DataFrame, *http2.GoAwayFrame:
			return fmt.Errorf("answered with %s", got)
		}
	}
}
