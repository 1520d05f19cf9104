package flood

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"holdfast"
	"holdfast/internal/role"
)

// Run is the whole of a flood.
func Run(arguments []string) error {
	var f holdfast.Flood
	if err := role.Take(arguments, &f); err != nil {
		return fmt.Errorf("%s: %w", Verb, err)
	}
	renewed := make(chan os.Signal, 1)
	signal.Notify(renewed, syscall.SIGUSR1)
	if err := errors.Join(Check(f), reach(f)); err != nil {
		return errors.Join(err, role.Say(err.Error()))
	}
	if err := role.Ready(); err != nil {
		return err
	}
	ctx, end := context.WithTimeout(context.Background(), longest)
	defer end()
	var leasing sync.WaitGroup
	defer leasing.Wait()
	defer end()
	leasing.Go(func() { lease(ctx, renewed, end) })
	pour(ctx, f)
	return nil
}

// reach connects once, so that nobody who is gone is flooded.
func reach(f holdfast.Flood) error {
	at, err := url.Parse(f.URL)
	if err != nil {
		return err
	}
	conn, err := net.DialTimeout("tcp", at.Host, patience)
	if err != nil {
		return err
	}
	return conn.Close()
}

// lease ends the flood when it was not renewed.
func lease(ctx context.Context, renewed <-chan os.Signal, end func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-renewed:
		case <-time.After(holdfast.Lease):
			end()
			return
		}
	}
}

// turn is how often what is due is sent.
const turn = 5 * time.Millisecond

// pour sends what is due until ctx ends. What it could not send in time it does not
// make up for: a caller who was late would be a greater flood than was said.
func pour(ctx context.Context, f holdfast.Flood) {
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		MaxIdleConnsPerHost: maxWay, MaxConnsPerHost: maxWay, DisableCompression: true,
	}}
	defer client.CloseIdleConnections()
	var under sync.WaitGroup
	defer under.Wait()
	places := make(chan struct{}, maxWay)
	tick := time.NewTicker(turn)
	defer tick.Stop()
	began, sent := time.Now(), 0.0
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			due := now.Sub(began).Seconds() * f.Rate
			for sent = max(sent, due-f.Rate*holdUp.Seconds()); sent+1 <= due; sent++ {
				select {
				case places <- struct{}{}:
					under.Go(func() {
						defer func() { <-places }()
						ask(ctx, client, f)
					})
				default: // too many under way
				}
			}
		}
	}
}

// holdUp is how much of its schedule a flood makes up for at once.
const holdUp = 50 * time.Millisecond

// ask asks once, and never again, whatever comes of it.
func ask(ctx context.Context, client *http.Client, f holdfast.Flood) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL, nil)
	if err != nil {
		return
	}
	request.Header.Set(holdfast.PriorityField, string(f.Priority))
	request.Header.Set("User-Agent", "holdfast-flood")
	response, err := client.Do(request)
	if err != nil {
		return
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxBody))
}

// maxBody bounds what is read of an answer, after which its connection is closed.
const maxBody = 1 << 20
