package load

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"
)

// TestWritesAreCounted holds the count to strings.Count, whatever is around the
// ids and however little comes at a time.
func TestWritesAreCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var page strings.Builder
		var results []Result
		for n := range rapid.IntRange(0, 20).Draw(t, "writes") {
			r := Result{Run: runID(1, 0, n), Write: true, Failed: rapid.Bool().Draw(t, "failed")}
			results = append(results, r, Result{Run: r.Run, Failed: true}) // another step, which writes nothing
			for range rapid.IntRange(0, 3).Draw(t, "times") {
				page.WriteString(rapid.SampledFrom([]string{"", "h", "hf", "hf-", "hf-01234567", " ", "\n", "hh", runID(2, 0, n)}).Draw(t, "before"))
				page.WriteString(r.Run)
			}
		}
		found := counts(results)
		if err := found.in(iotest.OneByteReader(strings.NewReader(page.String()))); err != nil {
			t.Fatal(err)
		}
		got := found.tell(results)
		want := Audited{}
		for _, r := range results {
			times := strings.Count(page.String(), r.Run)
			if !r.Write {
				continue
			}
			want.Sent++
			switch {
			case times > 1:
				want.Doubled = append(want.Doubled, r)
			case times == 0 && !r.Failed:
				want.Lost = append(want.Lost, r)
			case times == 1 && r.Failed:
				want.Unknown++
			}
			if !r.Failed {
				want.Acknowledged++
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%q:\n got %v\nwant %v", page.String(), got, want)
		}
	})
}

// TestLostAndDoubledWritesAreFound: a shop that forgets every tenth order and
// carries out every seventh twice, of which it answers every other with a failure.
func TestLostAndDoubledWritesAreFound(t *testing.T) {
	t.Parallel()
	var orders atomic.Int64
	shop := newStore()
	lost, doubled, unknown := map[string]bool{}, map[string]bool{}, map[string]bool{}
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/orders" {
			shop.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		id, _, _ := strings.Cut(string(body), " ")
		shop.mu.Lock()
		defer shop.mu.Unlock()
		switch n := orders.Add(1); {
		case n%10 == 0:
			lost[id] = true
		case n%7 == 0:
			doubled[id] = true
			shop.orders = append(shop.orders, string(body), string(body))
			if n%2 == 0 {
				w.WriteHeader(http.StatusInternalServerError)
			}
		case n%9 == 0:
			unknown[id] = true
			shop.orders = append(shop.orders, string(body))
			w.WriteHeader(http.StatusBadGateway)
		default:
			shop.orders = append(shop.orders, string(body))
		}
	})
	record := carry(t, shoppingPlan(base), arrived(45))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	other := Result{Session: "other", Run: runID(1, 0, 0), Write: true} // which has an audit of its own
	audited, err := Audit(ctx, Target{URL: base + "/orders"}, "shopping", append(record.Results, other))
	if err != nil {
		t.Fatal(err)
	}
	if len(audited.Lost) != len(lost) || len(audited.Doubled) != len(doubled) || audited.Unknown != len(unknown) || len(lost) < 4 || len(doubled) < 4 || len(unknown) < 3 {
		t.Errorf("found %d lost, %d doubled and %d unknown of %d, want %d, %d and %d", len(audited.Lost), len(audited.Doubled), audited.Unknown, audited.Sent, len(lost), len(doubled), len(unknown))
	}
	for _, result := range audited.Lost {
		if !lost[result.Run] || result.Failed {
			t.Errorf("not lost: %+v", result)
		}
	}
	for _, result := range audited.Doubled {
		if !doubled[result.Run] {
			t.Errorf("not doubled: %+v", result)
		}
	}
}

func TestAnAuditThatCannotBeAskedKnowsNothing(t *testing.T) {
	t.Parallel()
	written := []Result{{Run: runID(1, 0, 0), Write: true}}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"somewhere else": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				io.WriteString(w, written[0].Run)
				return
			}
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}, "status 302"},
		"a fallback": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Holdfast-Degraded", "fallback")
			io.WriteString(w, "[]")
		}, "it was answered in its place (fallback)"},
		"a failure": {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) }, "status 503"},
		"half a page": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, written[0].Run)
		}, "unexpected EOF"},
		"a page without end": {func(w http.ResponseWriter, r *http.Request) {
			page := make([]byte, 1<<20)
			for range maxAudit/len(page) + 1 {
				w.Write(page)
			}
		}, "more than 67108864 bytes"},
		"nobody": {nil, "connection refused"},
	} {
		url := "http://127.0.0.1:1/"
		if c.handler != nil {
			url = serve(t, c.handler)
		}
		if got, err := Audit(t.Context(), Target{URL: url}, "", written); err == nil || !strings.Contains(err.Error(), c.want) || got.Sent != 0 {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}
