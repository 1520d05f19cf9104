package check

import (
	"fmt"
	"strings"
	"testing"
)

// town is a system of n services with three replicas in three zones, each
// needing two or three of those after it: what large systems look like to the
// analysis. Every fiftieth is published, and a few share a cause.
func town(n int) string {
	var b strings.Builder
	b.WriteString("name: town\nowner: us\nzones: [a, b, c]\npromise: 99.9%\ndefaults: {healthcheck: {path: /healthz}}\nservices:\n")
	for i := range n {
		fmt.Fprintf(&b, "  s%d:\n    command: ./serve\n    replicas: 3\n", i)
		if i%50 == 0 {
			fmt.Fprintf(&b, "    ports: [\"%d\"]\n", 10000+i)
		}
		if i%7 == 3 {
			fmt.Fprintf(&b, "    capacity: {replica: 100/s, peak: 150/s}\n")
		}
		var needs []string
		for _, step := range []int{1, 7, 31}[:2+i%2] {
			if i+step < n {
				needs = append(needs, fmt.Sprintf("s%d", i+step))
			}
		}
		if len(needs) > 0 {
			fmt.Fprintf(&b, "    depends_on: [%s]\n", strings.Join(needs, ", "))
		}
	}
	return b.String()
}

// BenchmarkCheck reads and judges a file: what check does but for the printing.
func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{50, 200, 500, 2000, 5000} {
		text := town(n)
		b.Run(fmt.Sprintf("services=%d", n), func(b *testing.B) {
			for b.Loop() {
				_, reading := read(b, "the town", text)
				_, summary := Judge(reading.System, Facts{})
				if !summary.Promises[0].Decided {
					b.Fatal("not decided")
				}
			}
		})
	}
}
