package alertmanager

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

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
	p.New = func(t *testing.T) holdfast.Notifier {
		n := New(holdfast.Channel{Kind: holdfast.ChannelAlertmanager, Address: holdfast.Place(address)}, notifytest.Secrets)
		t.Cleanup(n.Close)
		return n
	}
	notifytest.Run(t, p)
}

// What somebody has is as bad as before: it holds for another day from then on, however
// often it is taken, and is not over by itself.
func TestWhatIsTakenFiresOn(t *testing.T) {
	m := notifytest.Trouble()
	for purpose, fires := range map[holdfast.Purpose]bool{holdfast.Trigger: true, holdfast.Acknowledge: true, holdfast.Resolve: false} {
		m.Purpose = purpose
		for _, a := range alertsOf(m) {
			until, err := time.Parse(time.RFC3339Nano, a.EndsAt)
			if err != nil {
				t.Fatal(err)
			}
			if want := fires && a.Labels["severity"] == string(m.Severity); want != (until.Sub(m.At) == lasts) || !want && until.After(m.At) {
				t.Errorf("%s, %s: it holds until %s, %s after", purpose, a.Labels["severity"], until, until.Sub(m.At))
			}
		}
	}
}
