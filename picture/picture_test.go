package picture

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast"
	"holdfast/check"
	"holdfast/internal/golden"
	"holdfast/source"
	"holdfast/spec"
)

// fifteen is the file that must be enough, from the plan of the house.
const fifteen = `name: shop
owner: shop-team
promise: 99.9%
services:
  storefront:
    command: ./storefront
    replicas: 3
    ports: ["8080"]
    depends_on: [catalog, cart]
  catalog:
    command: ./catalog
    replicas: 2
  cart:
    command: ./cart
    replicas: 2
`

// file is one of services in one line each, for their needs.
func file(services ...string) string {
	var b strings.Builder
	b.WriteString("name: it\nowner: us\npromise: 99.9%\nservices:\n")
	for _, service := range services {
		name, rest, _ := strings.Cut(service, ":")
		fmt.Fprintf(&b, "  %s: {command: ./serve, %s}\n", name, strings.TrimSpace(rest))
	}
	return b.String()
}

func chain(n int) string {
	var services []string
	for i := 1; i <= n; i++ {
		s := fmt.Sprintf("step-%d: replicas: 2", i)
		if i == 1 {
			s += `, ports: ["8080"]`
		}
		if i < n {
			s += fmt.Sprintf(", depends_on: [step-%d]", i+1)
		}
		services = append(services, s)
	}
	return file(services...)
}

func star(n int) string {
	var needs, services []string
	for i := 1; i <= n; i++ {
		needs = append(needs, fmt.Sprintf("ray-%d", i))
		services = append(services, fmt.Sprintf("ray-%d: replicas: %d", i, 1+i%3))
	}
	return file(append([]string{`hub: replicas: 2, ports: ["8080"], depends_on: [` + strings.Join(needs, ", ") + "]"}, services...)...)
}

// everything is a system that has all that a picture can show.
const everything = `name: shop
owner: shop-team
zones: [a, b]
promise: 99%
promises:
  checkout: {service: web, route: /checkout, target: 99.5%}
services:
  web:
    command: ./web
    replicas: 3
    zones: [a]
    ports: ["8080", "10.0.0.5:443"]
    depends_on:
      catalog: {fallback: {stale: 5m}}
      cart:
      ads: {fallback: {json: '{"ads": "<none> & \"few\""}'}}
      hints: {required: false}
      psp: {for: [/checkout, /pay]}
      migrate: {condition: completed}
  catalog: {command: ./catalog, replicas: 2, depends_on: [db]}
  cart: {command: ./cart, shares: [mail-relay], replicas: 2, depends_on: [db], owner: "the #1 \"cart\" & _co_ [50%% off]"}
  ads: {command: ./ads, replicas: 2}
  hints: {command: ./hints}
  psp: {urls: ["https://psp.example/up", "https://psp.example:8443/up"], promise: 99.9%}
  migrate: {command: ./migrate, restart: "no"}
  db: {command: ./db, replicas: 3, stateful: {quorum: true, backup: nightly}}
  reports: {command: ./reports, depends_on: [db]}
`

// systems are what pictures are drawn of, by the names of their goldens.
func systems(t testing.TB) map[string]string {
	all := map[string]string{
		"fifteen-lines": fifteen,
		"everything":    everything,
		"diamond":       file(`web: replicas: 2, ports: ["8080"], depends_on: [left, right]`, "left: replicas: 2, depends_on: [store]", "right: replicas: 2, depends_on: [store]", "store: replicas: 2"),
		"chain-10":      chain(10),
		"star-15":       star(15),
		"two-trees":     file(`web: replicas: 2, ports: ["8080"], depends_on: [cart, mail]`, "cart: replicas: 2", "mail: replicas: 1", `admin: replicas: 1, ports: ["9090"], depends_on: [users]`, "users: replicas: 2, depends_on: [ldap]", "ldap: replicas: 2"),
		"skips":         file(`web: replicas: 2, ports: ["8080"], depends_on: [cart, db, log]`, "cart: replicas: 2, depends_on: [stock]", "stock: replicas: 2, depends_on: [db]", "db: replicas: 2, depends_on: [log]", "log: replicas: 2"),
		"crossing":      file(`web: replicas: 2, ports: ["8080"], depends_on: [cart, catalog]`, "cart: replicas: 2, depends_on: [db, cache]", "catalog: replicas: 2, depends_on: [db, cache]", "db: replicas: 2", "cache: replicas: 2"),
		"unpublished":   "name: it\nowner: us\nservices:\n  a: {command: ./a, depends_on: [b]}\n  b: {command: ./b, replicas: 2}\n  c: {command: ./c}\n",
		"elsewhere":     "name: it\nowner: us\nservices:\n  a: {urls: [\"http://a.example\"]}\n",
		"too-many":      chain(21),
	}
	for _, name := range []string{"shop", "existing"} {
		text, err := os.ReadFile("../examples/" + name + "/holdfast.yaml")
		if err != nil {
			t.Fatal(err)
		}
		all["examples-"+name] = string(text)
	}
	return all
}

func read(t testing.TB, text string) *holdfast.System {
	t.Helper()
	file := source.File{Name: "holdfast.yaml", Text: []byte(text), Dir: "/srv"}
	reading := spec.Understand(file, map[string]string{})
	if reading.System == nil {
		t.Fatalf("refused:\n%s", file.Show(reading.Problems, false))
	}
	return reading.System
}

func pictureOf(t testing.TB, text string) Picture {
	t.Helper()
	system := read(t, text)
	_, summary := check.Judge(system, check.Facts{})
	return Of(system, summary)
}

func TestPictures(t *testing.T) {
	for name, text := range systems(t) {
		t.Run(name, func(t *testing.T) {
			p := pictureOf(t, text)
			golden.Compare(t, filepath.Join("testdata", name+".txt"), p.Text(Terminal{Width: MaxWidth}))
			golden.Compare(t, filepath.Join("testdata", name+".mmd"), p.Mermaid())
			golden.Compare(t, filepath.Join("testdata", name+".dot"), p.Dot())
		})
	}
}
