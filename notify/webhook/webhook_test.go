package webhook

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/notify/notifytest"
)

func take(r *http.Request, body []byte) (string, string, error) {
	var m told
	if err := json.Unmarshal(body, &m); err != nil {
		return "", "", err
	}
	stamp, _, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Holdfast-Signature"), "t="), ",")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || r.Header.Get("Holdfast-Signature") != Sign(notifytest.Password, time.Unix(seconds, 0), body) || r.Header.Get("Idempotency-Key") != string(m.Key) {
		return "", "", fmt.Errorf("%v %s", r.Header, body)
	}
	return string(m.Incident) + m.Subject + m.Body, "", nil
}

func TestItKeepsTheContract(t *testing.T) {
	address, p := notifytest.Web(t, take)
	p.New = func(t *testing.T) holdfast.Notifier {
		n := New(holdfast.Channel{Kind: holdfast.ChannelWebhook, Address: holdfast.Place(address), Secret: "env:KEY"}, notifytest.Secrets)
		t.Cleanup(n.Close)
		return n
	}
	notifytest.Run(t, p)
}
