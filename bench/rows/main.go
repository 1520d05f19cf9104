// Command rows measures what users of a service with three replicas see while
// one of them is broken in each of the standard ways for five seconds, under 400
// GET/s in an open model: how many requests failed, how many were late (above
// 250 ms), when the last of those began, and how many tries the gateway made for
// each request. The file holds nothing but a command and a health path.
//
//	go run ./bench/rows            every row
//	go run ./bench/rows hang slow  some of them
//
// It ends with 1 when a row breaks its bar. The blackhole row needs root
// and nft.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"holdfast/bench/rig"
	"holdfast/internal/proc"
	"holdfast/load"
)

// The shape of a row.
const (
	clean   = 3 * time.Second
	broken  = 5 * time.Second
	after   = 3 * time.Second
	lateAt  = 250 * time.Millisecond
	timeout = 10 * time.Second
)

const file = `name: bench
owner: bench
services:
  catalog:
    command: ./holdfast toy catalog --work 2ms --adjustable
    replicas: 3
    ports: ["%d"]
    healthcheck: {path: /healthz}
`

func main() {
	rate := flag.Float64("rate", 400, "GET requests per second")
	port := flag.Int("port", 18990, "where the service is published")
	times := flag.Int("times", 1, "how often each row is measured")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	good, err := measure(ctx, *rate, *port, *times, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "rows:", err)
		os.Exit(3)
	}
	if !good {
		os.Exit(1)
	}
}

// A bench is the program built, and what it is asked.
type bench struct {
	*rig.Rig
	rate float64
	port int
}

func measure(ctx context.Context, rate float64, port, times int, names []string) (good bool, err error) {
	built, err := rig.Build(ctx, fmt.Sprintf(file, port))
	if err != nil {
		return false, err
	}
	defer built.Remove()
	r := bench{Rig: built, rate: rate, port: port}
	good = true
	fmt.Printf("%-10s %6s %6s %5s %10s %9s %8s %8s  %s\n", "row", "sent", "failed", "late", "last bad", "longest", "ejected", "tries/r", "")
	for _, row := range rows() {
		if len(names) > 0 && !slices.Contains(names, row.name) {
			continue
		}
		for range times {
			seen, err := r.row(ctx, row)
			if errors.Is(err, errCannot) {
				fmt.Printf("%-10s %s\n", row.name, err)
				break
			}
			if err != nil {
				return false, fmt.Errorf("%s: %w", row.name, err)
			}
			verdict := "held"
			if why := row.breaks(seen); why != "" {
				verdict, good = "BROKEN: "+why, false
			}
			fmt.Printf("%-10s %6d %6d %5d %10s %9s %8s %8.2f  %s\n", row.name, seen.sent, seen.failed, seen.late, since(seen.lastBad), seen.longest.Round(time.Millisecond), since(seen.ejected), seen.amplification, verdict)
			if seen.first != "" {
				fmt.Println("           the first:", seen.first)
			}
		}
	}
	return good, nil
}

// since writes an instant of the fault, or that there was none.
func since(d time.Duration) string {
	if d < 0 {
		return "-"
	}
	return d.Round(time.Millisecond).String()
}

// A sight is what one row showed. Instants are from the injection, -1 for never.
type sight struct {
	sent, failed, late int
	lastBad            time.Duration // when the last request that failed or was late had begun
	longest            time.Duration
	ejected            time.Duration // of any replica, the first
	restarts           int
	amplification      float64 // tries per request over the whole row
	first              string  // request that was hurt
}

// row runs the system afresh, so that no row inherits another's reputation.
func (r bench) row(ctx context.Context, row row) (sight, error) {
	if said, err := r.Run(ctx, "up", "-d"); err != nil {
		return sight{}, fmt.Errorf("up: %w\n%s", err, said)
	}
	defer func() {
		r.Run(context.WithoutCancel(ctx), "down")
		os.RemoveAll(filepath.Join(r.Dir, ".holdfast"))
	}()
	state, err := r.state(ctx)
	if err != nil {
		return sight{}, err
	}
	if row.ready != nil {
		if err := row.ready(ctx, state); err != nil {
			return sight{}, err
		}
	}
	generator, err := load.Start(ctx, []string{r.Program, "load"}, proc.Baseline(os.Environ()), load.Plan{
		Seed: 1, Rate: r.rate, For: clean + broken + after + time.Minute, Timeout: timeout, Late: lateAt, Fresh: 0.1, Cap: 5000,
		Targets: []load.Target{{Name: "catalog", URL: fmt.Sprintf("http://127.0.0.1:%d/", r.port), Weight: 1}},
	})
	if err != nil {
		return sight{}, err
	}
	sleep(ctx, clean)
	injected := proc.Now()
	mend, err := row.inject(ctx, state)
	if mend != nil {
		defer mend()
	}
	if err != nil {
		generator.Stop(ctx)
		return sight{}, err
	}
	sleep(ctx, broken-(proc.Now()-injected))
	if mend != nil {
		mend()
	}
	sleep(ctx, after)
	record, err := generator.Stop(ctx)
	if err != nil {
		return sight{}, err
	}
	return r.see(ctx, record, injected)
}

func (r bench) see(ctx context.Context, record load.Record, injected time.Duration) (sight, error) {
	seen := sight{lastBad: -1, ejected: -1}
	for _, result := range record.Results {
		if time.Duration(result.Ended) < injected {
			continue
		}
		seen.sent++
		seen.longest = max(seen.longest, result.Took())
		if !result.Hurt() {
			continue
		}
		if result.Failed {
			seen.failed++
		} else {
			seen.late++
		}
		if seen.first == "" {
			seen.first = strings.TrimSpace(fmt.Sprintf("%d %s %s after %s", result.Status, result.Error, result.Body, result.Took().Round(time.Millisecond)))
		}
		seen.lastBad = max(seen.lastBad, time.Duration(result.Intended)-injected)
	}
	if record.LagP99 > 50*time.Millisecond {
		return seen, fmt.Errorf("the load generator was %s late at the 99th percentile: this machine is too busy to measure", record.LagP99)
	}
	entries, err := r.Entries(ctx)
	if err != nil {
		return seen, err
	}
	for _, e := range entries {
		switch at := e.At.Boot - injected; {
		case at < 0:
		case e.Kind == "ejected" && seen.ejected < 0:
			seen.ejected = at
		case e.Kind == "decided" && e.Body.Do == "restart":
			seen.restarts++
		}
	}
	state, err := r.state(ctx)
	if err != nil {
		return seen, err
	}
	seen.amplification = state.amplification()
	return seen, nil
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
