package gateway

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"holdfast"
	"holdfast/internal/unixsock"
)

// maxTable bounds a routing table on its way here: 10,000 replicas need 3 MB.
const maxTable = 16 << 20

// controlTime bounds an answer of the control socket. Writing a table to a slow
// disk is what takes longest.
const controlTime = 5 * time.Second

// Control serves the control socket until ctx ends: PUT /table, GET /state,
// DELETE /guards, and GET /observations, one JSON object per line. It closes l
// and returns nil once nothing it started is left, or the reason why it could
// not serve.
func (g *Gateway) Control(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /table", g.putTable)
	mux.HandleFunc("GET /state", g.getState)
	mux.HandleFunc("DELETE /guards", g.deleteGuards)
	mux.HandleFunc("GET /observations", g.getObservations)
	return unixsock.Serve(ctx, l, &http.Server{
		Handler:           mux,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeaderBytes,
	}, controlTime)
}

func (g *Gateway) putTable(w http.ResponseWriter, r *http.Request) {
	var table holdfast.RoutingTable
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxTable))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&table); err != nil {
		reply(w, http.StatusBadRequest, holdfast.Refused{Text: "read the routing table: " + err.Error()})
		return
	}
	if err := g.Apply(r.Context(), table); err != nil {
		reply(w, http.StatusConflict, holdfast.RefusedBy(err))
		return
	}
	g.getState(w, r)
}

func (g *Gateway) getState(w http.ResponseWriter, r *http.Request) {
	state, _ := g.State(r.Context()) // ours has no way to fail
	reply(w, http.StatusOK, state)
}

func (g *Gateway) deleteGuards(w http.ResponseWriter, r *http.Request) {
	g.ResetGuards()
	g.getState(w, r)
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

// An observed is an observation as a line of GET /observations.
type observed struct {
	Kind string          `json:"kind"`
	Body json.RawMessage `json:"body"`
}

func (g *Gateway) getObservations(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := http.NewResponseController(w)
	out.Flush()
	lines := json.NewEncoder(w)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	g.Follow(ctx, func(o holdfast.Observation) {
		body, err := json.Marshal(o)
		if err == nil {
			out.SetWriteDeadline(time.Now().Add(controlTime))
			err = cmp.Or(lines.Encode(observed{Kind: o.Kind(), Body: body}), out.Flush())
		}
		if err != nil {
			cancel() // nobody listens any more
		}
	})
}

// A Client is a gateway in another process, spoken to over its control socket.
// Its methods may be called concurrently.
type Client struct{ http *http.Client }

// Dial makes a client of the gateway that serves the control socket at path. It
// connects when it is used.
func Dial(socket string) *Client {
	return &Client{http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return unixsock.Dial(ctx, socket)
		},
		DisableKeepAlives:     true,
		ResponseHeaderTimeout: 2 * controlTime,
	}}}
}

// Apply implements holdfast.Gateway.
func (c *Client) Apply(ctx context.Context, table holdfast.RoutingTable) error {
	text, err := json.Marshal(table)
	if err != nil {
		return fmt.Errorf("apply routing table %d: %w", table.Revision, err)
	}
	body, err := c.call(ctx, http.MethodPut, "/table", text)
	if err != nil {
		return err
	}
	return body.Close()
}

// State implements holdfast.Gateway.
func (c *Client) State(ctx context.Context) (holdfast.GatewayState, error) {
	var state holdfast.GatewayState
	body, err := c.call(ctx, http.MethodGet, "/state", nil)
	if err != nil {
		return state, err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(&state); err != nil {
		return state, fmt.Errorf("read the gateway's state: %w", err)
	}
	return state, nil
}

// ResetGuards is Gateway.ResetGuards.
func (c *Client) ResetGuards(ctx context.Context) error {
	body, err := c.call(ctx, http.MethodDelete, "/guards", nil)
	if err != nil {
		return err
	}
	return body.Close()
}

// Follow implements holdfast.Gateway.
func (c *Client) Follow(ctx context.Context, emit func(holdfast.Observation)) error {
	body, err := c.call(ctx, http.MethodGet, "/observations", nil)
	if err != nil {
		return err
	}
	defer body.Close()
	lines := json.NewDecoder(body)
	for {
		var line observed
		if err := lines.Decode(&line); err != nil {
			return cmp.Or(ctx.Err(), fmt.Errorf("the gateway no longer tells: %w", err))
		}
		o, err := line.observation()
		if err != nil {
			return err
		}
		emit(o)
	}
}

func (l observed) observation() (holdfast.Observation, error) {
	switch l.Kind {
	case holdfast.Admitted{}.Kind():
		return decoded[holdfast.Admitted](l.Body)
	case holdfast.Ejected{}.Kind():
		return decoded[holdfast.Ejected](l.Body)
	case holdfast.Overloaded{}.Kind():
		return decoded[holdfast.Overloaded](l.Body)
	case holdfast.Relieved{}.Kind():
		return decoded[holdfast.Relieved](l.Body)
	case holdfast.Drained{}.Kind():
		return decoded[holdfast.Drained](l.Body)
	default:
		return nil, fmt.Errorf("the gateway told of %q: of another version?", l.Kind)
	}
}

func decoded[T holdfast.Observation](body []byte) (holdfast.Observation, error) {
	var o T
	err := json.Unmarshal(body, &o)
	return o, err
}

// call asks and returns the answer's body, or what was answered instead.
func (c *Client) call(ctx context.Context, method, path string, body []byte) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://gateway"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the gateway: %w", err)
	}
	if answer.StatusCode == http.StatusOK {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	refusal := &holdfast.Refused{}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxTable)).Decode(refusal); err != nil || refusal.Text == "" {
		return nil, fmt.Errorf("ask the gateway: it answered %s", answer.Status)
	}
	return nil, refusal
}
