package load

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast"
)

// A replica keeps baskets: in its own memory, or where all replicas look.
type replica struct {
	name  string
	mu    *sync.Mutex
	next  *int
	kept  map[string][]string
	hosts map[string]bool
}

func (s *replica) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts[r.Host] = true
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	cookie, err := r.Cookie("sid")
	if err != nil {
		*s.next++
		session := fmt.Sprintf("session-%d", *s.next)
		s.kept[session] = []string{}
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: session, HttpOnly: true, Path: "/"})
		fmt.Fprintf(w, `{"session":%q,"served_by":%q}`, session, s.name)
		return
	}
	if r.Method == http.MethodPost {
		s.kept[cookie.Value] = append(s.kept[cookie.Value], r.URL.Query().Get("item"))
	}
	fmt.Fprintf(w, `{"of":"/baskets/%s","served_by":%q,"items":%q,"user":%q}`, cookie.Value, s.name, s.kept[cookie.Value], r.Header.Get("X-User"))
}

func (s *replica) serve(t *testing.T) string {
	s.mu, s.next, s.kept, s.hosts = &sync.Mutex{}, new(int), map[string][]string{}, map[string]bool{}
	return s.again(t)
}

func (s *replica) again(t *testing.T) string {
	return strings.TrimPrefix(serve(t, s.ServeHTTP), "http://")
}

func basket() Session {
	cookie := []holdfast.Field{{Name: "Cookie", Value: "{{sid}}"}, {Name: "X-User", Value: "{{id}}"}}
	return Session{Name: "basket", Steps: []Step{
		{Name: "basket/1", Method: "GET", URL: "http://shop.test/", Capture: []holdfast.Capture{{Name: "sid", Header: "Set-Cookie"}, {Name: "session", JSON: "session"}}},
		{Name: "basket/2", Method: "POST", URL: "http://shop.test/basket?item=tea", Header: cookie},
		{Name: "basket/3", Method: "GET", URL: "http://shop.test/basket", Header: cookie},
	}}
}

func walked(t *testing.T, id string, at func(step int) string) []Answer {
	t.Helper()
	answers, err := Walk(t.Context(), basket(), Way{ID: id, Timeout: 10 * time.Second, At: func(step int) (string, error) { return at(step), nil }})
	if err != nil || len(answers) != 3 {
		t.Fatalf("%+v, %v", answers, err)
	}
	return answers
}

// TestASessionInMemoryIsLostOnTheWay walks over one replica, and over two: with
// memories of their own, of which the second misses what the first was told, and
// with one that they share.
func TestASessionInMemoryIsLostOnTheWay(t *testing.T) {
	t.Parallel()
	alone := &replica{name: "web-1"}
	one := alone.serve(t)
	want := walked(t, runID(1, 0, 1), func(int) string { return one })
	for name, shares := range map[string]bool{"in memory": false, "shared": true} {
		t.Run(name, func(t *testing.T) {
			first, second := &replica{name: "web-1"}, &replica{name: "web-2"}
			at := []string{first.serve(t), second.serve(t)}
			if *first.next = 40; shares { // its sessions have other names than those of the lone one
				second.mu, second.next, second.kept = first.mu, first.next, first.kept
			}
			got := walked(t, runID(1, 0, 2), func(step int) string { return at[(step+1)%2] }) // 1, 2, 1
			var differs []string
			for n := range got {
				if text := Differs(want[n], got[n], []string{"served_by"}); text != "" {
					differs = append(differs, got[n].Name+": "+text)
				}
			}
			switch {
			case shares && differs != nil:
				t.Errorf("differs: %q", differs)
			case !shares && fmt.Sprint(differs) != `[basket/3: "items" in the body is ["tea"], not []]`:
				t.Errorf("differs: %q", differs)
			}
			if !first.hosts["shop.test"] || len(first.hosts) != 1 {
				t.Errorf("asked by %v", first.hosts)
			}
			if text := Differs(want[1], got[1], nil); !strings.Contains(text, `"served_by" in the body is "web-1", not "web-2"`) {
				t.Errorf("what is not volatile does not count: %q", text)
			}
		})
	}
}

func TestAWalkEndsWhereItIsNotAnswered(t *testing.T) {
	t.Parallel()
	shop := newStore()
	shop.spoil = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			http.Error(w, "nothing for s3cret-word", http.StatusBadGateway)
			return true
		}
		return false
	}
	base := serve(t, shop.ServeHTTP)
	way := Way{ID: runID(1, 0, 1), Timeout: 10 * time.Second, Look: func(string) (string, bool) { return "Bearer s3cret-word", true },
		At: func(int) (string, error) { return strings.TrimPrefix(base, "http://"), nil }}
	answers, err := Walk(t.Context(), shopping(base), way)
	if err != nil || len(answers) != 2 || answers[0].Failed != "" {
		t.Fatalf("%+v, %v", answers, err)
	}
	if last := answers[1]; last.Status != 502 || last.Failed != "expected: status below 400" || last.Body != "nothing for env:SHOP_TOKEN\n" {
		t.Errorf("%+v", last)
	}
	way.At = func(step int) (string, error) { return "", errors.New("it does not come back") }
	if _, err := Walk(t.Context(), shopping(base), way); err == nil || err.Error() != "walk: step 1: it does not come back" {
		t.Errorf("got %v", err)
	}
	way.At = func(int) (string, error) { return "127.0.0.1:1", nil }
	if answers, err := Walk(t.Context(), shopping(base), way); err != nil || len(answers) != 1 || answers[0].Failed != "connect: connection refused" {
		t.Errorf("%+v, %v", answers, err)
	}
	way.Look = nil
	if _, err := Walk(t.Context(), shopping(base), way); err == nil || !strings.Contains(err.Error(), "SHOP_TOKEN") {
		t.Errorf("got %v", err)
	}
}

func TestWhereAnswersDiffer(t *testing.T) {
	jsonOf := func(body string) Answer { return Answer{Status: 200, Type: "application/json", Body: body} }
	knows := func(a Answer, captured string) Answer {
		a.known = map[string]string{"cart": captured}
		return a
	}
	for _, c := range []struct {
		name     string
		a, b     Answer
		volatile []string
		want     string
	}{
		{name: "the same", a: jsonOf(`{"a":1,"b":[1,2]}`), b: jsonOf(` { "b":[1, 2],"a":1}`)},
		{name: "a status", a: Answer{Status: 200}, b: Answer{Status: 404}, want: "status 200, not 404"},
		{name: "one failed", a: Answer{Status: 200}, b: Answer{Status: 200, Failed: `expected: body holds "tea"`}, want: `answered well, not expected: body holds "tea"`},
		{name: "a type", a: jsonOf("{}"), b: Answer{Status: 200, Type: "text/html", Body: "{}"}, want: `a body of type "application/json", not "text/html"`},
		{name: "a location", a: Answer{Location: "/a"}, b: Answer{Location: "/b"}, want: `location "/a", not "/b"`},
		{name: "a number", a: jsonOf(`{"a":{"b":[1,{"c":2}]}}`), b: jsonOf(`{"a":{"b":[1,{"c":3}]}}`), want: `"a.b.1.c" in the body is 2, not 3`},
		{name: "beyond what a float holds", a: jsonOf(`9007199254740993`), b: jsonOf(`9007199254740992`), want: `the body is 9007199254740993, not 9007199254740992`},
		{name: "a text is no number", a: jsonOf(`{"a":"1"}`), b: jsonOf(`{"a":1}`), want: `"a" in the body is "1", not 1`},
		{name: "null is nothing else", a: jsonOf(`{"a":null}`), b: jsonOf(`{"a":{}}`), want: `"a" in the body is null, not {}`},
		{name: "one less", a: jsonOf(`{"items":["tea"]}`), b: jsonOf(`{"items":[]}`), want: `"items" in the body is ["tea"], not []`},
		{name: "many less", a: jsonOf(`[` + strings.Repeat(`"tea",`, 20) + `"tea"]`), b: jsonOf(`[]`), want: `the body has 21 items, not 0`},
		{name: "not there", a: jsonOf(`{"a":1,"b":2}`), b: jsonOf(`{"a":1}`), want: `"b" in the body is 2, and is not there in the other`},
		{name: "there", a: jsonOf(`{}`), b: jsonOf(`{"b":2}`), want: `"b" in the body is not there, and is 2 in the other`},
		{name: "volatile at any depth", a: jsonOf(`{"at":1,"x":[{"at":1,"y":1}]}`), b: jsonOf(`{"x":[{"at":2,"y":1}]}`), volatile: []string{"at"}},
		{name: "volatile hides nothing else", a: jsonOf(`{"at":1,"x":[{"at":1,"y":1}]}`), b: jsonOf(`{"at":2,"x":[{"at":2,"y":2}]}`), volatile: []string{"at"}, want: `"x.0.y" in the body is 1, not 2`},
		{name: "captured", a: knows(jsonOf(`{"cart":"1","of":"/carts/1"}`), "1"), b: knows(jsonOf(`{"cart":"2","of":"/carts/1"}`), "2")},
		{name: "captured, and of another one", a: knows(jsonOf(`{"cart":"1"}`), "1"), b: knows(jsonOf(`{"cart":"3"}`), "2"), want: `"cart" in the body is "1", not "3"`},
		{name: "captured, and inside", a: knows(jsonOf(`{"of":"/carts/cart-1"}`), "cart-1"), b: knows(jsonOf(`{"of":"/carts/cart-2"}`), "cart-2")},
		{name: "captured, and a key", a: knows(jsonOf(`{"cart-1":[1]}`), "cart-1"), b: knows(jsonOf(`{"cart-2":[1]}`), "cart-2")},
		{name: "a captured number", a: knows(jsonOf(`{"cart":17}`), "17"), b: knows(jsonOf(`{"cart":18}`), "18")},
		{name: "text", a: Answer{Body: "two items"}, b: Answer{Body: "two items"}},
		{name: "another text", a: Answer{Body: "a basket with two items in it"}, b: Answer{Body: "a basket with no items in it"}, want: `body: "a basket with two items in it", not "a basket with no items in it", from byte 0 on`},
		{name: "more than one value is text", a: jsonOf(`{} {}`), b: jsonOf(`{}`), want: `body: "{} {}", not "{}", from byte 0 on`},
	} {
		if got := Differs(c.a, c.b, c.volatile); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func FuzzDiffers(f *testing.F) {
	f.Add(`{"a":[1,"x"]}`, `{"a":[1,"y"]}`, "a", "x")
	f.Add(`text`, `{}`, "", "cart-1")
	f.Fuzz(func(t *testing.T, one, two, volatile, captured string) {
		known := map[string]string{"x": captured}
		a, b := Answer{Body: one, known: known}, Answer{Body: two, known: known}
		if got := Differs(a, a, []string{volatile}); got != "" {
			t.Errorf("an answer differs from itself: %s", got)
		}
		if there, back := Differs(a, b, []string{volatile}), Differs(b, a, []string{volatile}); (there == "") != (back == "") {
			t.Errorf("there %q, back %q", there, back)
		}
	})
}

// A total that a step captures is no identifier of its user: two who do the same are
// told the same. One who is told less has lost something.
func TestWhatTwoUsersAreToldAlikeIsNobodysOwn(t *testing.T) {
	total := func() string {
		mu, sums := sync.Mutex{}, map[string]int{}
		return strings.TrimPrefix(serve(t, func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			user := r.URL.Query().Get("user")
			sums[user]++
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"ticket":"t-%s","total":%d}`, user, sums[user])
		}), "http://")
	}
	add := func(name string, captures ...holdfast.Capture) Step {
		return Step{Name: name, Method: "POST", URL: "http://shop.test/add?user={{id}}", Capture: captures}
	}
	session := Session{Name: "add", Steps: []Step{
		add("add/1", holdfast.Capture{Name: "ticket", JSON: "ticket"}),
		add("add/2", holdfast.Capture{Name: "total", JSON: "total"}, holdfast.Capture{Name: "again", JSON: "ticket"}),
	}}
	one, two := total(), total()
	walk := func(id string, at ...string) []Answer {
		answers, err := Walk(t.Context(), session, Way{ID: id, Timeout: 10 * time.Second, At: func(step int) (string, error) { return at[step-1], nil }})
		if err != nil || len(answers) != 2 {
			t.Fatalf("%+v, %v", answers, err)
		}
		return answers
	}
	first, second, lost, kept := walk("user-one", one, one), walk("user-two", two, two), walk("user-three", one, two), walk("user-four", one, one)
	shared := Alike(first, second, 1)
	if fmt.Sprint(shared) != "[total]" || len(Alike(first, second, 2)) != 0 {
		t.Errorf("two users captured alike: %q", shared)
	}
	if differs := Differs(lost[1].Owning(shared), first[1].Owning(shared), nil); differs != `"total" in the body is 1, not 2` {
		t.Errorf("a lost total: %q", differs)
	}
	if differs := Differs(kept[1].Owning(shared), first[1].Owning(shared), nil); differs != "" {
		t.Errorf("a kept one: %q", differs)
	}
}
