package gateway

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast"
)

// What speaks TLS is asked over TLS, by the name its certificate has.
func TestACheckOverTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/up" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	trusted := filepath.Join(t.TempDir(), "trusted.pem")
	if err := os.WriteFile(trusted, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", trusted) // read once per process, and nothing else here speaks TLS
	address := server.Listener.Addr().String()
	check := holdfast.Healthcheck{Path: "/up", TLS: true, Timeout: patience}
	if seen := checkOnce(t.Context(), address, holdfast.HTTP, check); seen.sign != "" || !strings.Contains(seen.detail, "GET /up 200") {
		t.Errorf("over TLS it saw %+v", seen)
	}
	check.Path = "/down"
	if seen := checkOnce(t.Context(), address, holdfast.HTTP, check); seen.sign == "" || !strings.Contains(seen.detail, "404") {
		t.Errorf("another path: it saw %+v", seen)
	}
	check.Path = "/up"
	stranger := strings.Replace(address, "127.0.0.1", "localhost", 1)
	if seen := checkOnce(t.Context(), stranger, holdfast.HTTP, check); seen.sign == "" || !strings.Contains(seen.detail, "certificate") {
		t.Errorf("by a name its certificate does not have: it saw %+v", seen)
	}
	check.TLS = false
	check.Timeout = time.Second
	if seen := checkOnce(t.Context(), address, holdfast.HTTP, check); seen.sign == "" {
		t.Errorf("without TLS it saw %+v", seen)
	}
}
