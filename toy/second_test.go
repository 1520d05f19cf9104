package toy

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// A page is the same in every language of the shop.
func TestAPageInEveryProtocol(t *testing.T) {
	for _, protocol := range []string{overHTTP, overH2C, overGRPC} {
		catalog := start(t, nil, "catalog", "--speaks", protocol).listening("catalog")
		front := start(t, []string{"CATALOG_URL=" + catalog.url}, "storefront", "--asks", protocol).listening("storefront")
		if page := front.text(t, "/"); !strings.Contains(page, "storm lantern") {
			t.Errorf("over %s it is %s", protocol, page)
		}
		failing := start(t, nil, "catalog", "--speaks", protocol, "--fail-share", "1").listening("catalog")
		front = start(t, []string{"CATALOG_URL=" + failing.url}, "storefront", "--asks", protocol).listening("storefront")
		if page := front.text(t, "/"); !strings.Contains(page, "catalog: ") {
			t.Errorf("over %s a failure is %s", protocol, page)
		}
	}
}

// Who fails its calls is well by its health, as it is by /healthz.
func TestTheHealthOfCalls(t *testing.T) {
	s := start(t, nil, "catalog", "--speaks", "grpc", "--fail-share", "1").listening("catalog")
	client := &http.Client{Transport: &http.Transport{Protocols: protocols(overGRPC)}}
	defer client.CloseIdleConnections()
	for path, want := range map[string]string{askHealth: "0", method("catalog"): "13", "/shop.Cart/Page": "12"} {
		response, err := client.Post(s.url+path, rpcType, strings.NewReader("\x00\x00\x00\x00\x00"))
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if got := response.Header.Get("Grpc-Status") + response.Trailer.Get("Grpc-Status"); got != want {
			t.Errorf("%s ends with %q, want %s", path, got, want)
		}
	}
}
