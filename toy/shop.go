package toy

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	askPatience = 2 * time.Second
	maxAnswer   = 1 << 20 // bytes of a dependency's answer
	maxKept     = 64      // idle connections kept to each dependency
)

// An item is what the shop sells.
type item struct {
	Name  string `json:"name"`
	Cents int    `json:"cents"`
}

// A page is what a service of the shop answers, whichever it is: what it has
// itself, and beside it the pages of those it asked.
type page struct {
	Replica         string          `json:"replica"`
	Items           []item          `json:"items,omitempty"`
	Methods         []string        `json:"methods,omitempty"`
	Catalog         json.RawMessage `json:"catalog,omitempty"`
	Cart            json.RawMessage `json:"cart,omitempty"`
	Payments        json.RawMessage `json:"payments,omitempty"`
	Recommendations json.RawMessage `json:"recommendations,omitempty"`
	Error           string          `json:"error,omitempty"`
}

// place is where a dependency's page goes.
func (p *page) place(name string) *json.RawMessage {
	switch name {
	case "catalog":
		return &p.Catalog
	case "cart":
		return &p.Cart
	case "payments":
		return &p.Payments
	default:
		return &p.Recommendations
	}
}

// A room is one page of a service: where it is, what stands on it anyway, and
// whose pages it is composed of.
type room struct {
	path string
	own  page
	asks []string
}

// rooms are the pages of each service. Only the storefront has several, which
// need different things: /browse goes on without a cart, /basket without a
// catalog, and /about without anything.
func rooms(service string) []room {
	switch service {
	case "storefront":
		return []room{
			{path: "/{$}", asks: []string{"catalog", "cart", "recommendations"}},
			{path: "/browse", asks: []string{"catalog", "recommendations"}},
			{path: "/basket", asks: []string{"cart"}},
			{path: "/about"},
		}
	case "catalog":
		return []room{{path: "/{$}", own: page{Items: []item{
			{Name: "storm lantern", Cents: 3900}, {Name: "mooring line, 12 m", Cents: 2450}, {Name: "brass compass", Cents: 8900}, {Name: "wool watch cap", Cents: 1800},
		}}}}
	case "cart":
		return []room{{path: "/{$}", own: page{Items: []item{{Name: "brass compass", Cents: 8900}}}, asks: []string{"payments"}}}
	case "payments":
		return []room{{path: "/{$}", own: page{Methods: []string{"card", "invoice", "gold"}}}}
	case "recommendations":
		return []room{{path: "/{$}", own: page{Items: []item{{Name: "wool watch cap", Cents: 1800}}}}}
	default:
		return nil
	}
}

// open is the service's handler: its pages, and /healthz, which says that this
// process answers and nothing about what it depends on.
func open(service, replica string, h habits, getenv func(string) string) (http.Handler, error) {
	found := rooms(service)
	if found == nil {
		return nil, fmt.Errorf("no service %q: want %s", service, known)
	}
	c := newComposer(replica, h.asks, getenv)
	routes := http.NewServeMux()
	routes.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok\n") })
	for _, room := range found {
		routes.HandleFunc("GET "+room.path, func(w http.ResponseWriter, r *http.Request) { c.serve(w, r, room) })
	}
	if h.store != "" {
		kept, err := openCarts(h)
		if err != nil {
			return nil, err
		}
		kept.routes(routes, replica)
	}
	return routes, nil
}

const known = "storefront, catalog, cart, payments or recommendations"

func answer(w http.ResponseWriter, status int, p page) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(p) // a client that is gone is nobody to tell
}

// A composer makes pages out of those of the services it depends on, and has
// none when one of them does not answer: it was written by somebody who never
// saw that happen.
type composer struct {
	replica string
	asks    string // the protocol of those it depends on
	getenv  func(string) string
	client  *http.Client
}

func newComposer(replica, asks string, getenv func(string) string) *composer {
	return &composer{
		replica: replica,
		asks:    asks,
		getenv:  getenv,
		client: &http.Client{
			Timeout:   askPatience,
			Transport: &http.Transport{Protocols: protocols(asks), MaxIdleConnsPerHost: maxKept, IdleConnTimeout: idlePatience},
		},
	}
}

// serve asks everybody the page needs at once. The first in the page's order that
// failed is named.
func (c *composer) serve(w http.ResponseWriter, r *http.Request, room room) {
	p := room.own
	p.Replica = c.replica
	failures := make([]error, len(room.asks))
	var asking sync.WaitGroup
	for i, name := range room.asks {
		into := p.place(name)
		asking.Go(func() { *into, failures[i] = c.ask(r, name) })
	}
	asking.Wait()
	for i, err := range failures {
		if err != nil {
			answer(w, http.StatusBadGateway, page{Replica: c.replica, Error: room.asks[i] + ": " + err.Error()})
			return
		}
	}
	answer(w, http.StatusOK, p)
}

// ask gets a dependency's page in the protocol it speaks, or nothing where there is no such dependency.
// It asks once, and never again; net/http, like most clients, still repeats a
// GET by itself when a kept connection turns out to be closed.
func (c *composer) ask(r *http.Request, name string) (json.RawMessage, error) {
	url := c.getenv(strings.ToUpper(name) + "_URL")
	switch {
	case url == "":
		return nil, nil
	case c.asks == overGRPC:
		return c.call(r, url, name)
	}
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, strings.TrimSuffix(url, "/")+"/", nil)
	if err != nil {
		return nil, err
	}
	response, err := c.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case err != nil:
		return nil, err
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("answered %s", response.Status)
	case !json.Valid(text):
		return nil, fmt.Errorf("answered something that is not JSON")
	}
	return text, nil
}
