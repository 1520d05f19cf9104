package load

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// ofHeader is what a header says, empty where it is not there. Of cookies it is
// what a client sends back: their names and values.
func ofHeader(header http.Header, name string) string {
	if http.CanonicalHeaderKey(name) != "Set-Cookie" {
		return header.Get(name)
	}
	var cookies []string
	for _, line := range header.Values(name) {
		cookie, _, _ := strings.Cut(line, ";")
		cookies = append(cookies, strings.TrimSpace(cookie))
	}
	return strings.Join(cookies, "; ")
}

// ofJSON is what stands at a place of a body, empty where nothing does: keys and
// indices joined by dots. A text is given without its quotes, everything else as
// it is written, but for white space.
func ofJSON(body []byte, path string) string {
	value := json.RawMessage(body)
	for key := range strings.SplitSeq(path, ".") {
		if value = below(value, key); value == nil {
			return ""
		}
	}
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text // of null too, which is nothing
	}
	var compact bytes.Buffer
	if json.Compact(&compact, value) != nil {
		return ""
	}
	return compact.String()
}

// below is what an object has at a key or an array at an index, nil for nothing.
func below(value json.RawMessage, key string) json.RawMessage {
	var object map[string]json.RawMessage
	if json.Unmarshal(value, &object) == nil {
		return object[key]
	}
	var array []json.RawMessage
	i, err := strconv.Atoi(key)
	if err != nil || json.Unmarshal(value, &array) != nil || i < 0 || i >= len(array) {
		return nil
	}
	return array[i]
}
