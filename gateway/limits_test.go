package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast"
)

// limited is a rig with limits.
func limited(t *testing.T, limits holdfast.RequestLimits, h http.Handler) *rig {
	t.Helper()
	table := tableOf(1, newReplica(t, 1, h))
	table.Limits = limits
	r := newRig(t, table)
	r.untilAdmitted(1)
	return r
}

func TestWhatIsTooLongIsRefused(t *testing.T) {
	r := limited(t, holdfast.RequestLimits{Header: 1000, Body: 10}, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		io.Copy(w, q.Body)
	}))
	const post = "POST / HTTP/1.1\r\nHost: shop\r\n"
	for name, c := range map[string]struct{ text, want string }{
		"a short head":          {text: "GET / HTTP/1.1\r\nHost: shop\r\nX: " + strings.Repeat("y", 900) + "\r\n\r\n", want: "200"},
		"a long head":           {text: "GET / HTTP/1.1\r\nHost: shop\r\nX: " + strings.Repeat("y", 1000) + "\r\n\r\n", want: "431"},
		"a long target":         {text: "GET /" + strings.Repeat("y", 1000) + " HTTP/1.1\r\nHost: shop\r\n\r\n", want: "431"},
		"longer than any":       {text: "GET / HTTP/1.1\r\nHost: shop\r\nX: " + strings.Repeat("y", 80<<10), want: "431"},
		"a short body":          {text: post + "Content-Length: 10\r\n\r\n0123456789", want: "200"},
		"a long body announced": {text: post + "Content-Length: 11\r\n\r\n", want: "413"},
		"a short one in chunks": {text: post + "Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n", want: "200"},
		"a long one in chunks":  {text: post + "Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n1\r\nx\r\n", want: "413"},
	} {
		client, in := r.raw()
		io.WriteString(client, c.text)
		response, err := http.ReadResponse(in, nil)
		if err != nil || fmt.Sprint(response.StatusCode) != c.want || (c.want != "200") != response.Close {
			t.Errorf("%s: %v %+v, want %s", name, err, response, c.want)
		}
	}
	if state, _ := r.gateway.State(t.Context()); state.Endpoints[0].Failures != 0 {
		t.Errorf("the replica is blamed: %+v", state.Endpoints[0])
	}
}

func TestWhoSendsABodyTooSlowlyIsGivenUp(t *testing.T) {
	for name, c := range map[string]struct {
		head  string
		limit int64
	}{
		"of a known length":             {head: "Content-Length: 100\r\n\r\nsome", limit: maxInFlight},
		"of none, where places are few": {head: "Transfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n", limit: 1},
	} {
		r := limited(t, holdfast.RequestLimits{}, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			io.Copy(io.Discard, q.Body)
		}))
		// Before the first request; a socket hands it over.
		r.gateway.bounds.pace = pace{grace: 200 * time.Millisecond, look: 50 * time.Millisecond, rate: 1000}
		r.gateway.limit = c.limit
		client, in := r.raw()
		io.WriteString(client, "PUT / HTTP/1.1\r\nHost: shop\r\n"+c.head)
		response, err := http.ReadResponse(in, nil)
		if err != nil || response.StatusCode != http.StatusRequestTimeout || !response.Close {
			t.Errorf("%s: %v %+v", name, err, response)
		}
		if state, _ := r.gateway.State(t.Context()); state.Endpoints[0].Failures != 0 {
			t.Errorf("%s: the replica is blamed: %+v", name, state.Endpoints[0])
		}
	}
}

func TestAPace(t *testing.T) {
	second := int64(time.Second)
	want := pace{grace: 30 * time.Second, rate: 500}
	for name, c := range map[string]struct {
		got, waited, since int64 // bytes, seconds, seconds ago
		slow               bool
	}{
		"it has just begun":              {since: 1},
		"silent for long":                {since: 31, slow: true},
		"a byte a second":                {got: 60, waited: 60, since: 1, slow: true},
		"a modem's":                      {got: 600_000, waited: 1000, since: 1},
		"the replica is what takes long": {got: 10, waited: 1},
		"a pause after much that came":   {got: 500_000, waited: 1, since: 600},
		"a longer pause":                 {got: 500_000, waited: 1, since: 1100, slow: true},
	} {
		at := 2000 * time.Second
		p := &pacer{}
		p.got.Store(c.got)
		p.waited.Store(c.waited * second)
		if c.since > 0 {
			p.since.Store(int64(at) - c.since*second)
		}
		if slow := p.tooSlow(at, want); slow != c.slow {
			t.Errorf("%s: %v", name, slow)
		}
	}
}

// Who has more than enough of its own does not stand in for another service.
// Who is refused and sends his body at leisure is told so all the same, and let go;
// who has sent it keeps his connection.
func TestARefusalDoesNotWaitForTheBody(t *testing.T) {
	r := newRig(t, tableOf(1, newReplica(t, 1, named("1"))))
	r.untilAdmitted(1)
	c, err := net.Dial("tcp", r.edge)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	in := bufio.NewReader(c)
	refused := func(body string) *http.Response {
		t.Helper()
		fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: shop\r\n%s: 0s\r\nContent-Length: 1000\r\n\r\n%s", timeoutField, body)
		response, err := http.ReadResponse(in, nil)
		if err != nil || response.StatusCode != http.StatusGatewayTimeout {
			t.Fatalf("%v %+v", err, response)
		}
		io.Copy(io.Discard, response.Body)
		return response
	}
	if refused(strings.Repeat("x", 1000)).Close {
		t.Error("it sent all, and lost its connection")
	}
	if !refused("begun").Close {
		t.Error("it is still to send the rest")
	}
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("the connection is open: %v", err)
	}
}

func TestALimitedServiceIsNotAskedInstead(t *testing.T) {
	a := &admission{limit: limit{most: 1}}
	var first, second slot
	if !a.spare(&first, normal) || a.spare(&second, normal) {
		t.Fatal("want one place, and only one")
	}
	a.leave(&first, goodEnd)
	if !a.spare(&second, normal) {
		t.Fatal("its place is not given back")
	}
}
