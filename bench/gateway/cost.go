package main

import (
	"bufio"
	"context"
	"encoding/json"
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
	held        = 5000 // connections of the memory part
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
		if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
			return fmt.Errorf("hold %d connections: %w", held, cmd.Wait())
		}
		seen.Bytes = r.bytes()
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
	for _, p := range all {
		c := cell{Part: part, Peer: p.name, Variant: string(p.variant), Round: s.round}
		if s.skips(c, p) || p.variant == safe {
			continue // it costs what the expert's does
		}
		seen := result{cell: c, Version: p.version(ctx)}
		r, err := p.start(ctx, s.work, here())
		if err != nil {
			return err
		}
		err = look(ctx, r, &seen)
		r.stop()
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", p, err, r.said.String())
		}
		if err := s.book.keep(seen); err != nil {
			return err
		}
	}
	return nil
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
