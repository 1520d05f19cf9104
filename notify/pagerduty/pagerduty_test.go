package pagerduty

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"holdfast"
	"holdfast/notify/notifytest"
)

func take(r *http.Request, body []byte) (string, string, error) {
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		return "", "", err
	}
	if e.RoutingKey != notifytest.Password || e.DedupKey != "shop/20261127-3" || e.Action == "trigger" && (e.Payload == nil || e.Payload.Summary == "" || e.Payload.Source == "" || e.Payload.Severity != "critical") {
		return "", "", fmt.Errorf("%+v", e)
	}
	text := e.Action + " " + e.DedupKey
	if e.Payload != nil {
		text += e.Payload.Summary + e.Payload.Details["text"]
	}
	return text, `{"status":"success","dedup_key":"shop/20261127-3"}`, nil
}

func TestItKeepsTheContract(t *testing.T) {
	address, p := notifytest.Web(t, take)
	p.New = func(t *testing.T) holdfast.Notifier {
		n := New(holdfast.Channel{Kind: holdfast.ChannelPagerDuty, Address: holdfast.Place(address), Secret: "env:TOKEN"}, notifytest.Secrets)
		t.Cleanup(n.Close)
		return n
	}
	notifytest.Run(t, p)
}
