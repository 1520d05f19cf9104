package gateway

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"holdfast"
)

// Statuses of gRPC that the gateway gives or judges by.
const (
	rpcUnknown       = "2"
	rpcDeadline      = "4"
	rpcExhausted     = "8"
	rpcUnimplemented = "12"
	rpcInternal      = "13"
	rpcUnavailable   = "14"
	rpcDataLoss      = "15"
)

// rpcType begins the type of every message of gRPC; a sign and the encoding may
// follow.
const rpcType = "application/grpc"

// failedRPC says whether a status speaks against who gave it. The others are
// answers: that something is not there, not allowed or not possible now.
func failedRPC(status string) bool {
	switch status {
	case rpcUnknown, rpcDeadline, rpcInternal, rpcUnavailable, rpcDataLoss:
		return true
	}
	return false
}

// isRPC says whether a request is one of gRPC.
func isRPC(r *http.Request) bool {
	kind := r.Header.Get("Content-Type")
	rest, of := strings.CutPrefix(kind, rpcType)
	return r.ProtoMajor == 2 && of && (rest == "" || rest[0] == '+' || rest[0] == ';')
}

// bad says whether an answer's head is a failure: by its status, or by that of a
// call that ended with its head.
func (t *try) bad() bool {
	return t.head.status >= 500 || t.endpoint.multiplexed && failedRPC(t.head.get("Grpc-Status"))
}

// settleRPC judges a call by the status at its end.
func (x *exchange) settleRPC(a *try) {
	if !a.endpoint.multiplexed {
		return
	}
	for _, f := range a.payload.trailer {
		if f.name == "Grpc-Status" && failedRPC(f.value) {
			x.regret(a)
		}
	}
}

// regret takes back that an answer was told as a good one by its head.
func (x *exchange) regret(a *try) {
	x.failed = true
	a.endpoint.failures.Add(1)
	// Its head was told as a good outcome already, which halves the weight of
	// this one. A stream's end is too far off to wait for with it.
	a.endpoint.note(outcome{failed: true})
	a.endpoint.nudge()
}

// complainRPC says an error of our own as gRPC does: the status is all there is.
func complainRPC(w http.ResponseWriter, status int, code, format string, args ...any) {
	h := w.Header()
	h.Set("Holdfast-Error", code)
	h.Set("Content-Type", rpcType)
	h.Set("Grpc-Status", rpcStatus(status))
	h.Set("Grpc-Message", rpcMessage(fmt.Sprintf(format, args...)))
	w.WriteHeader(http.StatusOK)
}

// rpcStatus is a status of HTTP in gRPC. Its clients take a status that they do
// not know for UNKNOWN, which nobody may ask again after.
func rpcStatus(status int) string {
	switch status {
	case http.StatusBadRequest, http.StatusInternalServerError:
		return rpcInternal
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return rpcUnimplemented
	case http.StatusRequestEntityTooLarge, http.StatusRequestHeaderFieldsTooLarge:
		return rpcExhausted
	case http.StatusGatewayTimeout:
		return rpcDeadline
	default:
		return rpcUnavailable
	}
}

// rpcMessage is a text as it may stand in a header: what is not plain ASCII, and
// the percent sign, by their bytes.
func rpcMessage(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// breakOff ends a call whose replica did not: the client is told so at once, and
// by a status that it knows.
func (x *exchange) breakOff(a *try) {
	x.w.Header().Set(http.TrailerPrefix+"Grpc-Status", rpcUnavailable)
	x.w.Header().Set(http.TrailerPrefix+"Grpc-Message", rpcMessage(string(a.endpoint.ID.Name())+" broke off"))
}

// servingNow is a HealthCheckResponse that says SERVING: field 1, value 1.
const servingNow = 1

const errNotServing = holdfast.Refusal("its health service says that it is not serving")

// askRPC makes the one call of grpc.health.v1 that a check needs, for the server
// as a whole. A server that has no such service answers, which is what is
// demanded then.
func askRPC(c *conn, address string) error {
	m := message{
		method: "POST", target: "/grpc.health.v1.Health/Check", host: address, length: 5,
		fields: []field{{name: "Content-Type", value: rpcType}, {name: "User-Agent", value: "holdfast-check"}},
	}
	err := c.sendHead(&m)
	if err == nil {
		_, err = c.out.Write(make([]byte, 5)) // an empty message: no compression, no length
	}
	if err == nil {
		err = framed{out: c.out, stream: c.stream}.end(nil)
	}
	if err != nil && !errors.Is(err, io.ErrClosedPipe) { // closed: it answered without waiting for the body
		return err
	}
	h, err := c.readHead()
	if err != nil {
		return err
	}
	if h.status != http.StatusOK {
		return statusError(h.status)
	}
	body, status, err := readCall(c, h)
	switch {
	case err != nil:
		return err
	case status == rpcUnimplemented:
		return nil
	case status != "0":
		return garbled("gRPC status " + strconv.Quote(status))
	case !saysServing(body):
		return errNotServing
	}
	return nil
}

// readCall reads the answer of a call that is known to be short.
func readCall(c *conn, h head) (body []byte, status string, err error) {
	status = h.get("Grpc-Status")
	f, length, err := h.frame("POST")
	if err != nil || f == noBody {
		return nil, status, err
	}
	p := payload{in: c.in, framing: f, left: length, ended: f == byLength && length == 0}
	body, err = io.ReadAll(io.LimitReader(&p, maxHeard))
	for _, field := range p.trailer {
		if field.name == "Grpc-Status" {
			status = cmp.Or(status, field.value)
		}
	}
	return body, status, err
}

// saysServing reads a HealthCheckResponse in its frame. Fields that are not known
// end the reading: there is none in this version of the protocol.
func saysServing(framed []byte) bool {
	if len(framed) < 5 || framed[0] != 0 || int(binary.BigEndian.Uint32(framed[1:])) != len(framed)-5 {
		return false
	}
	message := framed[5:]
	return len(message) == 2 && message[0] == 1<<3 && message[1] == servingNow
}
