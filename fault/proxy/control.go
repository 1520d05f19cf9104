package proxy

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"syscall"
	"time"

	"holdfast"
	"holdfast/internal/unixsock"
)

const (
	maxMessage = 1 << 20 // bytes; 2,000 paths need 300 KB
	// askTime bounds one question to a proxy. It answers from memory; one that
	// takes longer is stopped, and undoing must not wait for it.
	askTime = time.Second
)

// A Front is where a path begins.
type Front struct {
	ID      holdfast.ReplicaID `json:"id"`
	Address string             `json:"address"`
}

// A State is everything a proxy says of itself.
type State struct {
	Identity
	Paths []PathState `json:"paths"` // by id
	Rules []RuleState `json:"rules"`
}

// A PathState is one path.
type PathState struct {
	Path
	Front       string `json:"front"`
	Listening   bool   `json:"listening"`         // else the front refuses
	Silent      bool   `json:"silent,omitempty"`  // by a rule
	Leaving     bool   `json:"leaving,omitempty"` // taken out; old connections go on
	Connections int    `json:"connections"`
	Accepted    uint64 `json:"accepted"`          // connections ever
	Refused     uint64 `json:"refused,omitempty"` // connections reset because there were too many
	Trouble     string `json:"trouble,omitempty"` // why the front is not as it should be
}

// A RuleState is one rule in force.
type RuleState struct {
	Rule
	Left   time.Duration `json:"left"`   // of its lease
	Bitten uint64        `json:"bitten"` // answers struck, connections reset, pieces held back
}

// Front is where the path to an incarnation begins.
func (s State) Front(id holdfast.ReplicaID) (string, bool) {
	for _, path := range s.Paths {
		if path.ID == id {
			return path.Front, true
		}
	}
	return "", false
}

// Holds tells whether a rule is in force.
func (s State) Holds(scope Scope, kind Kind) bool {
	return slices.ContainsFunc(s.Rules, func(r RuleState) bool { return r.Scope == scope && r.Kind == kind })
}

// named is a rule's key as a message.
type named struct {
	Scope Scope `json:"scope"`
	Kind  Kind  `json:"kind"`
}

func (n named) key() ruleKey { return ruleKey{scope: n.Scope, kind: n.Kind} }

// nothing is the answer of what only succeeds.
type nothing struct{}

// control serves the control socket until ctx ends, and returns when every
// question is answered.
func (p *proxy) control(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	handle(mux, "lay", p.lay)
	handle(mux, "keep", func(ids []holdfast.ReplicaID) (nothing, error) { return nothing{}, p.keep(ids) })
	handle(mux, "set", func(rule Rule) (nothing, error) { return nothing{}, p.set(rule) })
	handle(mux, "renew", func(n named) (nothing, error) { return nothing{}, p.renew(n.key()) })
	handle(mux, "clear", func(n named) (nothing, error) { return nothing{}, p.clear(n.key()) })
	handle(mux, "state", func(nothing) (State, error) { return p.state(), nil })
	return unixsock.Serve(ctx, l, &http.Server{Handler: mux, ReadTimeout: askTime, WriteTimeout: askTime}, askTime)
}

// handle answers one question.
func handle[Q, A any](mux *http.ServeMux, verb string, answer func(Q) (A, error)) {
	mux.HandleFunc("POST /"+verb, func(w http.ResponseWriter, r *http.Request) {
		var question Q
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxMessage))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&question); err != nil {
			reply(w, http.StatusBadRequest, holdfast.Refused{Text: verb + ": " + err.Error()})
			return
		}
		said, err := answer(question)
		if err != nil {
			reply(w, http.StatusConflict, holdfast.RefusedBy(err))
			return
		}
		reply(w, http.StatusOK, said)
	})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

// ErrNoProxy says that no proxy serves the socket: none was started, or it is
// dead, and its paths and rules with it.
const ErrNoProxy = holdfast.Refusal("no fault proxy answers there")

// A Client is a proxy in another process, spoken to over its control socket.
// Its methods may be called concurrently, and take a second at most. All of
// them fail with ErrNoProxy when there is none.
type Client struct{ http *http.Client }

// Dial makes a client of the proxy that serves the control socket at path. It
// connects when it is used.
func Dial(socket string) *Client {
	return &Client{http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return unixsock.Dial(ctx, socket)
		},
		DisableKeepAlives: true,
	}}}
}

// Lay makes paths and says where they begin, in the same order. A path that is
// there keeps its front; others are left as they are.
func (c *Client) Lay(ctx context.Context, paths []Path) (fronts []Front, err error) {
	if err = c.ask(ctx, "lay", paths, &fronts); err == nil && len(fronts) != len(paths) {
		err = fmt.Errorf("lay %d paths: the fault proxy laid %d", len(paths), len(fronts))
	}
	return fronts, err
}

// Keep takes out every path but those to ids.
func (c *Client) Keep(ctx context.Context, ids []holdfast.ReplicaID) error {
	return c.ask(ctx, "keep", append([]holdfast.ReplicaID{}, ids...), &nothing{})
}

// Set puts a rule in force for holdfast.Lease, and returns when it is true of
// every path it is for. It is refused with ErrNoPath when there is none.
func (c *Client) Set(ctx context.Context, rule Rule) error {
	return c.ask(ctx, "set", rule, &nothing{})
}

// Renew lets a rule hold for another holdfast.Lease. It is refused with
// ErrNotInForce when it lapsed, was cleared, or the proxy is another since.
func (c *Client) Renew(ctx context.Context, scope Scope, kind Kind) error {
	return c.ask(ctx, "renew", named{Scope: scope, Kind: kind}, &nothing{})
}

// Clear ends a rule. One that is not in force is clear.
func (c *Client) Clear(ctx context.Context, scope Scope, kind Kind) error {
	return c.ask(ctx, "clear", named{Scope: scope, Kind: kind}, &nothing{})
}

// State says which process the proxy is, and what it does.
func (c *Client) State(ctx context.Context) (s State, err error) {
	if err = c.ask(ctx, "state", nothing{}, &s); err != nil {
		return s, err
	}
	slices.SortFunc(s.Paths, func(a, b PathState) int {
		return cmp.Or(cmp.Compare(a.ID.Service, b.ID.Service), cmp.Compare(a.ID.Ordinal, b.ID.Ordinal), cmp.Compare(a.ID.Incarnation, b.ID.Incarnation))
	})
	return s, nil
}

// ask asks one thing. A proxy that died in the middle of the question is not
// there any more, which a second look shows.
func (c *Client) ask(ctx context.Context, verb string, question, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	err := c.once(ctx, verb, question, answer)
	if broken(err) {
		err = c.once(ctx, verb, question, answer)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s: %w", verb, ErrNoProxy)
	}
	return fmt.Errorf("ask the fault proxy: %w", err)
}

// broken tells an exchange that ended before its answer.
func broken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func (c *Client) once(ctx context.Context, verb string, question, answer any) error {
	text, err := json.Marshal(question)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://proxy/"+verb, bytes.NewReader(text))
	if err != nil {
		return err
	}
	got, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	body := json.NewDecoder(io.LimitReader(got.Body, 4*maxMessage))
	if got.StatusCode == http.StatusOK {
		return body.Decode(answer)
	}
	refusal := &holdfast.Refused{}
	if err := body.Decode(refusal); err != nil || refusal.Text == "" {
		return fmt.Errorf("it answered %s", got.Status)
	}
	return refusal
}
