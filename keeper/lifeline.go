package keeper

import (
	"io"
	"net"
	"os"
	"time"
)

// lifelineEvery is how often the other side hears of us. It comes from the
// loop, so that a keeper whose loop is stuck falls silent too.
const lifelineEvery = 500 * time.Millisecond

// A lifeline ties a keeper to the process on the other end of a socket pair.
// nil is a keeper that stands alone.
type lifeline struct {
	conn net.Conn
	next time.Time
}

func newLifeline(file *os.File) (*lifeline, error) {
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	return &lifeline{conn: conn}, file.Close()
}

// wait returns when the other end is closed.
func (l *lifeline) wait() { io.Copy(io.Discard, l.conn) }

// tend sends a sign of life when one is due. A reader who does not read costs
// us a moment each time, not our life.
func (l *lifeline) tend(now time.Time) time.Time {
	if l == nil {
		return time.Time{}
	}
	if !now.Before(l.next) {
		l.next = now.Add(lifelineEvery)
		l.conn.SetWriteDeadline(time.Now().Add(5 * time.Millisecond))
		l.conn.Write([]byte{'.'})
	}
	return l.next
}

func (l *lifeline) close() {
	if l != nil {
		l.conn.Close()
	}
}
