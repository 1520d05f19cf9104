package gateway

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"holdfast"
)

func TestAPriorityIsBelievedOfServicesOnly(t *testing.T) {
	for _, c := range []struct {
		own    holdfast.Priority
		caller holdfast.ServiceName
		said   string
		want   rank
	}{
		{want: normal},
		{own: holdfast.Critical, want: critical},
		{own: holdfast.Critical, said: "background", want: background},
		{said: "critical", want: normal},
		{said: "background", want: background},
		{own: holdfast.Sheddable, said: "default", want: sheddable},
		{said: "urgent", want: normal},
		{caller: "storefront", said: "critical", want: critical},
		{caller: "storefront", said: "sheddable", want: sheddable},
		{caller: "storefront", said: "CRITICAL", want: normal},
		{caller: "storefront", own: holdfast.Sheddable, said: "critical", want: sheddable},
		{caller: "storefront", own: holdfast.Sheddable, said: "background", want: background},
	} {
		entry := holdfast.RouteEntry{Caller: c.caller, Treatment: holdfast.Treatment{Priority: c.own}}
		r := &http.Request{Header: http.Header{}}
		if c.said != "" {
			r.Header.Set(priorityField, c.said)
		}
		if got := rankFor(r, &entry); got != c.want {
			t.Errorf("%+v: %s", c, got.priority())
		}
	}
}

// What is left of the time goes down the chain, and never grows.
func TestTimeAndPriorityAreToldToReplicas(t *testing.T) {
	var mu sync.Mutex
	var heard http.Header
	one := newReplica(t, 1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.UserAgent() != "holdfast-check" {
			mu.Lock()
			heard = r.Header.Clone()
			mu.Unlock()
		}
	}))
	r := newRig(t, tableOf(1, one))
	r.untilAdmitted(1)
	for name, c := range map[string]struct {
		address  string
		timeout  string
		priority string
		most     time.Duration // that the replica hears is left; 0: it hears nothing
		hears    string
	}{
		"published":        {r.published, "100ms", "critical", 0, ""},
		"published, lower": {r.published, "", "sheddable", 0, "sheddable"},
		"edge":             {r.edge, "", "critical", time.Second, "critical"},
		"edge, shorter":    {r.edge, "900ms", "background", 900 * time.Millisecond, "background"},
		"edge, longer":     {r.edge, "1h", "", time.Second, ""},
		"edge, nonsense":   {r.edge, "soon", "first", time.Second, ""},
	} {
		var set []string
		if c.timeout != "" {
			set = append(set, timeoutField, c.timeout)
		}
		if c.priority != "" {
			set = append(set, priorityField, c.priority)
		}
		got, err := r.do("GET", c.address, "/", nil, set...)
		if err != nil || got.status != 200 {
			t.Errorf("%s: %v %+v", name, err, got)
			continue
		}
		mu.Lock()
		left, _ := time.ParseDuration(heard.Get(timeoutField))
		if left > c.most || (left > 0) != (c.most > 0) || heard.Get(priorityField) != c.hears || len(heard.Values(timeoutField)) > 1 {
			t.Errorf("%s: the replica heard %v", name, heard)
		}
		mu.Unlock()
	}
	got, err := r.do("GET", r.edge, "/", nil, timeoutField, "0s")
	if err != nil || got.status != 504 || got.header.Get("Holdfast-Error") != "timeout" {
		t.Errorf("with no time left: %v %+v", err, got)
	}
}
