package gateway

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"holdfast"
)

// An oracle is a replica that speaks gRPC: what it says of its health, and how
// its calls end.
type oracle struct {
	serving atomic.Int32  // as its health service says; 0 has no such service
	status  atomic.Value  // of a call: string
	early   atomic.Bool   // the status comes with the head
	breaks  atomic.Bool   // it breaks off after a message
	asked   atomic.Uint64 // calls, health checks not counted
}

func (o *oracle) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/grpc")
	if r.Header.Get("Te") != "trailers" {
		h.Set("Grpc-Status", rpcInternal)
		return
	}
	if r.URL.Path == "/grpc.health.v1.Health/Check" {
		o.health(w)
		return
	}
	o.asked.Add(1)
	status := o.status.Load().(string)
	if o.early.Load() {
		h.Set("Grpc-Status", status)
		return
	}
	io.Copy(w, r.Body)
	http.NewResponseController(w).Flush()
	if o.breaks.Load() {
		panic(http.ErrAbortHandler)
	}
	h.Set(http.TrailerPrefix+"Grpc-Status", status)
	h.Set(http.TrailerPrefix+"Grpc-Message", "as told")
}

func (o *oracle) health(w http.ResponseWriter) {
	serving := o.serving.Load()
	if serving == 0 {
		w.Header().Set("Grpc-Status", rpcUnimplemented)
		return
	}
	w.Write([]byte{0, 0, 0, 0, 2, 8, byte(serving)})
	w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
}

func newOracle() *oracle {
	o := &oracle{}
	o.serving.Store(servingNow)
	o.status.Store("0")
	return o
}

// call makes a call and says how it ended.
func (r *rig) call(t *testing.T, message string) (said, status, text string, header http.Header) {
	t.Helper()
	f := newFront(t, "", "http", 2)
	defer f.client.CloseIdleConnections()
	request := f.request(t, r, "POST", io.MultiReader(strings.NewReader(message)))
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("Te", "trailers")
	response := f.do(t, request)
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("%d, %v", response.StatusCode, err)
	}
	from := response.Header
	if from.Get("Grpc-Status") != "" && response.ContentLength != 0 {
		t.Error("the status came with the head, and the call went on")
	}
	if from.Get("Grpc-Status") == "" {
		from = response.Trailer
	}
	return string(body), from.Get("Grpc-Status"), from.Get("Grpc-Message"), response.Header
}

func TestACallPassesWithItsStatus(t *testing.T) {
	o := newOracle()
	r := newRig(t, h2cTable(holdfast.GRPC, newH2C(t, 1, o)))
	r.untilAdmitted(1)
	failures := uint64(0)
	for _, early := range []bool{false, true} {
		o.early.Store(early)
		for _, status := range []string{"0", "5", "7", "16", rpcUnknown, rpcDeadline, rpcInternal, rpcUnavailable, rpcDataLoss} {
			o.status.Store(status)
			said, got, _, _ := r.call(t, "a message")
			if got != status || !early && said != "a message" {
				t.Errorf("early %t: %q with status %s, want %s", early, said, got, status)
			}
			if failedRPC(status) {
				failures++
			}
			r.until("the outcome is counted", func(s holdfast.GatewayState) bool {
				return s.Endpoints[0].Failures == failures && s.Routes[0].Failed == failures
			})
		}
	}
	if asked := o.asked.Load(); asked != 18 {
		t.Errorf("%d calls reached it: one that was opened was sent again", asked)
	}
}

func TestACallThatBreaksOffIsUnavailable(t *testing.T) {
	o := newOracle()
	o.breaks.Store(true)
	r := newRig(t, h2cTable(holdfast.GRPC, newH2C(t, 1, o)))
	r.untilAdmitted(1)
	said, status, text, _ := r.call(t, "half")
	if said != "half" || status != rpcUnavailable || text != "catalog-1 broke off" {
		t.Errorf("%q, %s, %q", said, status, text)
	}
}

// A call whose replica is silent is answered by another one, where its edge says
// that calls may be carried out twice.
func TestACallIsSentToTwoReplicas(t *testing.T) {
	silent, well := newH2C(t, 1, newOracle()), newH2C(t, 2, newOracle())
	table, all := h2cTable(holdfast.GRPC, silent, well), true
	for i := range table.Routes {
		table.Routes[i].Idempotent = &all
	}
	table.Services[0].Healthcheck.Interval = time.Hour
	r := newRig(t, table)
	r.untilAdmitted(2)
	silent.stop()
	defer silent.resume()
	for range 3 {
		r.onlyTo(silent)
		if said, status, text, _ := r.call(t, "a message"); said != "a message" || status != "0" {
			t.Errorf("%q, %s, %q", said, status, text)
		}
	}
	r.until("a second replica was asked beside it", func(s holdfast.GatewayState) bool { return s.Routes[0].Hedged > 0 })
}

// A failure that comes before the message is out is asked of another replica as one
// that comes after it, with all of the message.
func TestAnEarlyFailureIsAskedOfAnother(t *testing.T) {
	bad, good := newOracle(), newOracle()
	bad.early.Store(true)
	bad.status.Store(rpcUnavailable)
	failing, well := newH2C(t, 1, bad), newH2C(t, 2, good)
	table, all := h2cTable(holdfast.GRPC, failing, well), true
	for i := range table.Routes {
		table.Routes[i].Idempotent = &all
	}
	r := newRig(t, table)
	r.untilAdmitted(2)
	r.onlyTo(failing)
	f := newFront(t, "", "http", 2)
	defer f.client.CloseIdleConnections()
	from, to := io.Pipe()
	request := f.request(t, r, "POST", from)
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("Te", "trailers")
	go func() {
		for bad.asked.Load() == 0 {
			runtime.Gosched()
		}
		io.WriteString(to, "a mess")
		io.WriteString(to, "age")
		to.Close()
	}()
	response := f.do(t, request)
	body, err := io.ReadAll(response.Body)
	if status := response.Header.Get("Grpc-Status") + response.Trailer.Get("Grpc-Status"); err != nil || string(body) != "a message" || status != "0" {
		t.Errorf("%q, status %s, %v", body, status, err)
	}
}

func TestAnErrorOfOursIsOneOfGRPC(t *testing.T) {
	table := h2cTable(holdfast.GRPC)
	table.Services[0].Emptied = true
	r := newRig(t, table)
	_, status, text, header := r.call(t, "a message")
	if status != rpcUnavailable || header.Get("Holdfast-Error") != "no-replica" || !strings.Contains(text, "no replica") {
		t.Errorf("%s, %q, %v", status, text, header)
	}
}

func TestTheHealthOfGRPC(t *testing.T) {
	o := newOracle()
	r := newRig(t, h2cTable(holdfast.GRPC, newH2C(t, 1, o), newH2C(t, 2, newOracle())))
	r.untilAdmitted(2)
	o.serving.Store(2)
	r.until("who says NOT_SERVING is out", func(s holdfast.GatewayState) bool {
		return !s.Endpoints[0].Admitted && s.Endpoints[0].Sign == holdfast.SignUnhealthy && s.Endpoints[1].Admitted
	})
	o.serving.Store(0)
	r.untilAdmitted(2)
}

func TestMessagesOfGRPCAreEscaped(t *testing.T) {
	if got := rpcMessage("100 % è\n"); got != "100 %25 %C3%A8%0A" {
		t.Error(got)
	}
}

// newResetting is a replica that ends every stream with a code, after its head.
func newResetting(t *testing.T, code uint32, resets *atomic.Int64) string {
	return newFramed(t, func(f *http2.Framer, frame http2.Frame) bool {
		if head, ok := frame.(*http2.HeadersFrame); ok {
			resets.Add(1)
			return f.WriteRSTStream(head.StreamID, http2.ErrCode(code)) == nil
		}
		return true
	})
}

// newGoingAway is a replica that goes away before the first request.
func newGoingAway(t *testing.T) string {
	return newFramed(t, func(f *http2.Framer, frame http2.Frame) bool {
		if _, ok := frame.(*http2.HeadersFrame); ok {
			return f.WriteGoAway(0, http2.ErrCodeNo, nil) == nil
		}
		return true
	})
}

// newFramed is a replica that answers frame by frame.
func newFramed(t *testing.T, answer func(*http2.Framer, http2.Frame) bool) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			go func() {
				defer c.Close()
				preface := make([]byte, len(http2.ClientPreface))
				if _, err := io.ReadFull(c, preface); err != nil || !bytes.Equal(preface, []byte(http2.ClientPreface)) {
					return
				}
				f := http2.NewFramer(c, c)
				f.ReadMetaHeaders = nil
				f.WriteSettings()
				for {
					frame, err := f.ReadFrame()
					if err != nil || !answer(f, frame) {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}
