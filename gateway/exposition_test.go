package gateway

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast"
)

// A sample is a line of what Prometheus is told.
type sample struct {
	name   string // of its metric, without a histogram's suffix
	whole  string // of the line
	labels map[string]string
	value  float64
}

// An exposureReader reads an exposition as strictly as the format's text has it:
// HELP and TYPE before the first sample, the samples of a metric together, none
// twice.
type exposureReader struct {
	t          *testing.T
	line, pair *regexp.Regexp // of a sample, and of a label in it
	kinds      map[string]string
	helped     map[string]bool
	done       map[string]bool
	seen       map[string]bool
	now        string
	samples    []sample
	counters   map[string]float64
	histograms map[string][]float64
}

func readExposition(t *testing.T, text []byte) *exposureReader {
	t.Helper()
	r := &exposureReader{
		t:     t,
		line:  regexp.MustCompile(`^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (\S+)$`),
		pair:  regexp.MustCompile(`^([a-z_][a-z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)`),
		kinds: map[string]string{}, helped: map[string]bool{}, done: map[string]bool{},
		seen: map[string]bool{}, counters: map[string]float64{}, histograms: map[string][]float64{},
	}
	if !bytes.HasSuffix(text, []byte("\n")) {
		t.Error("the last line has no end")
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "# HELP "):
			name, help, _ := strings.Cut(line[len("# HELP "):], " ")
			if help == "" || r.helped[name] {
				t.Errorf("%q: without a text, or twice", line)
			}
			r.helped[name] = true
		case strings.HasPrefix(line, "# TYPE "):
			r.begin(line)
		default:
			r.sample(line)
		}
	}
	r.judge()
	return r
}

func (r *exposureReader) begin(line string) {
	name, kind, _ := strings.Cut(line[len("# TYPE "):], " ")
	if !r.helped[name] || r.kinds[name] != "" || !slices.Contains([]string{"counter", "gauge", "histogram"}, kind) {
		r.t.Errorf("%q: no HELP before it, there twice, or of no kind", line)
	}
	if (kind == "counter") != strings.HasSuffix(name, "_total") {
		r.t.Errorf("%q: counters, and only they, end in _total", line)
	}
	r.done[r.now] = true
	r.kinds[name], r.now = kind, name
	if r.done[name] {
		r.t.Errorf("%q: begins again", line)
	}
}

func (r *exposureReader) sample(line string) {
	parts := r.line.FindStringSubmatch(line)
	if parts == nil {
		r.t.Errorf("%q: not a sample", line)
		return
	}
	s := sample{name: parts[1], whole: line, labels: map[string]string{}}
	suffix := ""
	if r.kinds[r.now] == "histogram" {
		for _, one := range []string{"_bucket", "_sum", "_count"} {
			if bare, is := strings.CutSuffix(s.name, one); is {
				s.name, suffix = bare, one
			}
		}
	}
	for rest := parts[2]; rest != ""; {
		pair := r.pair.FindStringSubmatch(rest)
		if pair == nil {
			r.t.Errorf("%q: bad labels", line)
			return
		}
		if _, twice := s.labels[pair[1]]; twice {
			r.t.Errorf("%q: %s twice", line, pair[1])
		}
		s.labels[pair[1]], rest = pair[2], rest[len(pair[0]):]
	}
	value, err := strconv.ParseFloat(parts[3], 64)
	key, _, _ := strings.Cut(line, " "+parts[3])
	if err != nil || s.name != r.now || r.seen[key] || math.IsNaN(value) || math.IsInf(value, 0) {
		r.t.Errorf("%q: no number, not of %s, or there twice", line, r.now)
	}
	r.seen[key], s.value = true, value
	r.samples = append(r.samples, s)
	switch {
	case suffix == "_bucket", suffix == "_count":
		of := parts[1] + ofWhat(s.labels)
		of = strings.Replace(strings.Replace(of, "_bucket", "", 1), "_count", "", 1)
		r.histograms[of] = append(r.histograms[of], value)
	case r.kinds[r.now] == "counter":
		r.counters[key] = value
	}
}

// ofWhat are the labels without a bucket's bound.
func ofWhat(labels map[string]string) string {
	var all []string
	for name, value := range labels {
		if name != "le" {
			all = append(all, name+"="+value)
		}
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

// judge wants every metric known and every histogram to grow up to its count.
func (r *exposureReader) judge() {
	for name := range r.helped {
		if r.kinds[name] == "" {
			r.t.Errorf("%s has no TYPE", name)
		}
	}
	for of, values := range r.histograms {
		if !slices.IsSorted(values) || values[len(values)-1] != values[len(values)-2] {
			r.t.Errorf("%s: %v do not grow up to their count", of, values)
		}
	}
}

// of are the samples of a metric.
func (r *exposureReader) of(name string) (all []sample) {
	for _, s := range r.samples {
		if s.name == name {
			all = append(all, s)
		}
	}
	return all
}

// promtool lets Prometheus' own linter look, where it is installed.
func promtool(t *testing.T, text []byte) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Log("promtool is not installed: only our own reader looked")
		return
	}
	lint := exec.CommandContext(t.Context(), path, "check", "metrics")
	lint.Stdin = bytes.NewReader(text)
	if said, err := lint.CombinedOutput(); err != nil || len(bytes.TrimSpace(said)) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, said)
	}
}

func aState() holdfast.GatewayState {
	state := holdfast.GatewayState{Revision: 3}
	state.Routes = []holdfast.RouteState{
		{Listener: "gateway:80", Host: "shop.example", Path: "/api", Service: "api", Requests: 9, Degraded: 3, Stale: 1, Shed: map[holdfast.Priority]uint64{holdfast.Background: 4}, Answers: [holdfast.StatusClasses]uint64{1, 0, 6, 0, 0, 2}},
		{Listener: "storefront/api", Path: "/a\"\\\n\xff", Service: "api"},
	}
	state.Routes[0].FirstByte.Counts[2], state.Routes[0].FirstByte.Counts[14], state.Routes[0].FirstByte.Sum = 6, 2, 25*time.Second
	state.Endpoints = []holdfast.EndpointState{
		{ID: holdfast.ReplicaID{Service: "api", Ordinal: 1, Incarnation: 2}, Admitted: true, Tries: 3, Failures: 1, Before: holdfast.Tried{Tries: 4, Failures: 1}},
		{ID: holdfast.ReplicaID{Service: "api", Ordinal: 2, Incarnation: 1}, Sign: holdfast.SignErrors},
	}
	return state
}

func TestWhatPrometheusIsTold(t *testing.T) {
	text := exposed("1.2.3", aState(), footprint{goVersion: "go1.26", began: time.Unix(1, 0), resident: 5, files: 6})
	r := readExposition(t, text)
	promtool(t, text)
	for _, want := range []string{
		`holdfast_build_info{version="1.2.3",goversion="go1.26"} 1`,
		`holdfast_requests_total{listener="gateway:80",route="shop.example/api",service="api",status="none"} 1`,
		`holdfast_requests_total{listener="gateway:80",route="shop.example/api",service="api",status="5xx"} 2`,
		`holdfast_request_first_byte_seconds_bucket{listener="gateway:80",route="shop.example/api",service="api",le="0.001"} 0`,
		`holdfast_request_first_byte_seconds_bucket{listener="gateway:80",route="shop.example/api",service="api",le="0.0025"} 6`,
		`holdfast_request_first_byte_seconds_bucket{listener="gateway:80",route="shop.example/api",service="api",le="+Inf"} 8`,
		`holdfast_request_first_byte_seconds_sum{listener="gateway:80",route="shop.example/api",service="api"} 25`,
		`holdfast_requests_shed_total{listener="gateway:80",route="shop.example/api",service="api",priority="background"} 4`,
		`holdfast_requests_stale_total{listener="gateway:80",route="shop.example/api",service="api"} 1`,
		`holdfast_requests_fallback_total{listener="gateway:80",route="shop.example/api",service="api"} 2`,
		`holdfast_requests_stale_total{listener="storefront/api",route="/a\"\\\n?",service="api"} 0`,
		`holdfast_replica_tries_total{service="api",replica="api-1"} 7`,
		`holdfast_replica_failures_total{service="api",replica="api-1"} 2`,
		`holdfast_replica_out{service="api",replica="api-2",reason="errors"} 1`,
	} {
		if !slices.ContainsFunc(r.samples, func(s sample) bool { return s.whole == want }) {
			t.Errorf("not told: %s", want)
		}
	}
	if n := len(r.of("holdfast_replica_out")); n != 1 {
		t.Errorf("%d replicas are out, want 1", n)
	}
}

// However large a system is, what is told of it is bounded, and what was left out
// is said.
func TestThereIsABoundOfSeries(t *testing.T) {
	var state holdfast.GatewayState
	for i := range 3 * maxRoutesTold {
		state.Routes = append(state.Routes, holdfast.RouteState{Listener: holdfast.ListenerName(fmt.Sprintf("s%d:80", i))})
	}
	for i := range maxReplicasTold + 7 {
		state.Endpoints = append(state.Endpoints, holdfast.EndpointState{ID: holdfast.ReplicaID{Service: "api", Ordinal: i + 1}})
	}
	r := readExposition(t, exposed("", state, footprint{}))
	if n := len(r.samples); n > 36_000 {
		t.Errorf("%d series", n)
	}
	routes, replicas := r.of("holdfast_routes_left_out")[0].value, r.of("holdfast_replicas_left_out")[0].value
	if routes != 2*maxRoutesTold || replicas != 7 {
		t.Errorf("%v routes and %v replicas were left out", routes, replicas)
	}
}

// The socket of the metrics is served by the gateway itself, and what it counts
// never falls, whatever becomes of replicas.
func TestMetricsAreServedAndOnlyGrow(t *testing.T) {
	one := newReplica(t, 1, named("1"))
	r := newRig(t, tableOf(1, one))
	r.untilAdmitted(1)
	published, metrics := socketFor(t, "catalog:80"), socketFor(t, holdfast.MetricsListener)
	r.gateway.Sockets([]Socket{published, metrics})
	r.published = published.Listener.Address
	scrape := func() *exposureReader {
		t.Helper()
		got, err := r.do("GET", metrics.Listener.Address, "/metrics", nil)
		if err != nil || got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain; version=0.0.4") {
			t.Fatalf("%v %d %s", err, got.status, got.header)
		}
		promtool(t, []byte(got.body))
		return readExposition(t, []byte(got.body))
	}
	for range 3 {
		r.get("/")
	}
	before := scrape()
	if before.counters[`holdfast_requests_total{listener="catalog:80",route="",service="catalog",status="2xx"}`] == 0 {
		t.Errorf("no request was counted: %v", before.counters)
	}
	again := one.id
	again.Incarnation++
	second := newReplicaAt(t, again, "127.0.0.1:0", named("1"))
	if err := r.gateway.Apply(t.Context(), tableOf(2, second)); err != nil {
		t.Fatal(err)
	}
	after := scrape()
	for name, value := range before.counters {
		if now, told := after.counters[name]; !told || now < value {
			t.Errorf("%s fell from %v to %v (%v)", name, value, now, told)
		}
	}
	if got, err := r.do("GET", metrics.Listener.Address, "/", nil); err != nil || got.status != http.StatusNotFound || !strings.Contains(got.body, "/metrics") {
		t.Errorf("%v %+v", err, got)
	}
}
