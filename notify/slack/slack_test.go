package slack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"holdfast"
	"holdfast/notify/notifytest"
)

func take(r *http.Request, body []byte) (string, string, error) {
	var said map[string]string
	if err := json.Unmarshal(body, &said); err != nil {
		return "", "", err
	}
	if said["text"] == "" || strings.Contains(said["text"], "<b>") || r.URL.Path != "/services/"+notifytest.Password {
		return "", "", fmt.Errorf("%s %q", r.URL.Path, said)
	}
	return said["text"] + "\n20261127-3", "ok", nil
}

func TestItKeepsTheContract(t *testing.T) {
	address, p := notifytest.Web(t, take)
	p.New = func(t *testing.T) holdfast.Notifier {
		n := New(holdfast.Channel{Kind: holdfast.ChannelSlack, Address: "env:URL"}, func(holdfast.Secret) (string, error) { return address + "/services/" + notifytest.Password, nil })
		t.Cleanup(n.Close)
		return n
	}
	notifytest.Run(t, p)
}
