package compose

import (
	"strings"
	"testing"

	"holdfast/diagnostic"
	"holdfast/source"
	"holdfast/spec"
)

const shop = `name: shop
x-holdfast: {owner: shop-team, promise: 99.9%}
services:
  web:
    image: shop/web:1
    restart: always
    ports: ["8080:80", "9090:9090"]
    depends_on: [api, db]
    healthcheck: {test: ["CMD", "curl", "-f", "http://localhost/healthz"], interval: 5s, timeout: 2s, retries: 4}
  api:
    image: shop/api:1
    ports: ["127.0.0.1:3000-3001:3000"]
    deploy: {replicas: 2}
    x-holdfast: {owner: api-team}
  My_Cache:
    image: redis:7
    ports: ["6379:6379"]
  db:
    image: postgres:16
  migrate:
    image: shop/api:1
  odd:
    image: x:1
    ports: ["80"]
`

func TestInitWritesAFileThatCanBeRead(t *testing.T) {
	for name, text := range map[string]string{"compose.yaml": shop, "shop it's.yaml": shop} {
		written, problems, why := Init(source.File{Name: "deploy/" + name, Text: []byte(text), Dir: "/srv/My Shop"}, nil)
		if why != "" || len(problems) > 0 {
			t.Fatalf("%s: %s, %+v", name, why, problems)
		}
		system, found := spec.Read(source.File{Name: "holdfast.yaml", Text: []byte(written), Dir: "/srv/My Shop"}, nil)
		for _, p := range found {
			if p.Severity == diagnostic.Error {
				t.Errorf("%s: %s: %s", name, p.Place, p.Message)
			}
		}
		if system == nil {
			t.Fatalf("it cannot be read:\n%s", written)
		}
		if len(system.Services) != 3 || len(system.Prove.Allow) > 0 || system.Owner != "shop-team" {
			t.Errorf("%d services, allowed %v, of %s", len(system.Services), system.Prove.Allow, system.Owner)
		}
	}
}

func TestInitSaysWhatItGuessed(t *testing.T) {
	written, _, _ := Init(source.File{Name: "compose.yaml", Text: []byte(shop), Dir: "/srv/shop"}, nil)
	for _, want := range []string{
		`urls: ["http://127.0.0.1:8080"]   # guess: port 80 speaks http`,
		`# also published: 9090 for 9090`,
		`urls: ["http://127.0.0.1:3000", "http://127.0.0.1:3001"]`,
		`urls: ["tcp://127.0.0.1:6379"]` + "\n",
		`healthcheck: {path: "/healthz", interval: 5s, timeout: 2s, retries: 4}`,
		`healthcheck: {send: "PING\r\n", expect: "PONG"}   # guess`,
		`owner: "api-team"`,
		`depends_on: [api]`,
		`# also depends on, and not published: db`,
		`kill -KILL \"$$pid\"`,
		`break: "docker compose kill api"`,
		`mend: "docker compose start api"`,
		`break: "docker compose pause My_Cache"`,
		`# My_Cache in the Compose file`,
		`# db: {urls: ["tcp://127.0.0.1:5432"]}   # PostgreSQL`,
		`# odd:   the number of its port`,
	} {
		if !strings.Contains(written, want) {
			t.Errorf("it does not say %s:\n%s", want, written)
		}
	}
	for _, not := range []string{"kill web", "migrate"} {
		if strings.Contains(written, not) {
			t.Errorf("it says %s:\n%s", not, written)
		}
	}
}

// A health check that waits for long is given the time: no drill could pass else.
func TestInitBoundsWhatIsNoticedLate(t *testing.T) {
	for check, want := range map[string]string{
		"interval: 3s, timeout: 10s, retries: 10": "bounds: {detect: 45s}",
		"interval: 1m, timeout: 1h, retries: 100": "bounds: {detect: 24h0m0s}",
		"interval: 5s, timeout: 2s, retries: 4":   "",
		"interval: 10s, timeout: 3s, retries: 3":  "",
		"disable: true":                           "",
	} {
		text := "services:\n  cache:\n    image: redis:7\n    ports: [\"6379:6379\"]\n    healthcheck: {test: [CMD, redis-cli, ping], " + check + "}\n"
		written, problems, why := Init(source.File{Name: "compose.yaml", Text: []byte(text), Dir: "/srv/shop"}, nil)
		if why != "" || len(problems) > 0 {
			t.Fatalf("%s: %s, %+v", check, why, problems)
		}
		if strings.Contains(written, "bounds:") != (want != "") || !strings.Contains(written, want) {
			t.Errorf("%s: want %q in\n%s", check, want, written)
		}
	}
}

func TestInitNeedsSomethingToAsk(t *testing.T) {
	for text, want := range map[string]string{
		"services: {web: {image: a:1}}":                            "is published",
		"services: {web: {image: a:1, ports: [\"53:53/udp\"]}}":    "is published",
		"services: {web: {image: a:1, ports: [\"${PORT}:80\"]}}":   "is published",
		"services: {web: {image: a:1, ports: [\"80:80\"], prts: }": "cannot be read",
	} {
		if written, _, why := Init(source.File{Name: "compose.yaml", Text: []byte(text), Dir: "/srv"}, nil); written != "" || !strings.Contains(why, want) {
			t.Errorf("%s: %q, %q", text, why, written)
		}
	}
}

// What is written is kept in a repository: no token of the caller's is in it.
func TestInitWritesNoVariableOfAHealthCheck(t *testing.T) {
	text := "services: {web: {image: a:1, ports: [\"80:80\"], healthcheck: {test: [CMD, curl, \"http://localhost/up?token=${TOKEN}\"]}}}\n"
	written, _, why := Init(source.File{Name: "compose.yaml", Text: []byte(text), Dir: "/srv"}, map[string]string{"TOKEN": "s3cret"})
	if why != "" || strings.Contains(written, "s3cret") || !strings.Contains(written, "web:") {
		t.Errorf("%s\n%s", why, written)
	}
}
