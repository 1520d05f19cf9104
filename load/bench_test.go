package load

import (
	"io"
	"net/http"
	"testing"
	"time"
)

// BenchmarkAsk is what a request costs the machine the system runs on, beside
// what net/http's client would cost; both include the same server.
func BenchmarkAsk(b *testing.B) {
	url := serve(b, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") })
	b.Run("load", func(b *testing.B) {
		r, err := newRoute(Target{Name: "front", URL: url, Weight: 1})
		if err != nil {
			b.Fatal(err)
		}
		defer r.close()
		b.ReportAllocs()
		for b.Loop() {
			if got := r.ask(b.Context(), r.get, manner{}, time.Now().Add(time.Second)); got.err != nil {
				b.Fatal(got.err)
			}
		}
	})
	b.Run("net-http", func(b *testing.B) {
		client := &http.Client{Transport: &http.Transport{}, Timeout: time.Second}
		defer client.CloseIdleConnections()
		b.ReportAllocs()
		for b.Loop() {
			response, err := client.Get(url)
			if err != nil {
				b.Fatal(err)
			}
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
	})
}
