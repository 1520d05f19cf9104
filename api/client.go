package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/internal/unixsock"
	"holdfast/journal/view"
)

// maxLine bounds one entry of a stream; the largest holds a whole system.
const maxLine = 16 << 20

// statusWithin bounds how long the status may take. An agent asks others for a
// part of it, for four seconds at most; one that takes longer is stopped or stuck
// itself, and who waits wants to know that.
const statusWithin = 10 * time.Second

// A Client calls an agent. It may be used concurrently.
type Client struct{ http *http.Client }

// NewClient calls the agent behind a socket. Nothing is dialled yet.
func NewClient(socket string) *Client {
	return &Client{http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return unixsock.Dial(ctx, socket) },
	}}}
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status is what is true now. It takes ten seconds at most.
func (c *Client) Status(ctx context.Context) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusWithin)
	defer cancel()
	var status Status
	err := c.get(ctx, "/v0/status", &status)
	return status, err
}

// Declare puts a file in force.
func (c *Client) Declare(ctx context.Context, file File) error {
	return c.send(ctx, http.MethodPut, "/v0/file", file)
}

// Compare is what Declare would change.
func (c *Client) Compare(ctx context.Context, file File) (Difference, error) {
	var found Difference
	text, err := json.Marshal(file)
	if err != nil {
		return found, err
	}
	body, err := c.call(ctx, http.MethodPost, "/v0/file/difference", text)
	if err != nil {
		return found, err
	}
	defer body.Close()
	return found, json.NewDecoder(body).Decode(&found)
}

// Stop asks that everything be ended; it returns when that is recorded, not
// when it has happened.
func (c *Client) Stop(ctx context.Context, by string) error {
	return c.send(ctx, http.MethodPost, "/v0/stop", event.StopRequested{By: by})
}

// Injected records a fault in a private copy.
func (c *Client) Injected(ctx context.Context, fault event.FaultInjected) error {
	return c.send(ctx, http.MethodPost, "/v0/faults/injected", fault)
}

// Removed records the end of a fault in a private copy.
func (c *Client) Removed(ctx context.Context, fault event.FaultRemoved) error {
	return c.send(ctx, http.MethodPost, "/v0/faults/removed", fault)
}

// Drill tells a private copy that everything in it is a live drill.
func (c *Client) Drill(ctx context.Context, by string) error {
	return c.send(ctx, http.MethodPost, "/v0/drill", event.DrillBegan{By: by})
}

// ResetGuards gives a private copy its budgets back.
func (c *Client) ResetGuards(ctx context.Context, by string) error {
	return c.send(ctx, http.MethodPost, "/v0/guards/reset", event.GuardsReset{By: by})
}

// Say tells what a person says of incidents, of who is on call, or of maintenance. It
// returns when that is recorded.
func (c *Client) Say(ctx context.Context, in event.Body) error {
	return c.send(ctx, http.MethodPost, saidAt(in), in)
}

// Incidents are all that are remembered, without their stories, or one by its name,
// with its story.
func (c *Client) Incidents(ctx context.Context, id holdfast.IncidentID) (*view.Incidents, error) {
	path := "/v0/incidents"
	if id != "" {
		path += "?" + url.Values{"id": {string(id)}}.Encode()
	}
	found := &view.Incidents{}
	return found, c.get(ctx, path, found)
}

// Duty is who is told of what fails, now.
func (c *Client) Duty(ctx context.Context) (Duty, error) {
	var found Duty
	err := c.get(ctx, "/v0/duty", &found)
	return found, err
}

// Test has test messages sent, and returns when all are settled.
func (c *Client) Test(ctx context.Context, test Test) (Tests, error) {
	var found Tests
	text, err := json.Marshal(test)
	if err != nil {
		return found, err
	}
	body, err := c.call(ctx, http.MethodPost, "/v0/test", text)
	if err != nil {
		return found, err
	}
	defer body.Close()
	return found, json.NewDecoder(body).Decode(&found)
}

// Diagnose is what a person needs about a replica that is not ready.
func (c *Client) Diagnose(ctx context.Context, replica holdfast.ReplicaName) (Diagnosis, error) {
	var found Diagnosis
	err := c.get(ctx, "/v0/replicas/"+url.PathEscape(string(replica))+"/diagnosis", &found)
	return found, err
}

// Logs writes the last lines of a replica's log to out, and with follow what
// comes until ctx ends.
func (c *Client) Logs(ctx context.Context, replica holdfast.ReplicaName, lines int, follow bool, out io.Writer) error {
	query := url.Values{"lines": {strconv.Itoa(lines)}}
	if follow {
		query.Set("follow", "1")
	}
	body, err := c.open(ctx, "/v0/logs/"+url.PathEscape(string(replica))+"?"+query.Encode())
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(out, body)
	return err
}

// Entries calls emit with each entry after a sequence number; with follow it
// goes on until ctx ends or the agent is lost, and returns the error then.
func (c *Client) Entries(ctx context.Context, after uint64, follow bool, emit func(event.Entry) error) error {
	query := url.Values{"after": {strconv.FormatUint(after, 10)}}
	if follow {
		query.Set("follow", "1")
	}
	body, err := c.open(ctx, "/v0/events?"+query.Encode())
	if err != nil {
		return err
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var entry event.Entry
		if err := json.Unmarshal(lines.Bytes(), &entry); err != nil {
			return fmt.Errorf("read an entry: %w", err)
		}
		if err := emit(entry); err != nil {
			return err
		}
	}
	return errors.Join(lines.Err(), ctx.Err())
}

func (c *Client) get(ctx context.Context, path string, into any) error {
	body, err := c.open(ctx, path)
	if err != nil {
		return err
	}
	defer body.Close()
	return json.NewDecoder(body).Decode(into)
}

func (c *Client) open(ctx context.Context, path string) (io.ReadCloser, error) {
	return c.call(ctx, http.MethodGet, path, nil)
}

func (c *Client) send(ctx context.Context, method, path string, document any) error {
	text, err := json.Marshal(document)
	if err != nil {
		return err
	}
	body, err := c.call(ctx, method, path, text)
	if err != nil {
		return err
	}
	return body.Close()
}

// call makes one call; a refusal is returned as the *Problem it is, a mishap of
// the agent as any other error.
func (c *Client) call(ctx context.Context, method, path string, text []byte) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://holdfast"+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("call the agent: %w", err)
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	defer response.Body.Close()
	problem := &Problem{}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxBody)).Decode(problem); err != nil || problem.Message == "" {
		return nil, fmt.Errorf("call the agent: %s", response.Status)
	}
	if response.StatusCode == http.StatusServiceUnavailable {
		return nil, fmt.Errorf("call the agent: %s", problem.Message)
	}
	return nil, problem
}
