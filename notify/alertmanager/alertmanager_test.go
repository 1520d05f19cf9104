package alertmanager

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"holdfast"
	"holdfast/notify/notifytest"
)

func take(r *http.Request, body []byte) (string, string, error) {
	var all []alert
	if err := json.Unmarshal(body, &all); err != nil {
		return "", "", err
	}
	if r.URL.Path != "/api/v2/alerts" || len(all) != 4 {
		return "", "", fmt.Errorf("%s %+v", r.URL.Path, all)
	}
	text := ""
	for _, a := range all {
		text += a.Labels["incident"] + " " + a.Labels["severity"] + " " + a.Annotations["summary"] + a.Annotations["description"] + a.EndsAt + "\n"
	}
	return text, "", nil
}

func TestItKeepsTheContract(t *testing.T) {
	address, p := notifytest.Web(t, take)
	p.Silent = []holdfast.Purpose{holdfast.Acknowledge}
	p.New = func(t *testing.T) holdfast.Notifier {
		n := New(holdfast.Channel{Kind: holdfast.ChannelAlertmanager, Address: holdfast.Place(address)}, notifytest.Secrets)
		t.Cleanup(n.Close)
		return n
	}
	notifytest.Run(t, p)
}
