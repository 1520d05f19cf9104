package talk

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

func coder() Library {
	return Library{
		Name:     "coder",
		Deflates: true,
		Accept: func(w http.ResponseWriter, r *http.Request) (Talker, error) {
			c, err := websocket.Accept(w, r, &websocket.AcceptOptions{
				InsecureSkipVerify: true, Subprotocols: Protocols(), CompressionMode: websocket.CompressionContextTakeover, CompressionThreshold: 1,
			})
			return coded(context.Background(), c), err
		},
		Dial: func(ctx context.Context, url string, protocols []string, deflate bool) (Talker, *http.Response, error) {
			o := &websocket.DialOptions{
				Subprotocols: protocols,
				HTTPClient:   &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}},
			}
			if deflate {
				o.CompressionMode, o.CompressionThreshold = websocket.CompressionContextTakeover, 1
			}
			c, answer, err := websocket.Dial(ctx, url, o)
			return coded(ctx, c), answer, err
		},
	}
}

type coderTalker struct {
	*websocket.Conn
	ctx context.Context
	end context.CancelFunc
}

func coded(ctx context.Context, c *websocket.Conn) Talker {
	if c == nil {
		return nil
	}
	c.SetReadLimit(Largest)
	t := &coderTalker{Conn: c}
	t.ctx, t.end = context.WithCancel(ctx)
	return t
}

func (t *coderTalker) Read() (int, []byte, error) {
	kind, message, err := t.Conn.Read(t.ctx)
	var closed websocket.CloseError
	if errors.As(err, &closed) {
		err = Closed{Code: int(closed.Code), Reason: closed.Reason}
	}
	return int(kind), message, err
}

func (t *coderTalker) Write(kind int, parts ...[]byte) error {
	if len(parts) == 1 {
		return t.Conn.Write(t.ctx, websocket.MessageType(kind), parts[0])
	}
	w, err := t.Writer(t.ctx, websocket.MessageType(kind))
	if err != nil {
		return err
	}
	for _, part := range parts {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return w.Close()
}

func (t *coderTalker) Ping() error {
	ctx, cancel := context.WithTimeout(t.ctx, pongIn)
	defer cancel()
	return t.Conn.Ping(ctx)
}

func (t *coderTalker) Close(code int, reason string) error {
	return t.Conn.Close(websocket.StatusCode(code), reason)
}

func (t *coderTalker) Cut() {
	t.end()
	t.CloseNow()
}

func (t *coderTalker) Protocol() string { return t.Subprotocol() }

func (t *coderTalker) Until(at time.Time) { t.ctx, t.end = context.WithDeadline(t.ctx, at) }
