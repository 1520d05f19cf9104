package load

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast"
)

// A store is a shop as a session uses it: it opens a cart, fills it, shows it and
// takes orders. spoil is how it fails.
type store struct {
	spoil func(w http.ResponseWriter, r *http.Request) bool // answered, if true

	mu     sync.Mutex
	carts  map[string][]string
	orders []string
	seen   []string // what was asked, and by whom
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	s.seen = append(s.seen, fmt.Sprintf("%s %s %s %s", r.Method, r.URL, r.Header.Get("Authorization"), body))
	if s.spoil != nil && s.spoil(w, r) {
		return
	}
	switch path := r.URL.Path; {
	case r.Method == http.MethodPost && path == "/carts":
		cart := fmt.Sprintf("c/%d", len(s.carts)+1) // a slash, which must not become a part of a path
		s.carts[cart] = nil
		w.Header().Set("X-Cart", cart)
		w.WriteHeader(http.StatusCreated)
		json.NewEncoder(w).Encode(map[string]any{"carts": []any{map[string]any{"id": cart}}})
	case r.Method == http.MethodPut:
		cart := strings.TrimPrefix(path, "/carts/")
		s.carts[cart] = append(s.carts[cart], string(body))
	case r.Method == http.MethodGet && strings.HasPrefix(path, "/carts/"):
		json.NewEncoder(w).Encode(map[string]any{"items": s.carts[strings.TrimPrefix(path, "/carts/")]})
	case r.Method == http.MethodPost && path == "/orders":
		s.orders = append(s.orders, string(body))
	case path == "/orders":
		fmt.Fprint(w, strings.Join(s.orders, "\n"))
	default:
		http.NotFound(w, r)
	}
}

func newStore() *store { return &store{carts: map[string][]string{}} }

// shopping is a session with everything a step can have.
func shopping(base string) Session {
	return Session{Name: "shopping", Weight: 1, Steps: []Step{
		{Name: "shopping/1 POST shop/carts", Method: "POST", URL: base + "/carts",
			Header:  []holdfast.Field{{Name: "Authorization", Value: "env:SHOP_TOKEN"}},
			Expect:  holdfast.Expectation{Status: []int{200, 201}, Header: []holdfast.Field{{Name: "X-Cart", Value: "c/"}}},
			Capture: []holdfast.Capture{{Name: "cart", JSON: "carts.0.id"}, {Name: "same", Header: "X-Cart"}}},
		{Name: "shopping/2 PUT shop/carts", Method: "PUT", URL: base + "/carts/{{cart}}?same={{same}}", Body: `a basket for {{id}}`},
		{Name: "shopping/3 GET shop/carts", Method: "GET", URL: base + "/carts/{{cart}}",
			Expect: holdfast.Expectation{Body: []string{"basket", "{{id}}"}, Not: []string{"error"}}},
		{Name: "shopping/4 POST shop/orders", Method: "POST", URL: base + "/orders", Body: `{{id}} {{cart}}`, Write: true},
	}}
}

func shoppingPlan(base string) Plan {
	p := plan(base)
	p.Targets, p.Sessions = nil, []Session{shopping(base)}
	p.Rate, p.For, p.Late = 50, time.Second, 3*time.Second
	return p
}

// carry carries out a plan in a process of its own, which has the secret.
func carry(t *testing.T, p Plan, enough func(results []Result) bool) Record {
	t.Helper()
	g := start(t, p, "SHOP_TOKEN=Bearer s3cret-word")
	until(t, "enough results", func() bool { return enough(g.Snapshot()) })
	return stop(t, g)
}

// finished are the last steps of the runs that came to their end: the one that
// failed, or the last there is. What the end of the load cut short is none.
func finished(results []Result) []Result {
	last := map[string]Result{}
	for _, result := range results {
		if result.Session != "" && result.Step > last[result.Run].Step {
			last[result.Run] = result
		}
	}
	maps.DeleteFunc(last, func(_ string, r Result) bool { return !r.Failed && r.Step != r.Of })
	return slices.Collect(maps.Values(last))
}

func arrived(n int) func([]Result) bool {
	return func(results []Result) bool { return len(finished(results)) >= n }
}

func TestASessionIsFollowed(t *testing.T) {
	t.Parallel()
	shop := newStore()
	record := carry(t, shoppingPlan(serve(t, shop.ServeHTTP)), arrived(40))
	byRun := map[string][]Result{}
	for _, result := range record.Results {
		if result.Failed {
			t.Fatalf("a good shop failed somebody: %+v", result)
		}
		byRun[result.Run] = append(byRun[result.Run], result)
	}
	for id, steps := range byRun {
		for n, result := range steps {
			if result.Step != n+1 || result.Of != 4 || result.Write != (n == 3) || result.Session != "shopping" {
				t.Fatalf("run %s, step %d: %+v", id, n+1, result)
			}
			if n > 0 && result.Intended != steps[n-1].Ended {
				t.Fatalf("run %s: step %d was due at %d, and the answer before it ended at %d", id, n+1, result.Intended, steps[n-1].Ended)
			}
		}
	}
	shop.mu.Lock()
	defer shop.mu.Unlock()
	for _, asked := range shop.seen {
		if strings.HasPrefix(asked, "POST /carts") && !strings.Contains(asked, "Bearer s3cret-word") {
			t.Errorf("without the secret: %s", asked)
		}
		if strings.HasPrefix(asked, "PUT") && (!strings.Contains(asked, "/carts/c%2F") || !strings.Contains(asked, "?same=c%2F")) {
			t.Errorf("a captured text did not stay one part of the URL: %s", asked)
		}
	}
	orders := map[string]bool{}
	for _, order := range shop.orders {
		id, cart, _ := strings.Cut(order, " ")
		if orders[id] || byRun[id] == nil || !strings.HasPrefix(cart, "c/") {
			t.Errorf("ordered twice, or by nobody: %q", order)
		}
		orders[id] = true
	}
	if len(orders) < 40 {
		t.Errorf("%d orders of at least 40 users", len(orders))
	}
}

// TestAStepThatIsNotAnsweredWellEndsItsRun spoils one thing after the other: what
// the user saw must be said, and nothing be asked after it.
func TestAStepThatIsNotAnsweredWellEndsItsRun(t *testing.T) {
	t.Parallel()
	on := func(method, says string, status int, headers ...string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != method {
				return false
			}
			for _, header := range headers {
				name, value, _ := strings.Cut(header, ": ")
				w.Header().Set(name, value)
			}
			w.WriteHeader(status)
			io.WriteString(w, says)
			return true
		}
	}
	for name, c := range map[string]struct {
		spoil func(http.ResponseWriter, *http.Request) bool
		step  int
		want  string
		body  string
	}{
		"an empty cart with 200":      {spoil: on("GET", `{"items":[]}`, 200), step: 3, want: `expected: body holds "basket"`, body: `{"items":[]}`},
		"somebody else's cart":        {spoil: on("GET", `a basket for hf-0`, 200), step: 3, want: `expected: body holds "{{id}}"`, body: `a basket for hf-0`},
		"a status of its own":         {spoil: on("POST", `{}`, 202, "X-Cart: c/1"), step: 1, want: "expected: status 200 or 201", body: "{}"},
		"any failure":                 {spoil: on("PUT", `no such cart`, 404), step: 2, want: "expected: status below 400", body: "no such cart"},
		"another header":              {spoil: on("POST", `{}`, 201, "X-Cart: none"), step: 1, want: `expected: header X-Cart holds "c/"`, body: "{}"},
		"nothing to capture":          {spoil: on("POST", `{"carts":[]}`, 201, "X-Cart: c/1"), step: 1, want: "expected: carts.0.id in the body, to capture cart", body: `{"carts":[]}`},
		"too much to capture":         {spoil: on("POST", `{"carts":[{"id":"`+strings.Repeat("x", maxCaptured+1)+`"}]}`, 201, "X-Cart: c/1"), step: 1, want: "expected: carts.0.id in the body of at most 4096 bytes, to capture cart", body: `{"carts":[{"id":"` + strings.Repeat("x", 183)},
		"the secret comes back":       {spoil: on("POST", `who is Bearer s3cret-word, or s3cret-word`, 401), step: 1, want: "expected: status 200 or 201", body: "who is env:SHOP_TOKEN, or env:SHOP_TOKEN"},
		"more than is looked through": {spoil: on("GET", "a basket for all of them: "+strings.Repeat("hf-", maxText), 200), step: 3, want: `expected: body holds "{{id}}"`, body: "a basket for all of them: " + strings.Repeat("hf-", 58)},
	} {
		t.Run(name, func(t *testing.T) {
			shop := newStore()
			shop.spoil = c.spoil
			p := shoppingPlan(serve(t, shop.ServeHTTP))
			p.Rate = 20
			record := carry(t, p, arrived(3))
			for _, result := range record.Results {
				switch {
				case result.Step > c.step:
					t.Fatalf("asked after it: %+v", result)
				case result.Failed != (result.Step == c.step):
					t.Fatalf("step %d: %+v", result.Step, result)
				case result.Failed && (result.Error != c.want || result.Body != c.body || result.Class() != Failed):
					t.Fatalf("%s\n said %q, want %q", result.Error, result.Body, c.body)
				}
			}
			for _, last := range finished(record.Results) {
				if !last.Failed || last.Step != c.step || last.Error != c.want {
					t.Fatalf("the run ended with %+v", last)
				}
			}
		})
	}
}

// TestWhatIsCapturedEndsNoHeader: a server that gives two lines to put into one
// gets neither.
func TestWhatIsCapturedEndsNoHeader(t *testing.T) {
	t.Parallel()
	shop := newStore()
	shop.spoil = func(w http.ResponseWriter, r *http.Request) bool {
		fmt.Fprint(w, `{"id":"x\r\nX-Admin: yes"}`)
		return true
	}
	base := serve(t, shop.ServeHTTP)
	p := shoppingPlan(base)
	p.Sessions[0].Steps = []Step{
		{Name: "1", Method: "GET", URL: base + "/", Capture: []holdfast.Capture{{Name: "x", JSON: "id"}}},
		{Name: "2", Method: "GET", URL: base + "/", Header: []holdfast.Field{{Name: "X-Id", Value: "{{x}}"}}},
	}
	for _, last := range finished(carry(t, p, arrived(3)).Results) {
		if last.Error != "send: header X-Id: more than one line" || last.Step != 2 {
			t.Errorf("%+v", last)
		}
	}
	if len(shop.seen) == 0 || slices.ContainsFunc(shop.seen, func(asked string) bool { return strings.Contains(asked, "yes") }) {
		t.Errorf("sent %q", shop.seen)
	}
}

func TestSecretsAreHidden(t *testing.T) {
	c := &course{secrets: map[string]string{"env:PIN": "4711", "env:TOKEN": "Bearer s3cret-word"}}
	for text, want := range map[string]string{
		"pin 4711, bearer of s3cret-word": "pin env:PIN, bearer of env:TOKEN",
		"no Bearer s3cret-word here":      "no env:TOKEN here",
		"Bearer realm=shop":               "Bearer realm=shop",
	} {
		if got := c.hide(text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWithoutItsSecretThereIsNoLoad(t *testing.T) {
	t.Parallel()
	p := shoppingPlan("http://127.0.0.1:1")
	_, err := Start(t.Context(), self(), environment(), p)
	if err == nil || !strings.Contains(err.Error(), "session shopping: env:SHOP_TOKEN: the environment has no SHOP_TOKEN") {
		t.Errorf("got %v", err)
	}
	if got := p.Environment(); !slices.Equal(got, []string{"SHOP_TOKEN"}) {
		t.Errorf("the plan needs %q", got)
	}
}

// TestAnEndedLoadBeginsNoStep holds the first step of every run until the load
// was told to end.
func TestAnEndedLoadBeginsNoStep(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	shop := newStore()
	p := shoppingPlan(serve(t, func(w http.ResponseWriter, r *http.Request) {
		<-release
		shop.ServeHTTP(w, r)
	}))
	p.For = 200 * time.Millisecond
	g := start(t, p, "SHOP_TOKEN=x")
	until(t, "the schedule to be over", func() bool { return len(g.Snapshot()) == 0 && int64(now())-g.Began() > int64(400*time.Millisecond) })
	close(release)
	record := stop(t, g)
	if len(record.Results) != 10 || len(finished(record.Results)) != 0 {
		t.Errorf("%d results and %d finished runs, want the first step of ten", len(record.Results), len(finished(record.Results)))
	}
}

// TestTheFrontNeverPassesWhoWaits: what was told to be settled is never followed
// by a result that was due before.
func TestTheFrontNeverPassesWhoWaits(t *testing.T) {
	t.Parallel()
	var s sheet
	passed := int64(0)
	look := func(at int64) {
		t.Helper()
		if front := s.front(); front < passed {
			t.Fatalf("the front went back from %d to %d", passed, front)
		} else if passed = front; at < front {
			t.Fatalf("due at %d, and settled to %d", at, front)
		}
	}
	a := s.expect(100)
	b := s.expect(200)
	look(100)
	a2 := s.follow(a, Result{Ended: 5000}, 5000) // far beyond what has been scheduled
	look(200)
	s.settle(b, Result{})
	if s.front() != 201 {
		t.Errorf("settled to %d, want just behind the last arrival", s.front())
	}
	c := s.expect(300) // late
	look(300)
	s.settle(c, Result{})
	s.settle(a2, Result{})
	look(301)
	d := s.expect(10_000)
	look(10_000)
	s.settle(d, Result{})
	look(10_001)
}
