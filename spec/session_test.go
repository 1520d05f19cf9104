package spec

import (
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/internal/golden"

	"github.com/google/go-cmp/cmp"
)

// What users do, how drills ask, and what keeps them from it become exactly this.
func TestSessionsAreRead(t *testing.T) {
	system, problems := Read(open(t, "testdata/sessions.yaml"), environ())
	if len(problems) > 0 {
		t.Fatalf("problems: %+v", problems)
	}
	form := []holdfast.Field{{Name: "Content-Type", Value: "application/x-www-form-urlencoded"}}
	want := []holdfast.Session{
		{
			Name: "shopping", Audit: &holdfast.Audit{On: "storefront", Path: "/orders"},
			Steps: []holdfast.Step{
				{
					On: "storefront", Method: "GET", Path: "/browse",
					Expect: holdfast.Expectation{
						Status: []int{200}, Body: []string{"catalog"}, Not: []string{"sold out", "null"},
						Header: []holdfast.Field{{Name: "Content-Type", Value: "json"}}, Volatile: []string{"served_by", "at"},
					},
					Capture: []holdfast.Capture{{Name: "item", JSON: "items.0.id"}, {Name: "token", Header: "X-Token"}},
				},
				{
					On: "storefront", Method: "POST", Path: "/cart", Body: `{"item":"{{item}}","order":"{{id}}","price":"${NOT_OURS}"}`, Write: true,
					Header: []holdfast.Field{
						{Name: "Authorization", Value: "env:SHOP_TOKEN"}, {Name: "Cookie", Value: "session={{token}}"}, {Name: "Content-Type", Value: "application/json"},
					},
				},
				{
					On: "cart", Method: "PUT", Path: "/cart/{{item}}?order={{id}}", Body: "a=1&b={{token}}", Header: form,
					Expect: holdfast.Expectation{Status: []int{200, 204}, Body: []string{"stored"}},
				},
				{On: "cart", Method: "GET", Path: "/cart/{{item}}"},
			},
		},
		{Name: "paying", Steps: []holdfast.Step{{On: "psp", Method: "GET", Path: "/up"}}},
	}
	if diff := cmp.Diff(want, system.Sessions); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	fresh := holdfast.Share(0.2)
	load := holdfast.Load{Rate: 200, Arrivals: holdfast.Poisson, Ramp: 2 * time.Second, Fresh: &fresh, HTTP2: 0.1}
	if diff := cmp.Diff(load, system.Load); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	consent := holdfast.Consent{
		Allow: []holdfast.ServiceName{"psp"}, Budget: 0.2, Abort: &holdfast.Abort{Hurt: 0.05, Within: time.Second},
		Hours: &holdfast.Hours{
			Days: []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday},
			From: 9 * time.Hour, To: 17 * time.Hour, Zone: "Europe/Berlin",
		},
	}
	if diff := cmp.Diff(consent, system.Prove); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := strings.Join(system.Sessions[0].Secrets(), " "); got != "SHOP_TOKEN" {
		t.Errorf("the session refers to %q", got)
	}
	golden.Compare(t, "testdata/sessions.explain", inferences(system))
}

// Each fault that is named is a drill of its own, in that order.
func TestEachFaultIsADrill(t *testing.T) {
	system, _ := Read(open(t, "testdata/sessions.yaml"), environ())
	errors, _ := system.Mode("cart.errors")
	want := []holdfast.Drill{{Fault: "reset"}, {Fault: "fail"}}
	if diff := cmp.Diff(want, errors.Drills); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	slow, _ := system.Mode("cart.slow")
	if diff := cmp.Diff([]holdfast.Drill{{Fault: "delay"}}, slow.Drills); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
