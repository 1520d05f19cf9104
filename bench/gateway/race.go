package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

// A heat is one peer under one fault.
type heat struct {
	cell
	peer  peer
	fault fault
}

// race races every peer through every fault.
func (s stage) race(ctx context.Context) error {
	return s.twice(ctx, func() (failed error) {
		for _, h := range s.heats(peers(s.programs)) {
			if s.over(ctx) {
				break
			}
			if err := s.run(ctx, h); err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s, %s, %s: %w", h.peer, h.Method, h.Fault, err))
			}
		}
		return failed
	})
}

// twice tries once more what failed, or what the machine was too busy for.
func (s stage) twice(ctx context.Context, pass func() error) error {
	failed := pass()
	if s.over(ctx) {
		return failed
	}
	return pass() // of nothing, when all of it is known
}

// heats are what is to be raced in this round: in the first, whole rows of the
// page one after the other; later Holdfast first, whose worst is looked for.
func (s stage) heats(all []peer) []heat {
	var heats []heat
	for _, f := range faults() {
		for _, method := range s.methods {
			for _, p := range all {
				c := cell{Part: "race", Peer: p.name, Variant: string(p.variant), Fault: f.name, Method: method, Round: s.round}
				if s.skips(c, p) || !wants(s.faults, f.name) || method == "GET" && p.variant == safe {
					continue // of a GET the safe variants say nothing new
				}
				heats = append(heats, heat{cell: c, peer: p, fault: f})
			}
		}
	}
	if s.round > 1 {
		slices.SortStableFunc(heats, func(a, b heat) int { return cmp.Compare(a.peer.turn(), b.peer.turn()) })
	}
	return heats
}

// turn is when a peer's further rounds come.
func (p peer) turn() int { return slices.Index([]variant{file, safe, expert, small}, p.variant) }

// skips tells whether a cell is not wished, or known.
func (s stage) skips(c cell, p peer) bool {
	return !wants(s.peers, p.name, p.String()) || s.book.known[c]
}

// run measures one cell, on replicas and a peer that know nothing of the last.
func (s stage) run(ctx context.Context, h heat) (err error) {
	before := weather()
	b, err := openBackends(ctx, s.work)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	r, err := h.peer.start(ctx, s.work, nil)
	if err != nil {
		return err
	}
	defer r.stop()
	used := r.used()
	record, broken, err := ask(ctx, h.Method, func(began time.Duration) error { return h.fault.strike(ctx, b, began) })
	if err != nil {
		return err
	}
	all, own := r.used().each(used, int64(len(record.Results)))
	seen := result{cell: h.cell, Version: h.peer.version(ctx), sky: before.since(), CPU: all, Own: own, Lag: record.LagP99}
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
