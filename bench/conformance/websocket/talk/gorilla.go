package talk

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// gorillaBuffer is small, so that long messages are sent in many frames.
const gorillaBuffer = 4 << 10

func gorilla() Library {
	up := &websocket.Upgrader{
		CheckOrigin: func(*http.Request) bool { return true }, Subprotocols: Protocols(), EnableCompression: true, WriteBufferSize: gorillaBuffer,
	}
	return Library{
		Name:     "gorilla",
		Deflates: true,
		Accept: func(w http.ResponseWriter, r *http.Request) (Talker, error) {
			c, err := up.Upgrade(w, r, nil)
			return gorillad(c), err
		},
		Dial: func(ctx context.Context, url string, protocols []string, deflate bool) (Talker, *http.Response, error) {
			d := &websocket.Dialer{
				TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, Subprotocols: protocols, EnableCompression: deflate, WriteBufferSize: gorillaBuffer,
			}
			c, answer, err := d.DialContext(ctx, url, nil)
			return gorillad(c), answer, err
		},
	}
}

type gorillaTalker struct {
	*websocket.Conn
	pongs chan struct{}
}

func gorillad(c *websocket.Conn) Talker {
	if c == nil {
		return nil
	}
	c.SetReadLimit(Largest)
	t := &gorillaTalker{Conn: c, pongs: make(chan struct{}, 1)}
	c.SetPongHandler(func(string) error {
		select {
		case t.pongs <- struct{}{}:
		default:
		}
		return nil
	})
	return t
}

func (t *gorillaTalker) Read() (int, []byte, error) {
	kind, message, err := t.ReadMessage()
	var closed *websocket.CloseError
	if errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure {
		err = Closed{Code: closed.Code, Reason: closed.Text}
	}
	return kind, message, err
}

func (t *gorillaTalker) Write(kind int, parts ...[]byte) error {
	w, err := t.NextWriter(kind)
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

func (t *gorillaTalker) Ping() error {
	if err := t.WriteControl(websocket.PingMessage, []byte("are you there"), time.Now().Add(pongIn)); err != nil {
		return err
	}
	select {
	case <-t.pongs:
		return nil
	case <-time.After(pongIn):
		return errors.New("no pong")
	}
}

func (t *gorillaTalker) Close(code int, reason string) error {
	return t.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(pongIn))
}

func (t *gorillaTalker) Cut() { t.Conn.Close() }

func (t *gorillaTalker) Protocol() string { return t.Subprotocol() }

func (t *gorillaTalker) Until(at time.Time) {
	t.SetReadDeadline(at)
	t.SetWriteDeadline(at)
}
