// Package webhook tells a program of somebody's own, by a request that is signed.
//
// The header Holdfast-Signature is "t=SECONDS,v1=HEX": HEX is the HMAC-SHA256 of
// "SECONDS.BODY" with the channel's secret. Who checks it refuses what is older than
// a few minutes. Idempotency-Key is the message's: it is the same when a message is
// sent again.
package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"holdfast"
	"holdfast/internal/post"
)

// A Notifier posts to one address. It may be used by several at once.
type Notifier struct{ *post.Poster }

// New makes a notifier.
func New(channel holdfast.Channel, secrets holdfast.Secrets) *Notifier {
	return &Notifier{Poster: post.New(channel, secrets)}
}

// told is a message as it is posted.
type told struct {
	Version  int                 `json:"version"` // 0 until it is called stable
	Key      holdfast.MessageKey `json:"key"`
	Purpose  holdfast.Purpose    `json:"purpose"`
	System   holdfast.SystemName `json:"system"`
	Incident holdfast.IncidentID `json:"incident"`
	Severity holdfast.Severity   `json:"severity"`
	Urgency  holdfast.Urgency    `json:"urgency"`
	Subject  string              `json:"subject"`
	Body     string              `json:"body"`
	To       string              `json:"to,omitempty"`
	At       time.Time           `json:"at"`
	Drill    bool                `json:"drill"`
	Links    []link              `json:"links,omitempty"`
}

type link struct {
	Text string `json:"text"`
	URL  string `json:"url"`
}

// Send implements holdfast.Notifier.
func (n *Notifier) Send(ctx context.Context, m holdfast.Message) (string, error) {
	body, err := json.Marshal(toldOf(m))
	if err != nil {
		return "", err
	}
	header := http.Header{"Idempotency-Key": {string(m.Key)}}
	if n.Channel.Secret != "" {
		key, err := n.Secrets(n.Channel.Secret)
		if err != nil {
			return "", err
		}
		header.Set("Holdfast-Signature", Sign(key, time.Now(), body))
	}
	_, err = n.Bytes(ctx, "", header, body)
	return "", err
}

// Sign is the signature of a body at an instant.
func Sign(key string, at time.Time, body []byte) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(seconds + "."))
	mac.Write(body)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

func toldOf(m holdfast.Message) told {
	out := told{
		Key: m.Key, Purpose: m.Purpose, System: m.System, Incident: m.Incident, Severity: m.Severity, Urgency: m.Urgency,
		Subject: m.Subject, Body: m.Body, To: m.To, At: m.At, Drill: m.Drill,
	}
	for _, l := range m.Links {
		out.Links = append(out.Links, link(l))
	}
	return out
}
