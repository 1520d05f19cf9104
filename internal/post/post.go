// Package post is one message to a provider over HTTP, and what its answer means.
// Providers share it, and it knows none of them.
package post

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"holdfast"
	"holdfast/internal/hush"
)

// maxAnswer bounds what is read of an answer: what matters stands at its beginning.
const maxAnswer = 64 << 10

// longest is how long a provider is believed when it asks to wait. It may not keep
// people asleep for longer than a step of a policy would.
const longest = 5 * time.Minute

// A Poster speaks to the provider of one channel. It keeps its connections, and
// follows nobody who sends it elsewhere: what it carries may be secret. It may be used
// by several at once.
type Poster struct {
	Channel holdfast.Channel
	Secrets holdfast.Secrets // asked at every message: a secret that was changed holds at once

	client *http.Client
}

// New makes a poster. Its Close drops idle connections.
func New(channel holdfast.Channel, secrets holdfast.Secrets) *Poster {
	return &Poster{Channel: channel, Secrets: secrets, client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
			MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
		},
	}}
}

// Close drops idle connections.
func (p *Poster) Close() { p.client.CloseIdleConnections() }

// JSON posts a value to a path below the channel's address and returns what was
// answered, if the answer is that it was taken over. Otherwise the error says what to
// do: ErrRejected, a Later, or any other, to try again. No error holds the address,
// which may be a secret.
func (p *Poster) JSON(ctx context.Context, path string, header http.Header, value any) ([]byte, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return p.Bytes(ctx, path, header, body)
}

// Bytes is JSON of what is written already.
func (p *Poster) Bytes(ctx context.Context, path string, header http.Header, body []byte) ([]byte, error) {
	address, err := p.Secrets.At(p.Channel.Address)
	if err != nil {
		return nil, err
	}
	known := p.known(address)
	if path != "" {
		address = strings.TrimSuffix(address, "/") + path
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: its address is not one", holdfast.ErrRejected)
	}
	request.Header = header.Clone()
	if request.Header == nil {
		request.Header = http.Header{}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "holdfast")
	response, err := p.client.Do(request)
	if err != nil {
		return nil, known.Error(plain(err))
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil && response.StatusCode < 300 {
		return nil, fmt.Errorf("the provider answered %s and broke off: %w", status(response), io.ErrUnexpectedEOF)
	}
	said := known.Text(string(text))
	return []byte(said), judge(response, said, time.Now())
}

// known is what a provider is told and must not be quoted with: it says in its refusal
// what it was asked.
func (p *Poster) known(address string) *hush.Secrets {
	known := &hush.Secrets{}
	if _, hidden := p.Channel.Address.Secret(); hidden {
		known.AddAddress(address)
	}
	if p.Channel.Secret == "" {
		return known
	}
	if secret, err := p.Secrets(p.Channel.Secret); err == nil {
		known.Add(secret)
	}
	return known
}

// status is an answer's in our words: a provider may write there what it likes.
func status(response *http.Response) string {
	return strings.TrimSpace(fmt.Sprint(response.StatusCode, " ", http.StatusText(response.StatusCode)))
}

// plain is an error without the address in it.
func plain(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// judge says what an answer means for trying again.
func judge(response *http.Response, text string, now time.Time) error {
	said := fmt.Sprintf("the provider answered %s: %s", status(response), head(text))
	switch code := response.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		if after, ok := retryAfter(response.Header.Get("Retry-After"), now); ok {
			return fmt.Errorf("%s: %w", said, holdfast.Later{After: after})
		}
		return errors.New(said)
	case code >= 500 || code == http.StatusRequestTimeout || code == http.StatusTooEarly:
		return errors.New(said)
	default:
		return fmt.Errorf("%w: %s", holdfast.ErrRejected, said)
	}
}

// retryAfter reads seconds or a date.
func retryAfter(text string, now time.Time) (time.Duration, bool) {
	if seconds, err := strconv.Atoi(text); err == nil && seconds >= 0 {
		return min(time.Duration(min(seconds, 3600))*time.Second, longest), true
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(0, at.Sub(now)), longest), true
	}
	return 0, false
}

// head is the beginning of an answer, on one line.
func head(text string) string {
	const most = 200
	line := strings.Join(strings.Fields(strings.ToValidUTF8(text[:min(len(text), most)], "")), " ")
	if line == "" {
		return "nothing more"
	}
	return line
}
