package load

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

func TestCapturesFromJSON(t *testing.T) {
	const body = `{"id":"a b","n":1.50,"big":9007199254740993,"yes":true,"none":null,"empty":"","items":[{"id":7},[1, 2]],"a.b":1,"0":"key","":{"":"deep"}}`
	for path, want := range map[string]string{
		"id": "a b", "n": "1.50", "big": "9007199254740993", "yes": "true", "none": "", "empty": "",
		"items.0.id": "7", "items.0": `{"id":7}`, "items.1.1": "2", "items.1": "[1,2]", "0": "key",
		"items.2": "", "items.-1": "", "items.x": "", "id.0": "", "nowhere": "", "a.b": "", ".": "deep", "items.0.id.x": "",
	} {
		if got := ofJSON([]byte(body), path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	for _, body := range []string{"", "x", `{"id":`, strings.Repeat("[", 100_000)} {
		if got := ofJSON([]byte(body), "id"); got != "" {
			t.Errorf("%.10q: %q", body, got)
		}
	}
}

func TestCapturesFromHeaders(t *testing.T) {
	header := http.Header{"Set-Cookie": {"sid=1; Path=/; HttpOnly", "lang=en"}, "X-Cart": {"17"}}
	for name, want := range map[string]string{"x-cart": "17", "set-cookie": "sid=1; lang=en", "X-None": ""} {
		if got := ofHeader(header, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// FuzzOfJSON holds what is found to reading the whole body and going down in it.
func FuzzOfJSON(f *testing.F) {
	f.Add([]byte(`{"items":[{"id":"x"}]}`), "items.0.id")
	f.Add([]byte(`[[[1.50]]]`), "0.0.0")
	f.Add([]byte(`{"a":null,"a":true}`), "a")
	f.Fuzz(func(t *testing.T, body []byte, path string) {
		got := ofJSON(body, path)
		value, err := valueOf(string(body))
		if err != nil || !json.Valid(body) {
			if got != "" {
				t.Errorf("%q found in what is no JSON", got)
			}
			return
		}
		for _, key := range strings.Split(path, ".") {
			i, err := strconv.Atoi(key)
			switch holds := value.(type) {
			case map[string]any:
				value = holds[key]
			case []any:
				if value = nil; err == nil && i >= 0 && i < len(holds) {
					value = holds[i]
				}
			default:
				value = nil
			}
		}
		switch value.(type) {
		case map[string]any, []any:
			if got == "" {
				t.Errorf("nothing found, and there is %v", value)
			}
		case nil:
			if got != "" {
				t.Errorf("%q found where nothing is", got)
			}
		default:
			if got != fmt.Sprint(value) {
				t.Errorf("%q found, and there is %v", got, value)
			}
		}
	})
}
