package toy

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// What a service of the shop can speak, and ask others in.
const (
	overHTTP = "http"
	overH2C  = "h2c"  // HTTP/2 from the first byte, and nothing else
	overGRPC = "grpc" // the same pages, each the message of a call
)

func spoken(text string) bool { return text == overHTTP || text == overH2C || text == overGRPC }

const (
	rpcType   = "application/grpc+json" // a message is a page as it is
	askHealth = "/grpc.health.v1.Health/Check"
	rpcPrefix = 5 // bytes before a message: whether it is compressed, and its length
)

// protocols are what a service, or a client, speaks.
func protocols(text string) *http.Protocols {
	p := &http.Protocols{}
	p.SetHTTP1(text == overHTTP)
	p.SetUnencryptedHTTP2(text != overHTTP)
	return p
}

// method is by what a service is asked for its page.
func method(service string) string {
	return "/shop." + strings.ToUpper(service[:1]) + service[1:] + "/Page"
}

// A caller answers calls of gRPC by the pages of a service, and those for its
// health as /healthz does: well, as long as the process answers.
type caller struct {
	service string
	pages   http.Handler
}

func (c caller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodPost && r.URL.Path == askHealth:
		endCall(w, []byte{1 << 3, 1}, "0") // HealthCheckResponse{status: SERVING}
	case r.Method == http.MethodPost && r.URL.Path == method(c.service):
		c.page(w, r)
	case r.Method == http.MethodPut && r.URL.Path == "/manners":
		c.pages.ServeHTTP(w, r)
	default:
		endCall(w, nil, "12") // UNIMPLEMENTED
	}
}

// page answers with the page of "/", or fails as it does.
func (c caller) page(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxAnswer))
	asked := r.Clone(r.Context())
	asked.Method, asked.URL.Path = http.MethodGet, "/"
	got := recorded{header: http.Header{}, status: http.StatusOK}
	c.pages.ServeHTTP(&got, asked)
	switch {
	case got.status == http.StatusOK:
		endCall(w, got.body.Bytes(), "0")
	case got.status == http.StatusBadGateway:
		endCall(w, nil, "14") // UNAVAILABLE
	default:
		endCall(w, nil, "13") // INTERNAL
	}
}

// endCall ends a call, with a message where it has one.
func endCall(w http.ResponseWriter, message []byte, status string) {
	w.Header().Set("Content-Type", rpcType)
	if status != "0" {
		w.Header().Set("Grpc-Status", status)
		return
	}
	w.Write(append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...))
	w.Header().Set(http.TrailerPrefix+"Grpc-Status", status)
}

// recorded is an answer before it is sent.
type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorded) Header() http.Header                { return r.header }
func (r *recorded) WriteHeader(status int)             { r.status = status }
func (r *recorded) Write(text []byte) (n int, _ error) { return r.body.Write(text) }

// call asks for a dependency's page by a call of gRPC, once.
func (c *composer) call(r *http.Request, url, service string) (json.RawMessage, error) {
	request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, strings.TrimSuffix(url, "/")+method(service), bytes.NewReader(make([]byte, rpcPrefix)))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", rpcType)
	request.Header.Set("Te", "trailers")
	response, err := c.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if status := response.Trailer.Get("Grpc-Status"); status != "0" {
		return nil, fmt.Errorf("ended with gRPC status %q %s", status+response.Header.Get("Grpc-Status"), response.Header.Get("Grpc-Message"))
	}
	if len(text) < rpcPrefix || !json.Valid(text[rpcPrefix:]) {
		return nil, errors.New("answered something that is not JSON")
	}
	return text[rpcPrefix:], nil
}
