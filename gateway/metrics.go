package gateway

import (
	"net/http"
	"strconv"
	"time"
)

// scrapeTime bounds an answer to Prometheus on its way: its own default for a
// whole scrape.
const scrapeTime = 10 * time.Second

// metrics serves GET /metrics. One answer is made at a time: whoever asks in a
// loop waits, and verdicts do not.
func (g *Gateway) metrics() http.Handler {
	turn := make(chan struct{}, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		select {
		case turn <- struct{}{}:
		case <-r.Context().Done():
			return
		}
		state, _ := g.State(r.Context()) // ours has no way to fail
		text := exposed(g.build, state, g.footprint())
		<-turn
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(scrapeTime))
		h := w.Header()
		h.Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		h.Set("Content-Length", strconv.Itoa(len(text)))
		w.Write(text)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "what the gateway counts is at /metrics", http.StatusNotFound)
	})
	return mux
}
