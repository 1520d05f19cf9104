package kubernetes

import (
	"strings"
	"testing"
)

func TestASelectorChoosesByLabels(t *testing.T) {
	labels := map[string]string{"app": "web", "tier": "front"}
	in := func(operator string, key string, values ...string) selector {
		return selector{known: true, expressions: []expression{{key: key, operator: operator, values: values}}}
	}
	for _, c := range []struct {
		what string
		by   selector
		want bool
	}{
		{what: "nothing that can be read", by: selector{}, want: false},
		{what: "all", by: selector{known: true}, want: true},
		{what: "a label", by: selector{known: true, equal: map[string]string{"app": "web"}}, want: true},
		{what: "a label and another", by: selector{known: true, equal: map[string]string{"app": "web", "tier": "back"}}, want: false},
		{what: "a label that is not there", by: selector{known: true, equal: map[string]string{"zone": ""}}, want: false},
		{what: "in", by: in("In", "app", "api", "web"), want: true},
		{what: "in others", by: in("In", "app", "api"), want: false},
		{what: "in, not there", by: in("In", "zone", ""), want: false},
		{what: "not in", by: in("NotIn", "app", "api"), want: true},
		{what: "not in these", by: in("NotIn", "app", "web"), want: false},
		{what: "not in, not there", by: in("NotIn", "zone", "a"), want: true},
		{what: "exists", by: in("Exists", "tier"), want: true},
		{what: "exists not", by: in("Exists", "zone"), want: false},
		{what: "does not exist", by: in("DoesNotExist", "zone"), want: true},
		{what: "does exist", by: in("DoesNotExist", "tier"), want: false},
	} {
		if got := c.by.chooses(labels); got != c.want {
			t.Errorf("%s: %v", c.what, got)
		}
	}
}

// TestWhatIsNearIsSaidAlike: of two labels that are nearly those of a pod it is
// always the same that is asked for.
func TestWhatIsNearIsSaidAlike(t *testing.T) {
	near := &workload{pod: pod{labels: map[string]string{"app": "storefront", "tier": "frontend"}}}
	c := &cluster{workloads: []*workload{near}}
	slip := selector{known: true, equal: map[string]string{"app": "storefrunt", "tier": "frontent"}}
	for range 50 {
		if said := c.nearestLabels(slip, &object{}); !strings.Contains(said, "`app: storefront`") {
			t.Fatalf("said%s", said)
		}
	}
}
