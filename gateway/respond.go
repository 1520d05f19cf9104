package gateway

import (
	"io"
	"net/http"
	"time"
)

// respond passes an answer on as it comes. Once its head is on the way nothing
// can be tried again: an answer that ends too early ends the client's
// connection too, so that it is not taken for a whole one.
func (x *exchange) respond(a *try) {
	whole := false
	defer func() { x.close(a, whole) }()
	if a.head.status >= 500 && x.degrade() {
		return
	}
	if a.number > 1 {
		x.tally.retried.Add(1)
	}
	x.failed = a.bad()
	if a.head.status == http.StatusSwitchingProtocols {
		x.upgrade(a)
		return
	}
	whole = x.relay(a, x.beginCopy(a))
}

// relay passes head, body and trailer of an answer on, and keeps a copy where one
// is begun. It says whether the answer was whole.
func (x *exchange) relay(a *try, copyOf *copied) bool {
	x.writeHead(a)
	read, written := x.copyBody(a, copyOf)
	if read != nil {
		x.cutShort(a)
		return false
	}
	if written != nil {
		panic(http.ErrAbortHandler)
	}
	x.settleRPC(a)
	x.writeTrailer(&a.payload)
	x.gateway.copies.keep(copyOf)
	return true
}

func (x *exchange) writeTrailer(p *payload) {
	if len(p.trailer) == 0 {
		return
	}
	// A head already on its way cannot turn into one with a length, which would
	// leave no place for a trailer.
	http.NewResponseController(x.w).Flush()
	for _, f := range p.trailer {
		x.w.Header().Add(http.TrailerPrefix+f.name, f.value)
	}
}

// cutShort ends an answer that its replica did not finish.
func (x *exchange) cutShort(a *try) {
	if x.r.Context().Err() == nil && !x.body.lost.Load() {
		x.regret(a)
		if isRPC(x.r) {
			x.breakOff(a)
			return
		}
	}
	panic(http.ErrAbortHandler)
}

func (x *exchange) writeHead(a *try) {
	h := x.w.Header()
	copyFields(h, &a.head)
	if _, typed := h["Content-Type"]; !typed {
		h["Content-Type"] = nil // or net/http would guess one
	}
	if x.body.source != nil && !x.body.ended.Load() && single(x.r) {
		// The answer came before the request's end. Without this net/http would
		// swallow the rest of the body itself.
		http.NewResponseController(x.w).EnableFullDuplex()
		h.Set("Connection", "close")
	}
	if a.head.status == http.StatusUpgradeRequired && single(x.r) {
		requireUpgrade(h, a.head.get("Upgrade"))
	}
	if a.head.status == http.StatusNoContent {
		h.Del("Content-Length") // it has none, whatever the replica says
	}
	x.body.pacer.answered.Store(true)
	x.answers(a.head.status)
	x.w.WriteHeader(a.head.status)
}

// copyFields adds the fields that are not for our connection only. The values
// share one array: most names come once.
func copyFields(to http.Header, h *head) {
	connection := connectionOf(h)
	values := make([]string, 0, len(h.fields))
	for _, f := range h.fields {
		if hopByHop(f.name) || len(connection) > 0 && listed(connection, f.name) {
			continue
		}
		if before, ok := to[f.name]; ok {
			to[f.name] = append(before, f.value)
			continue
		}
		values = append(values, f.value)
		to[f.name] = values[len(values)-1 : len(values) : len(values)]
	}
}

func connectionOf(h *head) []string {
	var lines []string
	for _, f := range h.fields {
		if f.name == "Connection" {
			lines = append(lines, f.value)
		}
	}
	return lines
}

// copyBody copies piece by piece and flushes before every read that may wait:
// the client sees each piece when we do, and a short answer is still one write.
func (x *exchange) copyBody(a *try, into *copied) (read, written error) {
	p := &a.payload
	if len(a.kept) > 0 {
		into.add(a.kept)
		if _, err := x.w.Write(a.kept); err != nil {
			return nil, err
		}
	}
	if p.ended {
		return nil, nil
	}
	buffer := x.gateway.free.take()
	defer x.gateway.free.give(buffer)
	out := http.NewResponseController(x.w)
	for !p.ended {
		if !p.ready() {
			a.conn.holdUp()
			err := out.Flush()
			a.conn.goOn()
			if err != nil {
				return nil, err
			}
		}
		n, err := p.Read(buffer[:])
		if n > 0 {
			into.add(buffer[:n])
			a.conn.holdUp()
			_, wrong := x.w.Write(buffer[:n])
			a.conn.goOn()
			if wrong != nil {
				return nil, wrong
			}
		}
		if err != nil && err != io.EOF {
			return err, nil
		}
	}
	return nil, nil
}

// close ends an answer. Its connection is kept for the next request only if
// both sides know for certain where this one ended.
func (x *exchange) close(a *try, whole bool) {
	clean := whole && a.conn != nil && x.body.delivered(a.conn) && a.reusable()
	x.body.finish()
	x.release(a, clean)
}

// release gives an answer's connection back, or closes it.
func (x *exchange) release(a *try, clean bool) {
	if a.conn == nil {
		return
	}
	if a.unwatch() && clean {
		a.endpoint.pool.give(a.conn, time.Now())
	} else {
		a.conn.close()
	}
	a.conn = nil
	a.endpoint.inFlight.Add(-1)
}

func (a *try) reusable() bool {
	return a.conn.stream == nil && a.head.minor == 1 && a.payload.framing != byClose &&
		a.conn.in.Buffered() == 0 && !a.head.lists("Connection", "close")
}
