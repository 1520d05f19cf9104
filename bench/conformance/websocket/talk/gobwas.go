package talk

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

func gobwas() Library {
	return Library{
		Name: "gobwas",
		Accept: func(w http.ResponseWriter, r *http.Request) (Talker, error) {
			known := func(asked string) bool { return asked == "chat.v2" || asked == "chat.v1" }
			c, both, hands, err := ws.HTTPUpgrader{Protocol: known}.Upgrade(r, w)
			if err != nil {
				return nil, err
			}
			return gobbed(c, both.Reader, hands, ws.StateServerSide), nil
		},
		Dial: func(ctx context.Context, url string, protocols []string, _ bool) (Talker, *http.Response, error) {
			answer := &http.Response{}
			d := ws.Dialer{
				TLSConfig: &tls.Config{InsecureSkipVerify: true}, Protocols: protocols,
				OnStatusError: func(status int, reason []byte, in io.Reader) {
					if whole, err := http.ReadResponse(bufio.NewReader(in), nil); err == nil {
						body, _ := io.ReadAll(whole.Body)
						whole.Body = io.NopCloser(bytes.NewReader(body))
						answer = whole
					}
				},
			}
			c, in, hands, err := d.Dial(ctx, url)
			if err != nil {
				return nil, answer, err
			}
			if in == nil {
				in = bufio.NewReader(c)
			}
			return gobbed(c, in, hands, ws.StateClientSide), answer, nil
		},
	}
}

type gobwasTalker struct {
	net.Conn
	hands ws.Handshake
	state ws.State
	in    wsutil.Reader
	pongs chan struct{}
}

func gobbed(c net.Conn, in *bufio.Reader, hands ws.Handshake, state ws.State) Talker {
	t := &gobwasTalker{Conn: c, hands: hands, state: state, pongs: make(chan struct{}, 1)}
	t.in = wsutil.Reader{Source: in, State: state, CheckUTF8: true, MaxFrameSize: Largest, OnIntermediate: t.control}
	return t
}

func (t *gobwasTalker) control(h ws.Header, r io.Reader) error {
	if h.OpCode == ws.OpPong {
		select {
		case t.pongs <- struct{}{}:
		default:
		}
	}
	return wsutil.ControlFrameHandler(t.Conn, t.state)(h, r)
}

func (t *gobwasTalker) Read() (int, []byte, error) {
	kind, message, err := t.read()
	var closed wsutil.ClosedError
	var wrong ws.ProtocolError
	switch {
	case errors.As(err, &closed):
		err = Closed{Code: int(closed.Code), Reason: closed.Reason}
	case errors.Is(err, wsutil.ErrInvalidUTF8):
		t.Close(int(ws.StatusInvalidFramePayloadData), "")
	case errors.As(err, &wrong), errors.Is(err, wsutil.ErrFrameTooLarge):
		t.Close(int(ws.StatusProtocolError), "")
	}
	return kind, message, err
}

func (t *gobwasTalker) read() (int, []byte, error) {
	for {
		h, err := t.in.NextFrame()
		if err != nil {
			return 0, nil, err
		}
		if h.OpCode.IsControl() {
			if err := t.control(h, &t.in); err != nil {
				return 0, nil, err
			}
			continue
		}
		message, err := io.ReadAll(&t.in)
		return int(h.OpCode), message, err
	}
}

func (t *gobwasTalker) Write(kind int, parts ...[]byte) error {
	op := ws.OpCode(kind)
	for i, part := range parts {
		if err := t.send(ws.NewFrame(op, i == len(parts)-1, part)); err != nil {
			return err
		}
		op = ws.OpContinuation
	}
	return nil
}

func (t *gobwasTalker) send(f ws.Frame) error {
	if t.state.ClientSide() {
		f = ws.MaskFrame(f)
	}
	text, err := ws.CompileFrame(f)
	if err == nil {
		_, err = t.Conn.Write(text)
	}
	return err
}

func (t *gobwasTalker) Ping() error {
	if err := t.send(ws.NewPingFrame([]byte("are you there"))); err != nil {
		return err
	}
	select {
	case <-t.pongs:
		return nil
	case <-time.After(pongIn):
		return errors.New("no pong")
	}
}

func (t *gobwasTalker) Close(code int, reason string) error {
	return t.send(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusCode(code), reason)))
}

func (t *gobwasTalker) Cut() { t.Conn.Close() }

func (t *gobwasTalker) Protocol() string { return strings.TrimSpace(t.hands.Protocol) }

func (t *gobwasTalker) Until(at time.Time) { t.Conn.SetDeadline(at) }
