// Command renew measures what users see of changes: ten times the gateway and
// the agent are renewed, twenty times the file is changed (health check, replicas,
// ports, another service), under 1,000 GET/s in an open model by clients that
// never ask twice.
//
//	go run ./bench/renew                 ten renewals, twenty changes
//	go run ./bench/renew -static 10m     keeper and agent stopped for ten minutes, while a replica of three crashes
//
// It ends with 1 when a request was refused or failed.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"holdfast/bench/rig"
	"holdfast/internal/proc"
	"holdfast/keeper"
	"holdfast/load"
)

const (
	renewals = 10
	changes  = 20
	between  = 500 * time.Millisecond
	timeout  = 10 * time.Second
	lateAt   = 250 * time.Millisecond
	longest  = 9 * time.Minute // of one load
)

// file has a place for each thing that is changed.
const file = `name: bench
owner: bench
services:
  catalog:
    command: ./holdfast toy catalog --work 1ms
    replicas: %d
    ports: [%s]
    healthcheck: {path: /healthz, interval: %s}
  cart:
    command: ./holdfast toy cart --work %s
    replicas: 2
`

// version is the file after the n-th change. Each differs from the one before,
// and every fifth is the first again.
func version(n, port int) string {
	replicas, ports, interval, work := 3, strconv.Quote(strconv.Itoa(port)), "1s", "1ms"
	switch n % 5 {
	case 1:
		interval = "2s"
	case 2:
		replicas = 4
	case 3:
		ports += ", " + strconv.Quote(strconv.Itoa(port+1))
	case 4:
		work = "2ms"
	}
	return fmt.Sprintf(file, replicas, ports, interval, work)
}

func main() {
	rate := flag.Float64("rate", 1000, "GET requests per second")
	port := flag.Int("port", 18970, "where the service is published; the next one is used, too")
	static := flag.Duration("static", 0, "instead: stop keeper and agent for so long, and crash a replica")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	good, err := measure(ctx, *rate, *port, *static)
	if err != nil {
		fmt.Fprintln(os.Stderr, "renew:", err)
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
	seen sight
}

// A sight is what all loads showed.
type sight struct {
	sent, refused, failed, late int
	longest                     time.Duration
	first                       string // request that failed
}

func measure(ctx context.Context, rate float64, port int, static time.Duration) (good bool, err error) {
	built, err := rig.Build(ctx, version(0, port))
	if err != nil {
		return false, err
	}
	defer built.Remove()
	b := &bench{Rig: built, rate: rate, port: port}
	if err := b.do(ctx, "up", "-d"); err != nil {
		return false, err
	}
	defer b.do(context.WithoutCancel(ctx), "down")
	if static > 0 {
		err = b.stand(ctx, static)
	} else {
		err = b.under(ctx, 5*time.Minute, b.change)
	}
	fmt.Printf("%d sent, %d refused, %d failed, %d later than %s, the longest %s\n", b.seen.sent, b.seen.refused, b.seen.failed, b.seen.late, lateAt, b.seen.longest.Round(time.Millisecond))
	if b.seen.first != "" {
		fmt.Println("the first:", b.seen.first)
	}
	return b.seen.refused+b.seen.failed == 0, err
}

func (b *bench) do(ctx context.Context, args ...string) error {
	if said, err := b.Run(ctx, args...); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, said)
	}
	return nil
}

// change renews and changes by turns, and says how long each took.
func (b *bench) change(ctx context.Context) error {
	for n := range renewals + changes {
		began, what := time.Now(), "renew"
		if n%3 != 0 {
			what = "reload"
			if err := os.WriteFile(filepath.Join(b.Dir, "holdfast.yaml"), []byte(version(n-n/3, b.port)), 0o600); err != nil {
				return err
			}
		}
		if err := b.do(ctx, what); err != nil {
			return err
		}
		fmt.Printf("%2d %-6s %s\n", n+1, what, time.Since(began).Round(time.Millisecond))
		sleep(ctx, between)
	}
	return ctx.Err()
}

// stand stops keeper and agent, crashes a replica, and waits.
func (b *bench) stand(ctx context.Context, static time.Duration) error {
	agent, replica, err := b.pids(ctx)
	if err != nil {
		return err
	}
	held, err := os.ReadFile(filepath.Join(b.Dir, ".holdfast", keeper.LockName))
	if err != nil {
		return err
	}
	keeping, err := strconv.Atoi(strings.TrimSpace(string(held)))
	if err != nil {
		return err
	}
	for _, pid := range []int{keeping, agent} {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			return err
		}
		defer syscall.Kill(pid, syscall.SIGCONT)
	}
	end := time.Now().Add(static)
	for first := true; time.Until(end) > 0; first = false {
		part := min(time.Until(end), longest)
		err := b.under(ctx, part+30*time.Second, func(ctx context.Context) error {
			if first {
				sleep(ctx, min(part/4, 5*time.Second))
				if err := syscall.Kill(replica, syscall.SIGKILL); err != nil {
					return err
				}
			}
			sleep(ctx, min(time.Until(end), part))
			return ctx.Err()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// pids are those of the agent and of a replica that is asked.
func (b *bench) pids(ctx context.Context) (agent, replica int, err error) {
	out, err := b.Output(ctx, "status", "--json")
	if err != nil {
		return 0, 0, err
	}
	var status struct {
		Pid  int `json:"pid"`
		View struct {
			Services []struct {
				Name     string `json:"name"`
				Replicas []struct {
					Pid int `json:"pid"`
				} `json:"replicas"`
			} `json:"services"`
		} `json:"view"`
	}
	if err := json.Unmarshal(out, &status); err != nil {
		return 0, 0, fmt.Errorf("status: %w", err)
	}
	for _, service := range status.View.Services {
		if service.Name == "catalog" && len(service.Replicas) > 0 {
			replica = service.Replicas[0].Pid
		}
	}
	if status.Pid == 0 || replica == 0 {
		return 0, 0, errors.New("status: it names no agent, or no replica of catalog")
	}
	return status.Pid, replica, nil
}

// under does something under load, and sees what its users saw.
func (b *bench) under(ctx context.Context, atMost time.Duration, do func(context.Context) error) error {
	generator, err := load.Start(ctx, []string{b.Program, "load"}, proc.Baseline(os.Environ()), load.Plan{
		Seed: 1, Rate: b.rate, For: atMost, Timeout: timeout, Late: lateAt, Fresh: 0.1, Cap: 5000,
		Targets: []load.Target{{Name: "catalog", URL: fmt.Sprintf("http://127.0.0.1:%d/", b.port), Weight: 1}},
	})
	if err != nil {
		return err
	}
	did := do(ctx)
	record, err := generator.Stop(ctx)
	for _, result := range record.Results {
		b.see(result)
	}
	return errors.Join(did, err)
}

func (b *bench) see(result load.Result) {
	b.seen.sent++
	b.seen.longest = max(b.seen.longest, result.Took())
	switch {
	case strings.Contains(result.Error, "refused"):
		b.seen.refused++
	case result.Failed:
		b.seen.failed++
	case result.Late:
		b.seen.late++
		return
	default:
		return
	}
	if b.seen.first == "" {
		b.seen.first = strings.TrimSpace(fmt.Sprintf("%d %s %s after %s", result.Status, result.Error, result.Body, result.Took().Round(time.Millisecond)))
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
