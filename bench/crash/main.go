// Command crash measures what users see when one of two replicas is killed: it
// proves a crash many times in a private copy under load, and prints how fast it
// was noticed and ejected, and how many requests were hurt.
//
//	go run ./bench/crash                  20 crashes under 400 GET/s
//	go run ./bench/crash -hogs 2 -runs 10 ten proofs on a machine that is busy
//
// It ends with 1 when a request was hurt or ejection took more than 50 ms at the
// 99th percentile; on a busy machine with 1 only when a proof ended FAIL.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"sync"

	"holdfast"
	"holdfast/bench/rig"
	"holdfast/report"
)

const (
	quantile = 0.99
	bar      = report.Millis(50) // from the kill to the ejection
)

const file = `name: bench
owner: bench
services:
  storefront: {command: ./holdfast toy storefront, replicas: 2, ports: ["8080"], depends_on: [catalog]}
  catalog: {command: ./holdfast toy catalog, replicas: 2}
`

func main() {
	rate := flag.Int("rate", 400, "GET requests per second")
	crashes := flag.Int("crashes", 20, "crashes per run")
	runs := flag.Int("runs", 1, "proofs, each in a copy of its own")
	hogs := flag.Int("hogs", 0, "goroutines that keep processors busy meanwhile")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	good, err := measure(ctx, *rate, *crashes, *runs, *hogs)
	if err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
		os.Exit(3)
	}
	if !good {
		os.Exit(1)
	}
}

// measure builds the program, proves as often as asked, and prints.
func measure(ctx context.Context, rate, crashes, runs, hogs int) (good bool, err error) {
	built, err := rig.Build(ctx, file)
	if err != nil {
		return false, err
	}
	defer built.Remove()
	defer busy(hogs)()
	var seen sum
	for range runs {
		run, err := prove(ctx, built.Dir, built.Program, "catalog.crash", "--json", "--rate", strconv.Itoa(rate), "--repeat", strconv.Itoa(crashes))
		if err != nil {
			return false, err
		}
		fmt.Printf("%-7s  control p99 %s, %.0f/s  %s\n", run.Verdict, report.Short(report.Millis(run.Control.P99)), run.Control.Rate, run.Reason)
		seen.add(run)
	}
	seen.print()
	if hogs > 0 {
		return seen.verdicts[holdfast.Fail] == 0, nil
	}
	return seen.hurt == 0 && len(seen.eject) == seen.drills && at(seen.eject, quantile) <= bar, nil
}

// prove runs the program. Its exit code says no more than the document does.
func prove(ctx context.Context, dir, program string, args ...string) (run report.Run, err error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program, append([]string{"prove"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	ended := cmd.Run()
	if err := json.Unmarshal(stdout.Bytes(), &run); err != nil {
		return run, fmt.Errorf("prove: %w\n%s", ended, &stderr)
	}
	return run, ctx.Err()
}

// A sum is what all proofs showed.
type sum struct {
	drills, sent, hurt int
	detect, eject      []report.Millis
	restore            []report.Millis
	verdicts           map[holdfast.Verdict]int
}

func (s *sum) add(run report.Run) {
	if s.verdicts == nil {
		s.verdicts = map[holdfast.Verdict]int{}
	}
	if len(run.Drills) == 0 {
		s.verdicts[run.Verdict]++
	}
	for _, drill := range run.Drills {
		s.drills++
		s.verdicts[drill.Verdict]++
		s.sent += drill.Sent
		s.hurt += drill.Failed + drill.Late
		for _, part := range []struct {
			into *[]report.Millis
			got  *report.Millis
		}{{&s.detect, drill.Detect}, {&s.eject, drill.Eject}, {&s.restore, drill.Restore}} {
			if part.got != nil {
				*part.into = append(*part.into, *part.got)
			}
		}
		if drill.Verdict != holdfast.Pass {
			fmt.Printf("         %s: %s\n", drill.Verdict, drill.Reason)
		}
	}
}

func (s *sum) print() {
	fmt.Printf("drills   %d: %v\n", s.drills, s.verdicts)
	for _, row := range []struct {
		name  string
		times []report.Millis
	}{{"detect", s.detect}, {"eject", s.eject}, {"restore", s.restore}} {
		if len(row.times) > 0 {
			fmt.Printf("%-7s  p50 %s  p99 %s  of %d\n", row.name, report.Short(at(row.times, 0.5)), report.Short(at(row.times, quantile)), len(row.times))
		}
	}
	fmt.Printf("hurt     %d of %d requests\n", s.hurt, s.sent)
}

// at is a quantile: the smallest time that so large a share does not exceed.
func at(times []report.Millis, share float64) report.Millis {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(times))
	return sorted[min(len(sorted)-1, int(float64(len(sorted))*share))]
}

// busy keeps processors busy until the returned function is called.
func busy(hogs int) (rest func()) {
	enough := make(chan struct{})
	var all sync.WaitGroup
	for range hogs {
		all.Go(func() {
			for {
				select {
				case <-enough:
					return
				default:
				}
			}
		})
	}
	return func() {
		close(enough)
		all.Wait()
	}
}
