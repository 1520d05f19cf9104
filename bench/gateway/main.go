// Command gateway measures Holdfast's gateway beside HAProxy, nginx, Caddy and
// Traefik, each on the same three replicas: what users see while one of them is
// broken, and what a request costs when none is.
//
//	go run ./bench/gateway -within 45m -write docs/benchmarks.md
//	go run ./bench/gateway -only race -faults hang  a part of it
//	go run ./bench/gateway -page -write docs/benchmarks.md
//
// The parts without faults take three minutes a round and come first, all their
// rounds; then the race, 36 minutes a round, as often as there is time for.
//
// It needs root, nft, haproxy and nginx (apt-get install haproxy nginx-light
// nftables), and a machine that does nothing else. What was measured is kept
// under -results, one line each: a run that is started again goes on where it
// was left, and -page writes what is there. Every peer's configuration stands in
// configs/. Traefik takes half an hour to build on a small machine, once.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"holdfast/load"
)

// The processes that this program starts of itself, by their first argument.
const (
	loadRole    = "load"
	backendRole = "backend"
	quickRole   = "quick"
	hammerRole  = "hammer"
	holdRole    = "hold"
)

// A wish is what is to be measured, as the command line says it.
type wish struct {
	parts, peers, faults, methods []string
	rounds                        int
	results                       string
	within                        time.Duration // when it ends to begin anything; 0 for never
	write                         string        // the page; none, where empty
	work                          string        // built programs and their folders
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 1 {
		if role, ok := roles()[os.Args[1]]; ok {
			leave(role(ctx, os.Args[2:]))
		}
	}
	only := flag.String("only", "cpu,memory,tcp,race", "parts to measure")
	peers := flag.String("peers", "", "peers to measure, as haproxy or haproxy/expert; all unless said")
	faults := flag.String("faults", "", "faults of the race; all unless said")
	methods := flag.String("methods", "GET,POST", "methods of the race")
	rounds := flag.Int("rounds", 3, "how often each is measured")
	results := flag.String("results", "gateway-results.jsonl", "where what was measured is kept")
	within := flag.Duration("within", 0, "begin nothing more after so long; 0 is never")
	write := flag.String("write", "", "write the page of the results to this file")
	page := flag.Bool("page", false, "measure nothing")
	flag.Parse()
	w := wish{
		parts: words(*only), peers: words(*peers), faults: words(*faults), methods: words(*methods),
		rounds: *rounds, results: *results, within: *within, write: *write,
	}
	var err error
	if !*page {
		err = measure(ctx, w)
	}
	leave(errors.Join(err, writePage(ctx, w)))
}

func roles() map[string]func(context.Context, []string) error {
	return map[string]func(context.Context, []string) error{
		loadRole:    func(ctx context.Context, _ []string) error { return load.Run(ctx, os.Stdin, os.Stdout) },
		backendRole: serveSlowly,
		quickRole:   serveQuickly,
		hammerRole:  hammer,
		holdRole:    hold,
	}
}

func leave(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(3)
	}
	os.Exit(0)
}

// words are the parts of a list with commas.
func words(list string) []string {
	return slices.DeleteFunc(strings.Split(list, ","), func(word string) bool { return word == "" })
}

// wants tells whether a list names a thing; an empty list names all.
func wants(list []string, names ...string) bool {
	return len(list) == 0 || slices.ContainsFunc(names, func(name string) bool { return slices.Contains(list, name) })
}

// measure measures what is wished and not yet among the results.
func measure(ctx context.Context, w wish) error {
	work, err := os.MkdirTemp("", "holdfast-gateway-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	w.work = work
	known, err := openBook(w.results)
	if err != nil {
		return err
	}
	defer known.Close()
	programs, err := build(ctx, work, w)
	if err != nil {
		return err
	}
	var failed error
	began := time.Now()
	for _, part := range parts() {
		if !wants(w.parts, part.name) {
			continue
		}
		for round := 1; round <= w.rounds; round++ {
			s := stage{wish: w, book: known, programs: programs, round: round, began: began}
			if err := part.measure(s, ctx); err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s: %w", part.name, err))
			}
		}
	}
	return failed
}

// A stage is one round, and what is at hand in it.
type stage struct {
	wish
	book     *book
	programs programs
	round    int
	began    time.Time // the run, not the round
}

// over tells whether nothing more is to be begun.
func (s stage) over(ctx context.Context) bool {
	return ctx.Err() != nil || s.within > 0 && time.Since(s.began) >= s.within
}

type part struct {
	name    string
	measure func(stage, context.Context) error
}

func parts() []part {
	return []part{
		{name: "cpu", measure: stage.cpu},
		{name: "memory", measure: stage.memory},
		{name: "tcp", measure: stage.tcp},
		{name: "race", measure: stage.race},
	}
}
