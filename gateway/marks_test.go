package gateway

import (
	"net/http"
	"strings"
	"testing"
)

const aParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestWhatIsATraceparent(t *testing.T) {
	for text, want := range map[string]bool{
		aParent: true,
		"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01":      true,
		"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more": true,
		"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more": false,
		"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-\x01": false,
		aParent + "-more": false,
		"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01": false,
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01": false,
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01": false,
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01": false,
		"00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01": false,
		aParent[:54]: false,
		"":           false,
	} {
		if got := isParent(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestWhatIsATracestate(t *testing.T) {
	many := strings.TrimSuffix(numbered(33), ",")
	for text, want := range map[string]string{
		"rojo=00f067aa0ba902b7, congo=t61rcWkgMzE": "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE",
		"a=1,,b=2":                      "a=1,,b=2",
		"fw529a3039@dt=FfAFAwAA:1":      "fw529a3039@dt=FfAFAwAA:1",
		"a=1,a=2":                       "",
		"A=1":                           "",
		"a":                             "",
		"a=":                            "",
		"a=b=c":                         "",
		",":                             "",
		many:                            "",
		"a=" + strings.Repeat("x", 257): "",
		"a=\x7f":                        "",
	} {
		if got := stateOf([]string{text}); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
	if got := stateOf([]string{"a=1", "b=2"}); got != "a=1,b=2" {
		t.Errorf("two lines: %q", got)
	}
}

// numbered are so many members of a tracestate.
func numbered(n int) string {
	var all strings.Builder
	for i := range n {
		all.WriteString("k" + strings.Repeat("x", i) + "=1,")
	}
	return all.String()
}

func TestMarksAreContinuedOrBegun(t *testing.T) {
	fresh := marksOf(http.Header{})
	if !isParent(fresh.parent) || !strings.HasSuffix(fresh.parent, "-00") || fresh.request != traceOf(fresh.parent) || fresh.state != "" {
		t.Errorf("nothing came: %+v", fresh)
	}
	if again := marksOf(http.Header{}); again.request == fresh.request {
		t.Error("two requests of one id")
	}
	kept := marksOf(http.Header{requestIDField: {"order-17.a"}, traceParentField: {aParent}, traceStateField: {"a=1"}})
	if kept != (marks{request: "order-17.a", parent: aParent, state: "a=1"}) {
		t.Errorf("what came well-formed was not kept: %+v", kept)
	}
	if one := marksOf(http.Header{traceParentField: {aParent}}); one.request == traceOf(aParent) || len(one.request) != 32 {
		t.Errorf("many requests may be of one trace, and have its id: %+v", one)
	}
	for name, h := range map[string]http.Header{
		"a line end":     {requestIDField: {"a\nb"}},
		"a space":        {requestIDField: {"a b"}},
		"a quotation":    {requestIDField: {`a"b`}},
		"too long":       {requestIDField: {strings.Repeat("a", maxRequestID+1)}},
		"empty":          {requestIDField: {""}},
		"twice":          {requestIDField: {"a", "b"}},
		"a broken trace": {traceParentField: {"00-1-2-3"}, traceStateField: {"a=1"}},
		"two traces":     {traceParentField: {aParent, aParent}, traceStateField: {"a=1"}},
		"a lone state":   {traceStateField: {"a=1"}},
	} {
		if m := marksOf(h); m.request != traceOf(m.parent) || !isParent(m.parent) || m.parent == aParent || m.state != "" {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

// A replica hears of exactly one id and one trace, under whatever spelling a
// client tried to bring others in, and the answer of ours names the same one.
func TestAReplicaHearsOneIDOfARequest(t *testing.T) {
	heard := make(chan http.Header, 1)
	r := newRig(t, tableOf(1, newReplica(t, 1, http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		if q.URL.Path != "/asked" {
			return // a health check
		}
		heard <- q.Header
		panic(http.ErrAbortHandler)
	}))))
	r.untilAdmitted(1)
	got, err := r.do("POST", r.edge, "/asked", nil, "X-Request-Id", "mine-1", "X_Request_Id", "theirs", "Traceparent", aParent, "Tracestate", "a=1")
	if err != nil {
		t.Fatal(err)
	}
	h := <-heard
	if id := h[requestIDField]; len(id) != 1 || id[0] != "mine-1" || h["X_request_id"] != nil || h["X_Request_Id"] != nil {
		t.Errorf("the replica heard %q", h)
	}
	if p, s := h[traceParentField], h[traceStateField]; len(p) != 1 || p[0] != aParent || len(s) != 1 || s[0] != "a=1" {
		t.Errorf("the replica heard the trace %q %q", p, s)
	}
	if got.status != 502 || got.header.Get(requestIDField) != "mine-1" {
		t.Errorf("our own answer: %+v", got)
	}
}
