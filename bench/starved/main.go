// Command starved runs a healthy system on a machine that has no time for it:
// sixteen processes that only compute and two that only fsync, beside a light
// load, for half an hour. Nothing is wrong with any replica, so nothing may be
// mended: it counts remedies, and ejections that lasted.
//
//	go run ./bench/starved            half an hour
//	go run ./bench/starved -for 2m    a look
//
// It ends with 1 when there was one.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"holdfast/bench/rig"
	"holdfast/internal/proc"
	"holdfast/load"
)

// lasting is how long an ejection may last that a busy moment explains.
const lasting = 10 * time.Second

const file = `name: bench
owner: bench
services:
  storefront:
    command: ./holdfast toy storefront
    replicas: 3
    ports: ["%d"]
    healthcheck: {path: /healthz}
    depends_on: [catalog]
  catalog:
    command: ./holdfast toy catalog --work 2ms
    replicas: 3
    healthcheck: {path: /healthz}
`

func main() {
	length := flag.Duration("for", 30*time.Minute, "how long")
	hogs := flag.Int("hogs", 16, "processes that only compute")
	rate := flag.Float64("rate", 20, "GET requests per second")
	port := flag.Int("port", 18991, "where the service is published")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	good, err := measure(ctx, *length, *hogs, *rate, *port)
	if err != nil {
		fmt.Fprintln(os.Stderr, "starved:", err)
		os.Exit(3)
	}
	if !good {
		os.Exit(1)
	}
}

func measure(ctx context.Context, length time.Duration, hogs int, rate float64, port int) (good bool, err error) {
	built, err := rig.Build(ctx, fmt.Sprintf(file, port))
	if err != nil {
		return false, err
	}
	defer built.Remove()
	run := built.Run
	if said, err := run(ctx, "up", "-d"); err != nil {
		return false, fmt.Errorf("up: %w\n%s", err, said)
	}
	defer run(context.WithoutCancel(ctx), "down")
	starving, enough := context.WithTimeout(ctx, length)
	var all sync.WaitGroup
	defer all.Wait()
	defer enough()
	for range hogs {
		all.Go(func() { hog(starving) })
	}
	for n := range 2 {
		all.Go(func() { storm(starving, filepath.Join(built.Dir, fmt.Sprintf("storm-%d", n))) })
	}
	asked, hurt := 0, 0
	for began := time.Now(); starving.Err() == nil; {
		record, err := ask(starving, built.Program, rate, port, min(5*time.Minute, length-time.Since(began)))
		if err != nil && starving.Err() == nil {
			return false, err
		}
		seen := load.Impact(record.Results)
		asked, hurt = asked+seen.Sent, hurt+seen.Failed
		fmt.Printf("%s: %d asked, %d failed, p99 %s\n", time.Since(began).Round(time.Second), asked, hurt, record.P99.Round(time.Millisecond))
	}
	entries, err := built.Entries(context.WithoutCancel(ctx))
	if err != nil {
		return false, err
	}
	seen := count(entries)
	fmt.Printf("%d remedies, %d ejections, %d lasted more than %s, %d detections\n", seen.remedies, seen.ejections, seen.lasted, lasting, seen.detected)
	return seen.remedies == 0 && seen.lasted == 0, nil
}

// hog computes until ctx ends.
func hog(ctx context.Context) {
	cmd := exec.CommandContext(ctx, "sh", "-c", "while :; do :; done")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	_ = cmd.Run() // it is killed
}

// storm writes and waits for the disk until ctx ends.
func storm(ctx context.Context, path string) {
	block := make([]byte, 1<<20)
	for ctx.Err() == nil {
		file, err := os.Create(path)
		if err != nil {
			return
		}
		for range 16 {
			file.Write(block)
			file.Sync()
		}
		file.Close()
	}
}

func ask(ctx context.Context, program string, rate float64, port int, length time.Duration) (load.Record, error) {
	if length <= 0 {
		<-ctx.Done()
		return load.Record{}, nil
	}
	generator, err := load.Start(ctx, []string{program, "load"}, proc.Baseline(os.Environ()), load.Plan{
		Seed: 1, Rate: rate, For: length, Timeout: 30 * time.Second, Late: 10 * time.Second, Fresh: 0.2, Cap: 5000,
		Targets: []load.Target{{Name: "storefront", URL: fmt.Sprintf("http://127.0.0.1:%d/", port), Weight: 1}},
	})
	if err != nil {
		return load.Record{}, err
	}
	select {
	case <-time.After(length):
	case <-ctx.Done():
	}
	return generator.Stop(context.WithoutCancel(ctx))
}

// A tally is what the journal says was done.
type tally struct{ remedies, ejections, lasted, detected int }

func count(journal []rig.Entry) tally {
	var t tally
	out := map[string]time.Duration{}
	for _, e := range journal {
		switch id := string(e.Body.ID); {
		case e.Kind == "decided" && e.Body.Do == "restart":
			t.remedies++
		case e.Kind == "detected":
			t.detected++
		case e.Kind == "ejected" && !e.Body.Kept && out[id] == 0:
			t.ejections++
			out[id] = e.At.Boot
		case e.Kind == "admitted" && out[id] != 0:
			if e.At.Boot-out[id] > lasting {
				t.lasted++
			}
			delete(out, id)
		}
	}
	t.lasted += len(out)
	return t
}
