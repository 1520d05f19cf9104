package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"holdfast"
	"holdfast/event"
)

const (
	// maxBody bounds what a caller may send: a file is at most 1 MiB of text,
	// which JSON may double.
	maxBody = 4 << 20
	// grace is how long a call may take to end when the agent does.
	grace = time.Second
	// writeWithin bounds how long a reader may be stuck: what it is sent at once
	// must be taken within this time.
	writeWithin = 10 * time.Second
)

// extend gives the reader time for what is written next. The deadline ends with
// the answer.
func extend(w http.ResponseWriter) error {
	return http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeWithin))
}

// Serve answers calls until ctx ends, then returns its error. It returns earlier
// when the listener fails.
func Serve(ctx context.Context, listener net.Listener, agent Agent) error {
	server := &http.Server{
		Handler: routes(agent), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		server.Close()
		return err
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if server.Shutdown(closing) != nil {
		server.Close()
	}
	<-ended
	return ctx.Err()
}

func routes(agent Agent) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v0/status", func(w http.ResponseWriter, r *http.Request) { reply(w, agent.Status(r.Context())) })
	mux.HandleFunc("GET /v0/events", func(w http.ResponseWriter, r *http.Request) { events(w, r, agent) })
	mux.HandleFunc("GET /v0/logs/{replica}", func(w http.ResponseWriter, r *http.Request) { logs(w, r, agent) })
	mux.HandleFunc("GET /v0/replicas/{replica}/diagnosis", func(w http.ResponseWriter, r *http.Request) { diagnosis(w, r, agent) })
	mux.HandleFunc("PUT /v0/file", func(w http.ResponseWriter, r *http.Request) {
		take(w, r, func(file File) error { return agent.Declare(r.Context(), file) })
	})
	mux.HandleFunc("POST /v0/file/difference", func(w http.ResponseWriter, r *http.Request) {
		ask(w, r, func(file File) (Difference, error) { return agent.Compare(r.Context(), file) })
	})
	mux.HandleFunc("POST /v0/stop", func(w http.ResponseWriter, r *http.Request) {
		take(w, r, func(in event.StopRequested) error { return agent.Tell(r.Context(), in) })
	})
	mux.HandleFunc("POST /v0/faults/injected", func(w http.ResponseWriter, r *http.Request) {
		take(w, r, func(in event.FaultInjected) error { return private(r.Context(), agent, in) })
	})
	mux.HandleFunc("POST /v0/faults/removed", func(w http.ResponseWriter, r *http.Request) {
		take(w, r, func(in event.FaultRemoved) error { return private(r.Context(), agent, in) })
	})
	mux.HandleFunc("POST /v0/drill", func(w http.ResponseWriter, r *http.Request) {
		take(w, r, func(in event.DrillBegan) error { return private(r.Context(), agent, in) })
	})
	mux.HandleFunc("POST /v0/guards/reset", func(w http.ResponseWriter, r *http.Request) {
		take(w, r, func(in event.GuardsReset) error { return private(r.Context(), agent, in) })
	})
	people(mux, agent)
	return mux
}

// people are the calls by which people act on incidents.
func people(mux *http.ServeMux, agent Agent) {
	mux.HandleFunc("GET /v0/incidents", func(w http.ResponseWriter, r *http.Request) { incidents(w, r, agent) })
	mux.HandleFunc("GET /v0/duty", func(w http.ResponseWriter, r *http.Request) { reply(w, agent.Duty(r.Context())) })
	mux.HandleFunc("POST /v0/test", func(w http.ResponseWriter, r *http.Request) {
		ask(w, r, func(test Test) (Tests, error) { return agent.Test(r.Context(), test) })
	})
	said[event.Acknowledged](mux, agent)
	said[event.Noted](mux, agent)
	said[event.Amended](mux, agent)
	said[event.Promised](mux, agent)
	said[event.Closed](mux, agent)
	said[event.Overridden](mux, agent)
	said[event.MaintenanceBegan](mux, agent)
	said[event.MaintenanceEnded](mux, agent)
}

// said takes what people say of one kind.
func said[B event.Body](mux *http.ServeMux, agent Agent) {
	var zero B
	mux.HandleFunc("POST "+saidAt(zero), func(w http.ResponseWriter, r *http.Request) {
		take(w, r, func(in B) error { return agent.Tell(r.Context(), in) })
	})
}

func saidAt(in event.Body) string { return "/v0/said/" + in.Kind() }

func incidents(w http.ResponseWriter, r *http.Request, agent Agent) {
	id := r.URL.Query().Get("id")
	found, ok := agent.Incidents(r.Context(), holdfast.IncidentID(id))
	if !ok {
		refuse(w, http.StatusNotFound, NoIncident(holdfast.IncidentID(id)))
		return
	}
	reply(w, found)
}

// NoIncident is the refusal where none has a name.
func NoIncident(id holdfast.IncidentID) *Problem {
	return &Problem{Code: Unknown, Message: "there is no incident " + strconv.Quote(string(id)), Hint: "holdfast incidents lists those that are remembered"}
}

// private tells the mind what may only be said of a private copy.
func private(ctx context.Context, agent Agent, in event.Body) error {
	if !agent.Private() {
		return &Problem{Code: NotPrivate, Message: "this is not a private copy", Hint: "faults and resets belong to holdfast prove, which starts a copy of its own"}
	}
	return agent.Tell(ctx, in)
}

// take reads a document, hands it over and answers.
func take[T any](w http.ResponseWriter, r *http.Request, do func(T) error) {
	ask(w, r, func(in T) (struct{}, error) { return struct{}{}, do(in) })
}

// ask reads a document, and answers with another.
func ask[T, A any](w http.ResponseWriter, r *http.Request, do func(T) (A, error)) {
	var in T
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&in)
	if _, more := decoder.Token(); err == nil && more != io.EOF {
		err = errors.New("there is more than one document")
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, &Problem{Message: "the request cannot be read: " + err.Error()})
		return
	}
	out, err := do(in)
	if err != nil {
		refuse(w, refusal(err), err)
		return
	}
	reply(w, out)
}

func reply(w http.ResponseWriter, document any) {
	_ = extend(w) // the call itself may have taken long
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(document) // a caller that went away needs no answer
}

// refusal tells what will be refused again (a Problem) from a mishap, which may
// have passed when it is tried again.
func refusal(err error) int {
	var problem *Problem
	if errors.As(err, &problem) {
		return http.StatusConflict
	}
	return http.StatusServiceUnavailable
}

func refuse(w http.ResponseWriter, status int, err error) {
	var problem *Problem
	if !errors.As(err, &problem) {
		problem = &Problem{Message: err.Error()}
	}
	_ = extend(w)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(problem)
}

// events streams entries, one per line.
func events(w http.ResponseWriter, r *http.Request, agent Agent) {
	after, err := number(r, "after")
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := stream{w: w}
	_ = out.flush() // who waits for news learns that it will get them
	err = agent.Entries(r.Context(), after, r.URL.Query().Get("follow") != "", func(entries []event.Entry) error {
		for _, entry := range entries {
			if err := out.document(entry); err != nil {
				return err
			}
		}
		return out.flush()
	})
	if err != nil && r.Context().Err() == nil {
		panic(http.ErrAbortHandler) // an answer that ends early must not look whole
	}
}

func number(r *http.Request, name string) (uint64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s must be a number, not %q", name, text)
	}
	return n, nil
}

func diagnosis(w http.ResponseWriter, r *http.Request, agent Agent) {
	found, ok := agent.Diagnose(r.Context(), holdfast.ReplicaName(r.PathValue("replica")))
	if !ok {
		refuse(w, http.StatusNotFound, unknown(r.PathValue("replica")))
		return
	}
	reply(w, found)
}

func unknown(replica string) error {
	return &Problem{Code: Unknown, Message: "there is no replica " + strconv.Quote(replica), Hint: "holdfast status lists them"}
}

// A stream writes to a reader that may be slow, but not for ever.
type stream struct{ w http.ResponseWriter }

func (s stream) document(document any) error {
	text, err := json.Marshal(document)
	if err != nil {
		return err
	}
	return s.write(append(text, '\n'))
}

func (s stream) write(text []byte) error {
	if err := extend(s.w); err != nil {
		return err
	}
	_, err := s.w.Write(text)
	return err
}

func (s stream) flush() error {
	if err := extend(s.w); err != nil {
		return err
	}
	return http.NewResponseController(s.w).Flush()
}
