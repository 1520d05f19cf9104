package ntfy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"holdfast"
	"holdfast/notify/notifytest"
)

func take(r *http.Request, body []byte) (string, string, error) {
	var n note
	if err := json.Unmarshal(body, &n); err != nil {
		return "", "", err
	}
	if r.Header.Get("Authorization") != "Bearer "+notifytest.Password || r.URL.Path != "/" || n.Topic == "" || n.Priority < 1 || n.Priority > 5 || len(n.Actions) > maxActions {
		return "", "", fmt.Errorf("%s %s %v", r.Method, r.URL.Path, n)
	}
	return n.Title + "\n" + n.Message + "\n20261127-3 " + n.Click, `{"id":"hwQ2YpKdmg","event":"message"}`, nil
}

func TestItKeepsTheContract(t *testing.T) {
	address, p := notifytest.Web(t, take)
	p.New = func(t *testing.T) holdfast.Notifier {
		n := New(holdfast.Channel{Kind: holdfast.ChannelNtfy, Address: holdfast.Place(address), Secret: "env:TOKEN"}, notifytest.Secrets)
		t.Cleanup(n.Close)
		return n
	}
	notifytest.Run(t, p)
}
