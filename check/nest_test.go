package check

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/diagnostic"
)

// One time-out that is wrong is one finding, at that one: where both were chosen,
// the one that clashes with more.
func TestWhichTimeOutIsToBlame(t *testing.T) {
	for what, c := range map[string]struct{ app, cart, tax, stock, want string }{
		"none is written":              {},
		"all are written, and nest":    {app: "3s", cart: "2s", tax: "1500ms", stock: "1s"},
		"the caller's alone":           {cart: "300ms", want: "web/cart"},
		"what it waits for alone":      {tax: "5s", want: "cart/tax"},
		"one for two callers":          {app: "1500ms", tax: "5s", want: "cart/tax"},
		"the caller's, for two":        {app: "3s", cart: "500ms", tax: "700ms", stock: "800ms", want: "web/cart"},
		"one of two, both are written": {app: "3s", cart: "2s", tax: "2s", stock: "1900ms", want: "cart/tax"},
		"two that are wrong":           {tax: "2s", stock: "3s", want: "cart/tax cart/stock"},
	} {
		timeout := func(written string) string {
			if written == "" {
				return ""
			}
			return "{timeout: " + written + "}"
		}
		text := fmt.Sprintf("name: shop\nowner: us\nservices:\n"+
			"  app: {command: ./a, replicas: 2, ports: [\"8080\"], depends_on: {cart: %s }}\n"+
			"  web: {command: ./a, replicas: 2, ports: [\"8081\"], depends_on: {cart: %s }}\n"+
			"  cart: {command: ./a, replicas: 2, depends_on: {tax: %s , stock: %s }}\n"+
			"  tax: {command: ./a, replicas: 2}\n  stock: {command: ./a, replicas: 2}\n", timeout(c.app), timeout(c.cart), timeout(c.tax), timeout(c.stock))
		_, reading := read(t, what, text)
		var of []string
		for _, f := range ofCode(reading.System, "HF2201") {
			of = append(of, f.Of)
		}
		if got := strings.Join(of, " "); got != c.want {
			t.Errorf("%s: blamed is %q, want %q", what, got, c.want)
		}
	}
}

func TestADurationIsWrittenAsAPersonDoes(t *testing.T) {
	for d, want := range map[time.Duration]string{
		800 * time.Millisecond: "800ms", 1250 * time.Millisecond: "1.25s", time.Second: "1s", 2 * time.Minute: "2m", 90 * time.Second: "1m30s", time.Hour: "1h", 10 * time.Minute: "10m",
	} {
		if got := diagnostic.Span(d); got != want {
			t.Errorf("%s is written %s", want, got)
		}
	}
}
