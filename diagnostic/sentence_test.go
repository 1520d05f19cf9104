package diagnostic

import (
	"testing"
	"time"
)

func TestSentences(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{got: Count(0, "replica"), want: "0 replicas"},
		{got: Count(1, "dependency"), want: "1 dependency"},
		{got: Count(2, "dependency"), want: "2 dependencies"},
		{got: Agree(1, "is", "are"), want: "is"},
		{got: Agree(0, "is", "are"), want: "are"},
		{got: Series[string](nil, 3), want: ""},
		{got: Series([]string{"a"}, 3), want: "a"},
		{got: Series([]string{"a", "b"}, 2), want: "a and b"},
		{got: Series([]string{"a", "b", "c"}, 3), want: "a, b and c"},
		{got: Series([]string{"a", "b", "c", "d"}, 3), want: "a, b and 2 more"},
		{got: Series([]string{"a", "b", "c"}, 2), want: "a and 2 more"},
		{got: Span(0), want: "0s"},
		{got: Span(time.Second), want: "1s"},
		{got: Span(90 * time.Second), want: "1m30s"},
		{got: Span(10 * time.Minute), want: "10m"},
		{got: Span(100 * time.Minute), want: "1h40m"},
		{got: Span(20 * time.Hour), want: "20h"},
		{got: Span(time.Hour + time.Second), want: "1h0m1s"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
