package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"holdfast/internal/proc"
)

// A backends is three replicas, the first of which is the one to be broken.
type backends struct {
	dir string
	all []*backend
}

// A backend is one replica's process, which may be started again.
type backend struct {
	address, log string
	command      *exec.Cmd
	stdin        io.WriteCloser
}

func openBackends(ctx context.Context, work string) (*backends, error) {
	dir, err := os.MkdirTemp(work, "replicas-")
	if err != nil {
		return nil, err
	}
	b := &backends{dir: dir}
	for n, address := range replicas() {
		one := &backend{address: address, log: b.log(n)}
		b.all = append(b.all, one)
		if err := one.start(); err != nil {
			return nil, errors.Join(err, b.close())
		}
	}
	for _, one := range b.all {
		if err := one.listens(ctx); err != nil {
			return nil, errors.Join(err, b.close())
		}
	}
	return b, nil
}

func (b *backends) close() error {
	for _, one := range b.all {
		one.kill()
	}
	return os.RemoveAll(b.dir)
}

func (b *backend) start() (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	b.command = exec.Command(self, backendRole, b.address, b.log)
	b.command.Stderr = os.Stderr
	b.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if b.stdin, err = b.command.StdinPipe(); err != nil {
		return err
	}
	return b.command.Start()
}

// listens waits until the replica is there.
func (b *backend) listens(ctx context.Context) error {
	patience, enough := context.WithTimeout(ctx, 5*time.Second)
	defer enough()
	for patience.Err() == nil {
		if c, err := net.Dial("tcp", b.address); err == nil {
			return c.Close()
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("replica at %s: it does not listen", b.address)
}

func (b *backend) kill() {
	if b.command != nil && b.command.Process != nil {
		b.command.Process.Kill()
		b.command.Wait()
		b.stdin.Close()
	}
	b.command = nil
}

func (b *backend) tell(what string) error {
	_, err := fmt.Fprintln(b.stdin, what)
	return err
}

func (b *backend) signal(s syscall.Signal) error { return b.command.Process.Signal(s) }

// A fault breaks the first replica, or all of them, and mends what it broke.
type fault struct {
	name string
	says string
	// strike returns when the break is over. at waits for an instant of the race.
	act func(at func(time.Duration), b *backends) error
}

// strike carries a fault out at its instants, which count from began.
func (f fault) strike(ctx context.Context, b *backends, began time.Duration) error {
	return f.act(func(instant time.Duration) {
		select {
		case <-time.After(began + instant - proc.Now()):
		case <-ctx.Done():
		}
	}, b)
}

// between does one thing at the break and another at its end.
func between(begin, end func(*backend) error) func(func(time.Duration), *backends) error {
	return func(at func(time.Duration), b *backends) error {
		at(breakAt)
		begun := begin(b.all[0])
		at(mendAt)
		return errors.Join(begun, end(b.all[0]))
	}
}

func told(begin, end string) func(func(time.Duration), *backends) error {
	return between(func(b *backend) error { return b.tell(begin) }, func(b *backend) error { return b.tell(end) })
}

func faults() []fault {
	return []fault{
		{name: "crash", says: "SIGKILL; started again at its end", act: between(killed, (*backend).start)},
		{name: "hang", says: "SIGSTOP", act: between(signalled(syscall.SIGSTOP), signalled(syscall.SIGCONT))},
		{name: "blackhole", says: "packets of its port dropped in both directions, open connections included", act: blackhole},
		{name: "errors100", says: "500 for every request, health path green", act: told("errors 100", "errors 0")},
		{name: "errors30", says: "500 for 30 % of requests, health path green", act: told("errors 30", "errors 0")},
		{name: "slow", says: "+1 s, health path green and quick", act: told("delay 1s", "delay 0s")},
		{name: "flap", says: "four times 0.4 s dead, 0.6 s back", act: flap},
		{name: "errors3all", says: "500 for 3 % of requests, of all replicas", act: background},
	}
}

func killed(b *backend) error {
	b.kill()
	return nil
}

func signalled(s syscall.Signal) func(*backend) error {
	return func(b *backend) error { return b.signal(s) }
}

func flap(at func(time.Duration), b *backends) error {
	for n := range 4 {
		began := breakAt + time.Duration(n)*time.Second
		at(began)
		b.all[0].kill()
		at(began + 400*time.Millisecond)
		if err := b.all[0].start(); err != nil {
			return err
		}
	}
	at(mendAt)
	return nil
}

func background(at func(time.Duration), b *backends) error {
	at(breakAt)
	begun := b.tell("errors 3")
	at(mendAt)
	return errors.Join(begun, b.tell("errors 0"))
}

func (b *backends) tell(what string) (err error) {
	for _, one := range b.all {
		err = errors.Join(err, one.tell(what))
	}
	return err
}

// blackhole drops the replica's packets. The table belongs to the nft that made
// it, so the kernel takes it away with that process, which ends where its input
// does: whatever becomes of us, nothing is left.
func blackhole(at func(time.Duration), b *backends) error {
	_, port, err := net.SplitHostPort(b.all[0].address)
	if err != nil {
		return err
	}
	nft := exec.Command("nft", "-i")
	var said strings.Builder
	nft.Stdout, nft.Stderr = &said, &said
	nft.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := nft.StdinPipe()
	if err != nil {
		return err
	}
	if err := nft.Start(); err != nil {
		return fmt.Errorf("drop packets: %w", err)
	}
	at(breakAt)
	_, err = fmt.Fprintf(stdin, "table inet holdfast_bench { flags owner; chain lost { type filter hook input priority 0; policy accept; tcp dport %s drop; tcp sport %s drop; }; }\n", port, port)
	at(mendAt)
	err = errors.Join(err, stdin.Close())
	if ended := nft.Wait(); ended != nil {
		return fmt.Errorf("drop packets: %w\n%s", ended, said.String())
	}
	return err
}
