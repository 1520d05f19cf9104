//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// regulars keep their connections and never ask twice, as Go's own client would
// without a word: what fails on a connection that is used again is a failure.
type regulars struct {
	address string
	over    chan struct{}
	group   sync.WaitGroup
	asked   atomic.Int64

	mu   sync.Mutex
	hurt []string
}

// regulars come until the test ends, each on a connection of its own.
func (s *system) regulars(n int, every time.Duration) *regulars {
	r := &regulars{address: fmt.Sprintf("127.0.0.1:%d", s.port), over: make(chan struct{})}
	for range n {
		r.group.Go(func() { r.come(every) })
	}
	s.Cleanup(r.leave)
	return r
}

func (r *regulars) leave() {
	select {
	case <-r.over:
	default:
		close(r.over)
	}
	r.group.Wait()
}

func (r *regulars) come(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var conn net.Conn
	var in *bufio.Reader
	for {
		select {
		case <-r.over:
			if conn != nil {
				conn.Close()
			}
			return
		case <-tick.C:
		}
		if conn == nil {
			var err error
			if conn, err = net.DialTimeout("tcp", r.address, 10*time.Second); err != nil {
				r.note(fmt.Errorf("connect: %w", err))
				conn = nil
				continue
			}
			in = bufio.NewReader(conn)
		}
		stays, err := visitOn(conn, in)
		if r.asked.Add(1); err != nil {
			r.note(err)
		}
		if err != nil || !stays {
			conn.Close()
			conn = nil
		}
	}
}

func (r *regulars) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hurt = append(r.hurt, time.Now().UTC().Format("15:04:05.000 ")+err.Error())
}

func visitOn(conn net.Conn, in *bufio.Reader) (stays bool, err error) {
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: shop\r\n\r\n"); err != nil {
		return false, err
	}
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		return false, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status + " " + string(text))
	}
	return !answer.Close, err
}

// unhurt waits for more of them, and says whether one was hurt.
func (r *regulars) unhurt(t *testing.T, more int64) {
	t.Helper()
	before := r.asked.Load()
	await(t, "more have been answered", func() bool { return r.asked.Load() >= before+more })
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.hurt) > 0 {
		t.Errorf("%d of %d were hurt:\n%s", len(r.hurt), r.asked.Load(), strings.Join(r.hurt, "\n"))
	}
}

// The gateway is renewed three times, the agent with it, and the file changed in
// between, while clients come that forgive nothing.
func TestARenewalIsNotNoticed(t *testing.T) {
	t.Parallel()
	s := newSystem(t, fifteenLines)
	s.detached()
	before := s.whole()
	clients := s.regulars(8, 20*time.Millisecond)
	for n := range 3 {
		gateway, agent := s.roleAt("gateway"), s.roleAt("agent")
		s.run("renew").exits(0).tells("the new gateway serves", "the new agent serves", "the keeper stays as it is")
		if s.roleAt("gateway") == gateway || s.roleAt("agent") == agent {
			t.Errorf("renewal %d: gateway %d and agent %d are the same", n, gateway, agent)
		}
		s.untouched(before)
		await(t, "the gateway before has ended", func() bool { return !lives(gateway) })
		s.change("promise: 99.9%", "promise: 99.95%")
		s.run("reload").exits(0).tells("done after")
		s.change("promise: 99.95%", "promise: 99.9%")
		clients.unhurt(t, 40)
	}
	s.upgrades()
	clients.unhurt(t, 40)
	for _, role := range s.status().Roles {
		if role.Restarts != 0 {
			t.Errorf("%s counts %d restarts; a renewal is none", role.Name, role.Restarts)
		}
	}
	clients.leave()
	s.down()
}

// upgrades renews from a program at another path, and from one that took its
// place since: neither runs what was deleted.
func (s *system) upgrades() {
	s.Helper()
	next := filepath.Join(s.dir, "next")
	for range 2 {
		fresh := filepath.Join(s.dir, "fresh")
		text, err := os.ReadFile(s.program)
		s.must(err)
		s.must(os.WriteFile(fresh, text, 0o700))
		s.must(os.Rename(fresh, next))
		s.startProgram(next, "renew").ends().exits(0)
		for _, role := range []string{"gateway", "agent"} {
			exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", s.roleAt(role)))
			if s.must(err); exe != next {
				s.Errorf("the %s runs %s, want %s", role, exe, next)
			}
		}
	}
}

// A new program that does not work costs nothing: the one before serves on.
func TestARenewalThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	s := newSystem(t, pair)
	s.detached()
	before := s.whole()
	gateway := s.roleAt("gateway")
	clients := s.regulars(4, 20*time.Millisecond)
	broken := filepath.Join(s.dir, "broken")
	s.must(os.WriteFile(broken, []byte("#!/bin/sh\necho cannot run here; exit 1\n"), 0o700))
	err := s.state.renew(t.Context(), broken, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "the new one ended: exit 1") || !strings.Contains(err.Error(), "the one before serves on") {
		t.Errorf("%v", err)
	}
	s.must(os.Chmod(broken, 0o777))
	if err := s.state.renew(t.Context(), broken, io.Discard); err == nil || !strings.Contains(err.Error(), "can be changed by other users") {
		t.Errorf("%v", err)
	}
	if s.roleAt("gateway") != gateway {
		t.Error("the gateway is another one")
	}
	s.untouched(before)
	clients.unhurt(t, 20)
	s.strike(gateway, syscall.SIGKILL) // and the one that follows it is of the old program
	await(t, "the gateway is back", func() bool { now := s.roleAt("gateway"); return now != 0 && now != gateway })
	s.whole()
	clients.leave()
	s.down()
}

// Keeper and agent stand still, a replica of three crashes: the gateway knows
// what to do, and nobody else is needed for it.
func TestNobodyElseIsNeededForACrash(t *testing.T) {
	t.Parallel()
	s := newSystem(t, fifteenLines)
	s.detached()
	before := s.whole()
	agent, keeper := s.roleAt("agent"), s.keeper()
	clients := s.regulars(8, 20*time.Millisecond)
	clients.unhurt(t, 40)
	for _, pid := range []int{keeper, agent} {
		s.strike(pid, syscall.SIGSTOP)
		defer syscall.Kill(pid, syscall.SIGCONT)
	}
	s.strike(before["storefront-1"], syscall.SIGKILL)
	clients.unhurt(t, 400)
	for _, pid := range []int{keeper, agent} {
		s.strike(pid, syscall.SIGCONT)
	}
	await(t, "the replica is back", func() bool { now := s.whole()["storefront-1"]; return now != 0 && now != before["storefront-1"] })
	clients.unhurt(t, 40)
	clients.leave()
	s.down()
}
