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

// A page is what a service of the shop answers, whichever it is.
type page struct {
	Replica string          `json:"replica"`
	Items   []item          `json:"items,omitempty"`
	Catalog json.RawMessage `json:"catalog,omitempty"`
	Cart    json.RawMessage `json:"cart,omitempty"`
	Error   string          `json:"error,omitempty"`
}

// open is the service's handler: its page at /, and /healthz, which says that
// this process answers and nothing about what it depends on.
func open(service, replica string, getenv func(string) string) (http.Handler, error) {
	routes := http.NewServeMux()
	routes.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok\n") })
	switch service {
	case "catalog":
		routes.HandleFunc("GET /{$}", goods(page{Replica: replica, Items: []item{
			{Name: "storm lantern", Cents: 3900}, {Name: "mooring line, 12 m", Cents: 2450}, {Name: "brass compass", Cents: 8900}, {Name: "wool watch cap", Cents: 1800},
		}}))
	case "cart":
		routes.HandleFunc("GET /{$}", goods(page{Replica: replica, Items: []item{{Name: "brass compass", Cents: 8900}}}))
	case "storefront":
		routes.Handle("GET /{$}", newStorefront(replica, getenv))
	default:
		return nil, fmt.Errorf("no service %q: want storefront, catalog or cart", service)
	}
	return routes, nil
}

// goods answers with the same page always.
func goods(p page) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { answer(w, http.StatusOK, p) }
}

func answer(w http.ResponseWriter, status int, p page) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(p) // a client that is gone is nobody to tell
}

// A storefront composes its page from those of the services it depends on, and
// has none when one of them does not answer.
type storefront struct {
	replica string
	catalog string // where it is asked; "" where there is none
	cart    string
	client  *http.Client
}

func newStorefront(replica string, getenv func(string) string) *storefront {
	return &storefront{
		replica: replica,
		catalog: getenv("CATALOG_URL"),
		cart:    getenv("CART_URL"),
		client: &http.Client{
			Timeout:   askPatience,
			Transport: &http.Transport{MaxIdleConnsPerHost: maxKept, IdleConnTimeout: idlePatience},
		},
	}
}

func (s *storefront) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := page{Replica: s.replica}
	var catalogErr, cartErr error
	var asking sync.WaitGroup
	asking.Go(func() { p.Catalog, catalogErr = s.ask(r, s.catalog) })
	asking.Go(func() { p.Cart, cartErr = s.ask(r, s.cart) })
	asking.Wait()
	switch {
	case catalogErr != nil:
		answer(w, http.StatusBadGateway, page{Replica: s.replica, Error: "catalog: " + catalogErr.Error()})
	case cartErr != nil:
		answer(w, http.StatusBadGateway, page{Replica: s.replica, Error: "cart: " + cartErr.Error()})
	default:
		answer(w, http.StatusOK, p)
	}
}

// ask gets a dependency's page, or nothing where there is no such dependency.
// It asks once, and never again; net/http, like most clients, still repeats a
// GET by itself when a kept connection turns out to be closed.
func (s *storefront) ask(r *http.Request, url string) (json.RawMessage, error) {
	if url == "" {
		return nil, nil
	}
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, strings.TrimSuffix(url, "/")+"/", nil)
	if err != nil {
		return nil, err
	}
	response, err := s.client.Do(request)
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
