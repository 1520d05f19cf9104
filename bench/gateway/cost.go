package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// The shape of what a request costs: the peer on one processor, whoever asks and
// answers on the other.
const (
	connections = 64
	warming     = time.Second
	hammering   = 5 * time.Second
	held        = 5000            // connections of the memory part
	waiting     = 3 * time.Second // before it is looked what they cost: a peer may need a moment to let go
)

func here() []string  { return []string{"taskset", "-c", "0"} }
func there() []string { return []string{"taskset", "-c", "1"} }

func (s stage) cpu(ctx context.Context) error { return s.costs(ctx, "cpu", peers(s.programs)) }
func (s stage) tcp(ctx context.Context) error { return s.costs(ctx, "tcp", tcpPeers(s.programs)) }

// costs measures what a request costs each peer, one after the other, so that
// what the machine does to one round it does to all.
func (s stage) costs(ctx context.Context, part string, all []peer) error {
	return s.quiet(ctx, part, all, func(ctx context.Context, r *running, seen *result) error {
		if _, err := strikeFor(ctx, warming); err != nil {
			return err
		}
		before := r.used()
		did, err := strikeFor(ctx, hammering)
		if err != nil {
			return err
		}
		if did.Failed > 0 {
			return fmt.Errorf("%d connections broke", did.Failed)
		}
		seen.CPU, seen.Own = r.used().each(before, did.Requests)
		seen.Rate = float64(did.Requests) / did.Took.Seconds()
		return nil
	})
}

// memory measures what connections that wait cost.
func (s stage) memory(ctx context.Context) error {
	return s.quiet(ctx, "memory", peers(s.programs), func(ctx context.Context, r *running, seen *result) error {
		cmd, err := ourselves(ctx, holdRole, published, strconv.Itoa(held))
		if err != nil {
			return err
		}
		stdin, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		said := bufio.NewReader(stdout)
		if _, err := said.ReadString('\n'); err != nil {
			return fmt.Errorf("hold %d connections: %w", held, cmd.Wait())
		}
		select {
		case <-ctx.Done():
		case <-time.After(waiting):
		}
		seen.Bytes = r.bytes()
		fmt.Fprintln(stdin)
		if _, err := said.ReadString('\n'); err != nil {
			return fmt.Errorf("ask again on %d connections: %w", held, cmd.Wait())
		}
		seen.Active = r.bytes()
		stdin.Close()
		return cmd.Wait()
	})
}

// quiet has every peer measured on replicas that only answer.
func (s stage) quiet(ctx context.Context, part string, all []peer, look func(context.Context, *running, *result) error) error {
	cmd, err := ourselves(ctx, append([]string{quickRole}, replicas()...)...)
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	}()
	return s.twice(ctx, func() (failed error) {
		for _, p := range all {
			c := cell{Part: part, Peer: p.name, Variant: string(p.variant), Round: s.round}
			if s.skips(c, p) || p.variant == safe {
				continue // it costs what the expert's does
			}
			if s.over(ctx) {
				break
			}
			if err := s.costOf(ctx, c, p, look); err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s: %w", p, err))
			}
		}
		return failed
	})
}

func (s stage) costOf(ctx context.Context, c cell, p peer, look func(context.Context, *running, *result) error) error {
	before := weather()
	seen := result{cell: c, Version: p.version(ctx)}
	r, err := p.start(ctx, s.work, here())
	if err != nil {
		return err
	}
	err = look(ctx, r, &seen)
	r.stop()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, r.said.String())
	}
	seen.sky = before.since()
	return s.book.keep(seen)
}

// ourselves is this program in another role, away from the peer.
func ourselves(ctx context.Context, args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	argv := append(append(there(), self), args...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd, nil
}

func strikeFor(ctx context.Context, length time.Duration) (did hammered, err error) {
	cmd, err := ourselves(ctx, hammerRole, published, strconv.Itoa(connections), length.String())
	if err != nil {
		return did, err
	}
	said, err := cmd.Output()
	if err != nil {
		return did, fmt.Errorf("ask: %w", err)
	}
	return did, json.Unmarshal(said, &did)
}
