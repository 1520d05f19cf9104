package prove

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"holdfast"
)

// shop is storefront, which needs catalog and likes ads; catalog needs stock;
// ledger speaks no HTTP, and payments runs elsewhere.
func shop() *holdfast.System {
	service := func(name holdfast.ServiceName, ports []uint16, needs ...holdfast.Dependency) holdfast.Service {
		s := holdfast.Service{Name: name, Command: "./" + string(name), Manage: holdfast.Full, Protocol: holdfast.HTTP, Replicas: 2, DependsOn: needs}
		for _, port := range ports {
			s.Ports = append(s.Ports, holdfast.Port{Host: "127.0.0.1", Port: port})
		}
		return s
	}
	needs := func(on holdfast.ServiceName) holdfast.Dependency {
		return holdfast.Dependency{On: on, Required: true}
	}
	ledger, payments := service("ledger", []uint16{5432}), service("payments", nil)
	ledger.Protocol = holdfast.TCP
	payments.Command, payments.URLs, payments.Manage = "", []string{"http://192.0.2.1"}, holdfast.Route
	return &holdfast.System{Name: "shop", Services: []holdfast.Service{
		service("storefront", []uint16{8080}, needs("catalog"), holdfast.Dependency{On: "ads"}),
		service("checkout", []uint16{8081}, needs("payments")),
		service("catalog", []uint16{8082}, needs("stock"), needs("ledger")),
		service("stock", nil), service("ads", nil), service("alone", nil), ledger, payments,
	}}
}

// open is every listener of the shop that the keeper opened.
func open() map[holdfast.ListenerName]string {
	addresses := map[holdfast.ListenerName]string{}
	for i, name := range []holdfast.ListenerName{
		"storefront:8080", "checkout:8081", "catalog:8082", "ledger:5432",
		"storefront/catalog", "storefront/ads", "checkout/payments", "catalog/stock", "catalog/ledger",
	} {
		addresses[name] = fmt.Sprintf("127.0.0.1:%d", 7000+i)
	}
	return addresses
}

func named(all []target) string {
	var names []string
	for _, t := range all {
		names = append(names, t.name)
	}
	return strings.Join(names, " ")
}

func TestLoadGoesToWhatIsPublishedAndToTheEdgesOfWhatIsStruck(t *testing.T) {
	for _, c := range []struct {
		struck []holdfast.ServiceName
		want   string
	}{
		{nil, "storefront:8080 catalog:8082"},
		{[]holdfast.ServiceName{"catalog"}, "storefront:8080 catalog:8082 storefront/catalog"},
		{[]holdfast.ServiceName{"stock", "ads"}, "storefront:8080 catalog:8082 storefront/ads catalog/stock"},
		{[]holdfast.ServiceName{"ledger", "payments", "checkout"}, "storefront:8080 catalog:8082"}, // no HTTP, not ours, and what could reach it
	} {
		if got := named(targets(shop(), c.struck, open())); got != c.want {
			t.Errorf("%v struck: %s, want %s", c.struck, got, c.want)
		}
	}
	if got := named(targets(shop(), []holdfast.ServiceName{"catalog"}, map[holdfast.ListenerName]string{"catalog:8082": "127.0.0.1:7002"})); got != "catalog:8082" {
		t.Errorf("where one listener is open: %s", got)
	}
}

func TestAServiceThatCannotBeAskedSaysWhy(t *testing.T) {
	for name, want := range map[holdfast.ServiceName]string{
		"storefront": "", "catalog": "", "stock": "",
		"ledger": "speaks tcp", "payments": "runs elsewhere", "checkout": "could reach payments", "alone": "no request can reach alone",
	} {
		if got := unaskable(shop(), holdfast.Target{Service: name}); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestHalfOfTheLoadGoesStraightToWhatIsStruck(t *testing.T) {
	for _, c := range []struct{ struck, all, want string }{
		{"catalog", "storefront catalog catalog", "2 1 1"},
		{"catalog", "storefront checkout ads catalog", "1 1 1 3"},
		{"catalog", "catalog catalog", "1 1"},
		{"", "storefront catalog", "1 1"},
		{"stock", "storefront catalog", "1 1"},
	} {
		var all []target
		for i, service := range strings.Fields(c.all) {
			all = append(all, target{name: fmt.Sprint(i), address: "127.0.0.1:80", service: holdfast.ServiceName(service)})
		}
		var weights []string
		for i, weighed := range weigh(all, holdfast.ServiceName(c.struck)) {
			weights = append(weights, fmt.Sprint(weighed.Weight))
			if weighed.Name != all[i].name || weighed.URL != "http://127.0.0.1:80/" {
				t.Errorf("target %+v", weighed)
			}
		}
		if got := strings.Join(weights, " "); got != c.want {
			t.Errorf("%s struck of %s: weights %s, want %s", c.struck, c.all, got, c.want)
		}
	}
}

// What is only liked is not needed: who asks storefront for a page must not count
// as a user of ads.
func TestWhoNeedsWhatIsStruck(t *testing.T) {
	all := targets(shop(), []holdfast.ServiceName{"catalog", "stock", "ads"}, open())
	for struck, want := range map[holdfast.ServiceName]string{
		"storefront": "storefront:8080",
		"catalog":    "catalog:8082 storefront/catalog storefront:8080",
		"stock":      "catalog/stock catalog:8082 storefront/catalog storefront:8080",
		"ads":        "storefront/ads",
	} {
		if got := with(stakes(shop(), all, holdfast.FailureMode{Strikes: holdfast.Target{Service: struck}}), feels); got != want {
			t.Errorf("%s is needed by %s, want %s", struck, got, want)
		}
	}
}

// with are the targets at which something is at stake, by name.
func with(all map[string]stake, what stake) string {
	all = maps.Clone(all)
	maps.DeleteFunc(all, func(_ string, at stake) bool { return at != what })
	return strings.Join(slices.Sorted(maps.Keys(all)), " ")
}

// Of a lost edge its caller's users are owed a quick failure, or feel nothing
// where it is covered or can be done without; whoever else needs the lost service
// is hurt by definition; and whoever does not need it must feel nothing.
func TestWhoFeelsALostEdge(t *testing.T) {
	covered := func(s *holdfast.System) { s.Services[0].DependsOn[0].Fallback = &holdfast.Fallback{Body: "[]"} }
	for _, c := range []struct {
		edge                 string
		change               func(*holdfast.System)
		owed, feels, neither string
	}{
		{"storefront/catalog", nil, "storefront/catalog storefront:8080", "storefront:8080/healthz storefront/ads", "catalog:8082"},
		{"storefront/catalog", covered, "", "storefront/catalog storefront:8080 storefront:8080/healthz storefront/ads", "catalog:8082"},
		{"catalog/stock", nil, "catalog/stock catalog:8082 storefront/catalog storefront:8080", "catalog:8082/healthz storefront/ads", ""},
		{"storefront/ads", nil, "", "storefront:8080 storefront:8080/healthz catalog:8082 storefront/catalog", "storefront/ads"},
		// Another required way leads to the same service: this edge decides nothing.
		{"storefront/ads", func(s *holdfast.System) {
			s.Services[2].DependsOn = append(s.Services[2].DependsOn, holdfast.Dependency{On: "ads", Required: true})
		}, "", "storefront:8080/healthz", "storefront/ads storefront:8080 catalog:8082 storefront/catalog"},
	} {
		system := shop()
		for i := range system.Services {
			system.Services[i].Healthcheck.Path = "/healthz"
		}
		if c.change != nil {
			c.change(system)
		}
		caller, on, _ := strings.Cut(c.edge, "/")
		strikes := holdfast.Target{Service: holdfast.ServiceName(on), Caller: holdfast.ServiceName(caller)}
		all := targets(system, []holdfast.ServiceName{strikes.Service, "ads", "catalog"}, open())
		from, _ := system.Service(strikes.Caller)
		got := stakes(system, aside(all, from), holdfast.FailureMode{Strikes: strikes})
		for what, want := range map[stake]string{owed: c.owed, feels: c.feels, none: c.neither} {
			named := strings.Fields(want)
			slices.Sort(named)
			if with(got, what) != strings.Join(named, " ") {
				t.Errorf("%s: stake %d is at %q, want %q", c.edge, what, with(got, what), named)
			}
		}
	}
}

func TestAServiceWithoutAHealthPathHasNoPageAside(t *testing.T) {
	all := targets(shop(), nil, open())
	caller, _ := shop().Service("storefront")
	if got := named(aside(all, caller)); got != named(all) {
		t.Errorf("load goes to %s", got)
	}
	caller.Healthcheck.Path = "/healthz"
	more := aside(all, caller)
	last := weigh(more, "")[len(more)-1]
	if last.Name != "storefront:8080/healthz" || !strings.HasSuffix(last.URL, "/healthz") || last.URL == more[0].address {
		t.Errorf("the page aside is %+v", last)
	}
}

// gated is the shop behind a gateway's routes, its services without ports.
func gated() (*holdfast.System, map[holdfast.ListenerName]string) {
	system := shop()
	for i := range system.Services {
		system.Services[i].Ports = nil
	}
	system.Gateway = holdfast.Publishing{
		Listen: []holdfast.Port{{Host: "127.0.0.1", Port: 8080}},
		Routes: []holdfast.PublishedRoute{
			{Host: "shop.example", Service: "storefront"},
			{Host: "shop.example", Path: "/api", Service: "catalog"},
			{Host: "*.shop.example", Path: "/buy", Service: "storefront"},
		},
	}
	addresses := open()
	addresses["gateway:8080"] = "127.0.0.1:7100"
	return system, addresses
}

func TestLoadGoesToTheGatewaysRoutesBelowTheirPathsByTheirHosts(t *testing.T) {
	system, addresses := gated()
	var asked []string
	for _, target := range weigh(targets(system, nil, addresses), "") {
		asked = append(asked, target.Name+" = "+target.URL+" for "+target.Host)
	}
	want := []string{
		"gateway:8080 shop.example = http://127.0.0.1:7100/ for shop.example",
		"gateway:8080 shop.example/api = http://127.0.0.1:7100/api for shop.example",
		"gateway:8080 *.shop.example/buy = http://127.0.0.1:7100/buy for drill.shop.example",
	}
	if !slices.Equal(asked, want) {
		t.Errorf("asked\n%q, want\n%q", asked, want)
	}
}

func TestAPageBesideARouteIsAskedForWhereItLeadsToItsService(t *testing.T) {
	system, addresses := gated()
	all := targets(system, nil, addresses)
	for path, want := range map[string]string{"/healthz": "gateway:8080 shop.example/healthz", "/api/healthz": "", "/buy/healthz": "gateway:8080 shop.example/buy/healthz"} {
		caller, _ := system.Service("storefront")
		caller.Healthcheck.Path = path
		more := aside(all, caller)
		got := ""
		if len(more) > len(all) {
			got = more[len(all)].name
		}
		if got != want {
			t.Errorf("%s is asked for as %q, want %q", path, got, want)
		}
	}
}

func TestASessionGoesInByTheRouteOfItsPath(t *testing.T) {
	system, addresses := gated()
	session := holdfast.Session{Name: "s", Steps: []holdfast.Step{
		{On: "storefront", Method: "GET", Path: "/browse?page=1"}, {On: "catalog", Method: "GET", Path: "/api/items/{{x}}"},
	}}
	at := doors(system, addresses)
	if why := unsendable(system, session, at); why != "" {
		t.Fatal(why)
	}
	var sent []string
	for _, step := range sendable(session, at).Steps {
		sent = append(sent, step.Name+" = "+step.URL+" "+step.Header[0].Value)
	}
	want := []string{
		"s/1 GET gateway:8080 shop.example/browse?page=1 = http://127.0.0.1:7100/browse?page=1 shop.example",
		"s/2 GET gateway:8080 shop.example/api/items/{{x}} = http://127.0.0.1:7100/api/items/{{x}} shop.example",
	}
	if !slices.Equal(sent, want) {
		t.Errorf("sent\n%q, want\n%q", sent, want)
	}
	session.Steps = []holdfast.Step{{On: "storefront", Path: "/api/x"}}
	if why := unsendable(system, session, at); !strings.Contains(why, "no route of the gateway leads to storefront for /api/x") {
		t.Errorf("a step is sent to where another service answers: %q", why)
	}
}
