package check

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"holdfast/cutset"
	"holdfast/diagnostic"

	"github.com/google/go-cmp/cmp"
)

// One line at the top mends what has no owner at all; where others have one, each
// takes its own.
func TestNobodyIsToldOnce(t *testing.T) {
	const text = "name: q\nservices:\n  a: {urls: [\"http://a.example:1/x\"], failure_modes: {crash: {break: ./b, mend: ./m}}}\n" +
		"  b: {urls: [\"http://b.example:1/x\"], failure_modes: {crash: {break: ./b, mend: ./m}}}\n"
	const third = "  c: {urls: [\"http://c.example:1/x\"], owner: us}\n"
	for _, c := range []struct {
		text string
		want []string
	}{{text: text, want: []string{"HF2403"}}, {text: text + third, want: []string{"HF2403 a.crash", "HF2403 b.crash"}}} {
		got := slices.DeleteFunc(said(t, c.text, Facts{}), func(one string) bool { return !strings.HasPrefix(one, "HF2403") })
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// The fifteen lines that everybody begins with are told one thing: the page that
// their users see is their health check.
func TestTheFifteenLines(t *testing.T) {
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
	if diff := cmp.Diff([]string{"HF2206 storefront"}, said(t, fifteen, Facts{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// said are the codes of what is found and what each is of.
func said(t *testing.T, text string, facts Facts) []string {
	t.Helper()
	_, problems := judge(t, "the file", text, facts)
	var all []string
	for _, p := range problems {
		all = append(all, strings.TrimSpace(string(p.Code)+" "+p.Of))
	}
	return all
}

// A claim is the services of a file, what is found of it, and words that this
// must have.
type claim struct {
	what, top, services string
	want                []string
	words               []string
}

// aloneClaims are about what fails by itself, and bears too little.
func aloneClaims() []claim {
	return []claim{
		{
			what: "a second service that users come to goes on", services: `
  web: {command: ./web, replicas: 2, ports: ["8080"]}
  admin: {command: ./admin, ports: ["8081"]}`,
			want: []string{"HF2101 admin"}, words: []string{"some of what users come for fails with it", "write `replicas: 2`"},
		},
		{what: "nobody comes in", services: "\n  report: {command: ./report}", want: []string{"HF2101 report"}, words: []string{"everything this system does fails with it"}},
		{
			what: "nothing can be answered for what is not routed", services: `
  web: {command: ./web, replicas: 2, ports: ["8080"], depends_on: [psp]}
  psp: {urls: ["https://psp.example/up"]}`,
			want: []string{"HF2101 psp"}, words: []string{"if there is one, or let `web` do without it: `required: false`\n"},
		},
		{
			what: "an optional caller is no reason", top: "promise: 99%", services: `
  web: {command: ./web, replicas: 2, ports: ["8080"], depends_on: {cart: , ads: {required: false}}}
  cart: {command: ./cart, depends_on: []}
  ads: {command: ./ads, replicas: 2, depends_on: [cart]}`,
			want: []string{"HF2101 cart"}, words: []string{"or let `web` do without it: `fallback`, `required: false`\n"},
		},
		{
			what: "two of a quorum are no help", services: "\n  db: {command: ./db, ports: [\"8080\"], stateful: {quorum: true, backup: nightly}}",
			want: []string{"HF2101 db"}, words: []string{"write `replicas: 3`"},
		},
		{
			what: "one replica that bears too little is told so", services: "\n  web: {command: ./web, ports: [\"8080\"], capacity: {replica: 10/s, peak: 25.5/s}}",
			want: []string{"HF2108 web"}, words: []string{"error[HF2108]", "bears 10/s with its one replica, and its peak is 25.5/s", "`replicas: 4`: with any one of them gone 3 are left"},
		},
	}
}

// portClaims are about what the next step must not forget.
func portClaims() []claim {
	return []claim{
		{
			what: "another replica takes another port", top: "promise: 99%", services: "\n  web: {command: ./web, ports: [\"8080\"], listen: 7000}",
			want: []string{"HF2101 web"}, words: []string{"write `replicas: 2` with 2 ports in `listen`"},
		},
		{
			what: "and so do those for the load", services: "\n  web: {command: ./web, replicas: 2, ports: [\"8080\"], listen: [7000, 7001], capacity: {replica: 10/s, peak: 15/s}}",
			want: []string{"HF2108 web"}, words: []string{"write `replicas: 3` with 3 ports in `listen`"},
		},
		{
			what: "what is needed for some routes only is not told to be that", top: "promises: {pay: {route: /pay, target: 99%}}", services: `
  web: {command: ./web, replicas: 2, ports: ["8080"], depends_on: {bank: {for: [/pay]}}}
  bank: {command: ./bank}`,
			want: []string{"HF2508 pay", "HF2101 bank"}, words: []string{"do without it: `fallback`, `required: false`\n"},
		},
	}
}

// zoneClaims are about zones.
func zoneClaims() []claim {
	return []claim{
		{
			what: "zone a has the only replica", top: "zones: [a, b]", services: "\n  web: {command: ./web, ports: [\"8080\"]}",
			want: []string{"HF2101 web"},
		},
		{
			what: "what a zone takes is needed for the load", top: "zones: [a, b]", services: "\n  web: {command: ./web, replicas: 4, ports: [\"8080\"], capacity: {replica: 10/s, peak: 30/s}}",
			want: []string{"HF2108 web"}, words: []string{"bears 20/s with zone a gone", "`replicas: 6`"},
		},
		{
			what: "seven over three zones", top: "zones: [a, b, c]", services: "\n  web: {urls: [\"http://a:1/up\", \"http://b:1/up\", \"http://c:1/up\"], zones: [a, b, c], manage: route, ports: [\"8080\"], capacity: {replica: 10/s, peak: 40/s}}",
			want: []string{"HF2108 web"}, words: []string{"have 6 URLs: 4 are left then with any one zone gone"},
		},
		{
			what: "what runs elsewhere is in no zone that it is not said to be in", top: "zones: [a, b]", services: `
  web: {command: ./web, replicas: 2, ports: ["8080"], depends_on: [bank]}
  bank: {urls: ["https://a.example/up", "https://b.example/up", "https://c.example/up"], capacity: {replica: 10/s, peak: 15/s}}`,
		},
		{
			what: "a replica of several that none takes over for", top: "zones: [a, b]", services: "\n  db: {command: ./db, replicas: 4, ports: [\"8080\"], capacity: {replica: 10/s, peak: 40/s}, stateful: {backup: nightly}}",
			want: []string{"HF2302 db"},
		},
		{
			what: "a quorum of two is no zone's fault", top: "zones: [a, b]", services: "\n  db: {command: ./db, replicas: 2, ports: [\"8080\"], stateful: {quorum: true, backup: nightly}}",
			want: []string{"HF2107 db"},
		},
		{
			what: "zones are for spreading", top: "zones: [a, b]", services: "\n  web: {command: ./web, replicas: 3, ports: [\"8080\"], zones: [b]}",
			want: []string{"HF2105 zone b"},
		},
		{
			what: "off the way, spreading is told with the third", top: "zones: [a, b]", services: `
  web: {command: ./web, replicas: 2, ports: ["8080"], depends_on: {ads: {required: false}}}
  ads: {command: ./ads, replicas: 3, zones: [b]}`,
			want: []string{"HF2106 ads"}, words: []string{"all 3 replicas of `ads` fail with zone b", "or put one where zone b does not reach"},
		},
		{
			what: "one zone is like one host", top: "zones: [a]", services: "\n  web: {command: ./web, replicas: 3, ports: [\"8080\"]}",
		},
	}
}

// sharedClaims are about what is shared, and who votes.
func sharedClaims() []claim {
	return []claim{
		{
			what: "a cause on the way, and a third behind it", services: "\n  web: {command: ./web, replicas: 3, ports: [\"8080\"], shares: [rack-7]}",
			want: []string{"HF2106 web", "HF2103 rack-7"},
		},
		{
			what: "a third breaks the tie", services: "\n  db: {command: ./db, replicas: 3, ports: [\"8080\"], shares: [rack-7], stateful: {promote: automatic, backup: nightly}}",
			want: []string{"HF2103 rack-7"},
		},
		{
			what: "two that a quorum watches", services: `
  db: {command: ./db, replicas: 2, ports: ["8080"], stateful: {promote: automatic, backup: nightly}}
  sentinel: {command: ./sentinel, replicas: 3, stateful: {quorum: true, backup: none}, depends_on: {db: {required: false}}}`,
		},
		{
			what: "what a quorum of two watches", services: `
  db: {command: ./db, replicas: 2, ports: ["8080"], stateful: {promote: automatic, backup: nightly}}
  sentinel: {command: ./sentinel, replicas: 2, stateful: {quorum: true, backup: none}, depends_on: {db: {required: false}}}`,
			want: []string{"HF2107 db", "HF2107 sentinel"}, words: []string{"nothing here breaks a tie"},
		},
		{
			what: "two services on one host with one URL each", services: `
  web: {command: ./web, replicas: 2, ports: ["8080"], depends_on: [db, mail]}
  db: {urls: ["tcp://box.example:1"], healthcheck: {send: a, expect: b}}
  mail: {urls: ["tcp://box.example:2"], healthcheck: {send: a, expect: b}}`,
			want: []string{"HF2101 db", "HF2101 mail"},
		},
	}
}

// promiseClaims are about promises that rest on others.
func promiseClaims() []claim {
	return []claim{
		{
			what: "what a service promises includes what it needs", top: "promise: 99.93%", services: `
  web: {command: ./web, replicas: 2, ports: ["8080"], depends_on: [cart]}
  cart: {command: ./cart, replicas: 2, promise: 99.95%, depends_on: [psp]}
  psp: {command: ./psp, replicas: 2, promise: 99.96%}`,
		},
		{
			what: "what two need is down once for both", top: "promise: 99.93%", services: `
  web: {command: ./web, replicas: 2, ports: ["8080"], depends_on: [cart, stock]}
  cart: {command: ./cart, replicas: 2, promise: 99.95%, depends_on: [psp]}
  stock: {command: ./stock, replicas: 2, promise: 99.95%, depends_on: [psp]}
  psp: {command: ./psp, replicas: 2, promise: 99.96%}`,
		},
		{
			what: "and what each adds", top: "promise: 99.95%", services: `
  web: {command: ./web, replicas: 2, ports: ["8080"], depends_on: [cart, stock]}
  cart: {command: ./cart, replicas: 2, promise: 99.95%, depends_on: [psp]}
  stock: {command: ./stock, replicas: 2, promise: 99.95%, depends_on: [psp]}
  psp: {command: ./psp, replicas: 2, promise: 99.96%}`,
			want: []string{"HF2104"}, words: []string{"what it rests on promises 99.94% together", "cart by itself 99.9899% × stock by itself 99.9899% × psp 99.96%"},
		},
		{
			what: "a promise to each other", services: `
  web: {command: ./web, replicas: 2, ports: ["8080"], depends_on: [cart]}
  cart: {command: ./cart, replicas: 2, promise: 99.99%, depends_on: [psp]}
  psp: {command: ./psp, replicas: 2, promise: 99.9%}`,
			want: []string{"HF2104 cart.promise"}, words: []string{"`cart` cannot promise 99.99%: what it rests on promises 99.9%\n"},
		},
		{
			what: "one of two published services asks too much", top: "promise: 99.9%", services: `
  web: {command: ./web, replicas: 2, ports: ["8080"]}
  admin: {command: ./admin, replicas: 2, ports: ["8081"], depends_on: [psp]}
  psp: {command: ./psp, replicas: 2, promise: 99.8%}`,
			want: []string{"HF2104"}, words: []string{"the promise of 99.9% cannot be kept"},
		},
		{
			what: "a journey rests on all whom its steps ask", top: `sessions: {shopping: {steps: [{get: /}, {get: /cart, on: cart}]}}
promises: {shopping: {journey: shopping, target: 99.9%}}`, services: `
  web: {command: ./web, replicas: 2, ports: ["8080"]}
  cart: {command: ./cart, replicas: 2, promise: 99.8%}`,
			want: []string{"HF2104 shopping"}, words: []string{"the promise `shopping` of 99.9% cannot be kept: what it rests on promises 99.8%"},
		},
		{
			what: "a journey is broken by whom one of its steps asks", top: `sessions: {shopping: {steps: [{get: /}, {get: /cart, on: cart}]}}
promises: {shopping: {journey: shopping, target: 99.9%}}`, services: `
  web: {command: ./web, replicas: 2, ports: ["8080"]}
  cart: {command: ./cart, replicas: 1}`,
			want: []string{"HF2101 cart"}, words: []string{"the promise `shopping` breaks with it"},
		},
		{
			what: "a journey that does not go where a dependency is needed", top: `sessions: {shopping: {steps: [{get: /browse}]}}
promises: {shopping: {journey: shopping, target: 99.9%}}`, services: `
  web: {command: ./web, replicas: 2, ports: ["8080"], depends_on: {pay: {for: [/checkout]}}}
  pay: {command: ./pay, replicas: 1}`,
		},
		{
			what: "who is not published promises nothing to users", top: "promise: 99.9%", services: `
  web: {command: ./web, replicas: 2, ports: ["8080"], depends_on: [cart]}
  cart: {command: ./cart, replicas: 2, depends_on: {psp: {for: [/pay]}}}
  psp: {command: ./psp, replicas: 2}`,
		},
	}
}

func routedClaims() []claim {
	return []claim{
		{
			what: "a promise of everything rests on what the gateway's routes lead to", top: `promise: 99.9%
gateway: {listen: ["8080"], routes: [{path: /buy, service: web}, {host: api.example, service: api}]}`, services: `
  web: {command: ./web, replicas: 2, depends_on: {cart: {for: [/buy]}, ads: {for: [/browse]}}}
  api: {command: ./api, replicas: 2}
  cart: {command: ./cart, replicas: 1}
  ads: {command: ./ads, replicas: 1}`,
			want: []string{"HF2101 cart"}, words: []string{"the promise of 99.9% breaks with it"},
		},
	}
}

// What is said is said once, and is true.
func TestWhatIsClaimed(t *testing.T) {
	for _, c := range slices.Concat(aloneClaims(), portClaims(), zoneClaims(), sharedClaims(), promiseClaims(), routedClaims()) {
		text := "name: shop\nowner: us\n" + c.top + "\ndefaults: {healthcheck: {path: /healthz}}\nservices:" + c.services + "\n"
		if diff := cmp.Diff(c.want, said(t, text, Facts{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
		file, problems := judge(t, c.what, text, Facts{})
		for _, words := range c.words {
			if shown := file.Show(problems, false) + "\n"; !strings.Contains(shown, words) {
				t.Errorf("%s: %q is not in\n%s", c.what, words, shown)
			}
		}
	}
}

// Pairs are told of ten services; how many more there are is told, too.
func TestManyPairs(t *testing.T) {
	var b strings.Builder
	b.WriteString("name: shop\nowner: us\npromise: 99%\ndefaults: {healthcheck: {path: /healthz}}\nservices:\n")
	for i := range 12 {
		fmt.Fprintf(&b, "  s%d: {command: ./s, replicas: 5, capacity: {replica: 10/s, peak: 40/s}, ports: [\"%d\"]}\n", i, 8000+i)
	}
	file, problems := judge(t, "many pairs", b.String(), Facts{Pairs: true})
	shown := file.Show(problems, false)
	if len(problems) != mostPairs+1 || !strings.Contains(shown, "2 more services have pairs") {
		t.Errorf("%d problems:\n%s", len(problems), shown)
	}
	if !strings.Contains(shown, "breaks with {s0-1, s0-2}, {s0-1, s0-3}, {s0-1, s0-4} and 7 more pairs\n") {
		t.Errorf("not ten pairs of s0:\n%s", shown)
	}
}

// anyFile is a file with whatever the findings look at, drawn at random.
func anyFile(luck *rand.Rand) string {
	pick := func(of ...string) string { return of[luck.IntN(len(of))] }
	var b strings.Builder
	b.WriteString("name: shop\nowner: us\nzones: " + pick("[a]", "[a, b]", "[a, b, c]") + "\n")
	b.WriteString(pick("", "promise: 99.9%\n", "promises: {buy: {route: /buy, target: 99.95%}, look: {route: /look, target: 99%}}\n"))
	b.WriteString("services:\n  s0: {command: ./s, replicas: 2, ports: [\"8080\"], depends_on: {s1: , s2: {for: [/buy]}, s3: {fallback: {stale: 1m}}}}\n")
	for i := 1; i < 12; i++ {
		what := fmt.Sprintf("command: ./s, replicas: %d", 1+luck.IntN(5))
		if luck.IntN(4) == 0 {
			what = "urls: " + pick(`["http://x:1/a"]`, `["http://x:2/a", "http://x:3/a"]`, `["http://x:4/a", "http://y:4/a", "http://x:5/a"]`) + ", manage: route"
		}
		for _, more := range []string{
			pick("", "", ", ports: [\""+fmt.Sprint(9000+i)+"\"]"), pick("", ", shares: [p]", ", shares: [q, p]"), pick("", "", ", zones: [a]"),
			pick("", ", capacity: {replica: 10/s, peak: 25/s}"), pick("", ", stateful: {quorum: true}", ", stateful: {promote: automatic}", ", stateful: {}"),
			pick("", ", promise: 99.99%", ", promise: 99.9%"), pick("", ", healthcheck: {path: /}", ", healthcheck: {path: /s11}"),
		} {
			what += more
		}
		var needs []string
		for j := i + 1; j < 12; j++ {
			if luck.IntN(4) == 0 {
				if j < 11 && luck.IntN(6) == 0 {
					needs = append(needs, fmt.Sprintf("s%d: {fallback: {service: s%d}}", j, j+1+luck.IntN(11-j)))
					continue
				}
				needs = append(needs, fmt.Sprintf("s%d: %s", j, pick("", "{required: false}", "{fallback: {json: {}}}", "{fallback: {stale: 1m}}", "{for: [/buy]}", "{timeout: 5s}", "{retries: 2, idempotent: false}")))
			}
		}
		fmt.Fprintf(&b, "  s%d: {%s, depends_on: {%s}}\n", i, what, strings.Join(needs, ", "))
	}
	return b.String()
}

// Whatever a file is like, it is judged, the same way each time; what is found
// has a place and words, and nothing is found twice under one name.
func TestAnyFileIsJudged(t *testing.T) {
	found := map[diagnostic.Code]bool{}
	for seed := range uint64(100) {
		text := anyFile(rand.New(rand.NewPCG(seed, 7)))
		file, problems := judge(t, "any file", text, Facts{Pairs: true, Limits: cutset.Limits{Order: 2}})
		names := map[string]bool{}
		for _, p := range problems {
			found[p.Code] = true
			if name := string(p.Code) + p.Of; names[name] {
				t.Fatalf("seed %d: %s of %q is found twice:\n%s", seed, p.Code, p.Of, file.Show(problems, false))
			} else {
				names[name] = true
			}
			if p.Line < 2 || p.Message == "" || p.Help == "" || strings.Contains(p.Message+p.Label+p.Note+p.Help, "%!") || len(p.Also) > 3 {
				t.Fatalf("seed %d: %+v", seed, p)
			}
		}
		if _, again := judge(t, "any file", text, Facts{Pairs: true, Limits: cutset.Limits{Order: 2}}); !slices.EqualFunc(problems, again, func(a, b diagnostic.Problem) bool { return a.Message == b.Message }) {
			t.Fatalf("seed %d: judged otherwise the second time", seed)
		}
	}
	for _, meaning := range Codes() {
		if c := meaning.Code; c < "HF2300" && c != "HF2208" && c != "HF2210" && !found[c] { // those two are of what is beside the file
			t.Errorf("%s is in none of the files", c)
		}
	}
}
