package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"holdfast"
	"holdfast/internal/proc"
	"holdfast/load"
)

// The shape of a race: 4,400 requests, 2,000 of them while a replica is broken.
const (
	rate     = 400 // a second
	length   = 11 * time.Second
	breakAt  = 3 * time.Second
	mendAt   = 8 * time.Second
	late     = 250 * time.Millisecond
	timeout  = 10 * time.Second // longer than the break, so that what hangs until it is mended counts as late
	sessions = "users"
	answered = "well" // by a replica and by nobody else
)

// race races every peer through every fault.
func (s stage) race(ctx context.Context) error {
	for _, p := range peers(s.programs) {
		for _, method := range s.methods {
			for _, f := range faults() {
				c := cell{Part: "race", Peer: p.name, Variant: string(p.variant), Fault: f.name, Method: method, Round: s.round}
				if s.skips(c, p) || !wants(s.faults, f.name) || method == "GET" && p.variant == safe {
					continue // of a GET the safe variants say nothing new
				}
				if err := s.run(ctx, c, p, f); err != nil {
					return fmt.Errorf("%s, %s, %s: %w", p, method, f.name, err)
				}
			}
		}
	}
	return nil
}

// skips tells whether a cell is not wished, or known.
func (s stage) skips(c cell, p peer) bool {
	return !wants(s.peers, p.name, p.String()) || s.book.known[c]
}

// run measures one cell, on replicas and a peer that know nothing of the last.
func (s stage) run(ctx context.Context, c cell, p peer, f fault) (err error) {
	b, err := openBackends(ctx, s.work)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	r, err := p.start(ctx, s.work, nil)
	if err != nil {
		return err
	}
	defer r.stop()
	before := r.used()
	record, broken, err := ask(ctx, c.Method, func(began time.Duration) error { return f.strike(ctx, b, began) })
	if err != nil {
		return err
	}
	all, own := r.used().each(before, int64(len(record.Results)))
	seen := result{cell: c, Version: p.version(ctx), CPU: all, Own: own, Lag: record.LagP99}
	seen.count(record, broken)
	if seen.Executed, seen.Twice, err = b.executed(); err != nil {
		return err
	}
	return s.book.keep(seen)
}

// ask asks as users do, and strikes meanwhile. broken is the instant of the
// break on the load's clock.
func ask(ctx context.Context, method string, strike func(began time.Duration) error) (record load.Record, broken int64, err error) {
	self, err := os.Executable()
	if err != nil {
		return load.Record{}, 0, err
	}
	step := load.Step{
		Name: method, Method: method, URL: "http://" + published + "/item",
		Header: []holdfast.Field{{Name: idHeader, Value: "{{id}}"}},
		Expect: holdfast.Expectation{Status: []int{200}, Body: []string{answered}},
	}
	if method == "POST" {
		step.Body = "{{id}}"
	}
	g, err := load.Start(ctx, []string{self, loadRole}, nil, load.Plan{
		Seed: 1, Rate: rate, For: length, Timeout: timeout, Late: late, Cap: 5000,
		Sessions: []load.Session{{Name: sessions, Weight: 1, Steps: []load.Step{step}}},
	})
	if err != nil {
		return load.Record{}, 0, err
	}
	began := time.Duration(g.Began())
	struck := strike(began)
	rest := began + length - proc.Now()
	select {
	case <-time.After(rest):
	case <-g.Done():
	}
	record, err = g.Stop(ctx)
	return record, int64(began + breakAt), errors.Join(struck, err)
}

// count counts what users saw.
func (r *result) count(record load.Record, broken int64) {
	r.Sent = len(record.Results)
	for _, one := range record.Results {
		r.Longest = max(r.Longest, one.Took())
		switch {
		case one.Failed:
			r.Failed++
		case one.Late:
			r.Late++
		default:
			continue
		}
		r.LastBad = max(r.LastBad, time.Duration(one.Intended-broken))
	}
}

// executed are the requests that the replicas began, and how many of those they
// began more than once.
func (b *backends) executed() (all, twice int, err error) {
	times := map[string]int{}
	for n := range b.all {
		file, err := os.Open(b.log(n))
		if err != nil {
			return 0, 0, err
		}
		for lines := bufio.NewScanner(file); lines.Scan(); all++ {
			if times[lines.Text()]++; times[lines.Text()] == 2 {
				twice++
			}
		}
		file.Close()
	}
	return all, twice, nil
}

func (b *backends) log(n int) string { return filepath.Join(b.dir, fmt.Sprintf("replica-%d", n+1)) }
