package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"holdfast"
	"holdfast/internal/proc"
)

// A row is one way to break one replica, or all of them a little, and what may
// come of it.
type row struct {
	name   string
	ready  func(context.Context, state) error                    // before the load
	inject func(context.Context, state) (mend func(), err error) // mend may be called twice
	breaks func(sight) (why string)
}

// errCannot says that this machine cannot break things in this way.
const errCannot = holdfast.Refusal("cannot be measured here: ")

// lateAllowed is the bar of every row in which one replica fails.
const lateAllowed = 3

func rows() []row {
	return []row{
		{name: "crash", inject: signalled(syscall.SIGKILL), breaks: nobodyFails},
		{name: "hang", inject: signalled(syscall.SIGSTOP), breaks: all(nobodyFails, ejectedWithin(time.Second))},
		{name: "blackhole", inject: blackholed, breaks: nobodyFails},
		{name: "errors100", inject: mannered("fail-share=1", 1), breaks: nobodyFails},
		{name: "errors30", inject: mannered("fail-share=0.3", 1), breaks: nobodyFails},
		{name: "flap", inject: flapping, breaks: nobodyFails},
		{name: "slow", inject: mannered("delay=1s", 1), breaks: slowOnce},
		{name: "errors3all", inject: mannered("fail-share=0.03", 3), breaks: nothingEjected},
		{name: "slower20", inject: mannered("delay=2400us", 3), breaks: nothingEjected},
	}
}

func all(rules ...func(sight) string) func(sight) string {
	return func(s sight) string {
		var broken []string
		for _, rule := range rules {
			if why := rule(s); why != "" {
				broken = append(broken, why)
			}
		}
		return strings.Join(broken, "; ")
	}
}

func nobodyFails(s sight) string {
	switch {
	case s.failed > 0:
		return "a request failed"
	case s.late > lateAllowed:
		return fmt.Sprintf("more than %d late", lateAllowed)
	default:
		return ""
	}
}

func ejectedWithin(bar time.Duration) func(sight) string {
	return func(s sight) string {
		if s.ejected < 0 || s.ejected > bar {
			return "not noticed within " + bar.String()
		}
		return ""
	}
}

// slowOnce: at most five late, none that began later than a second after.
func slowOnce(s sight) string {
	switch {
	case s.failed > 0:
		return "a request failed"
	case s.late > 5:
		return "more than 5 late"
	case s.lastBad > time.Second:
		return "one began later than 1s after the fault"
	default:
		return ""
	}
}

func nothingEjected(s sight) string {
	switch {
	case s.ejected >= 0:
		return "a replica was ejected"
	case s.restarts > 0:
		return "a replica was restarted"
	case s.amplification > 1.10:
		return "more than 1.10 tries per request"
	default:
		return ""
	}
}

// signalled sends a signal to the second replica's process group.
func signalled(signal syscall.Signal) func(context.Context, state) (func(), error) {
	return func(_ context.Context, s state) (func(), error) {
		pid := s.replicas()[1].Pid
		return func() { syscall.Kill(-pid, syscall.SIGCONT) }, syscall.Kill(-pid, signal)
	}
}

// mannered changes how the first replicas behave.
func mannered(manners string, replicas int) func(context.Context, state) (func(), error) {
	return func(ctx context.Context, s state) (func(), error) {
		mend := func() {
			for _, r := range s.replicas()[:replicas] {
				adjust(context.WithoutCancel(ctx), r, "fail-share=0&delay=2ms")
			}
		}
		for _, r := range s.replicas()[:replicas] {
			if err := adjust(ctx, r, manners); err != nil {
				return mend, err
			}
		}
		return mend, nil
	}
}

func adjust(ctx context.Context, r replica, manners string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+r.Address+"/manners?"+manners, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		return fmt.Errorf("manners %s: %s", manners, answer.Status)
	}
	return nil
}

// flapping kills the second replica's process four times, a second apart. It is
// started again each time.
func flapping(ctx context.Context, s state) (func(), error) {
	address, err := netip.ParseAddrPort(s.replicas()[1].Address)
	if err != nil {
		return nil, err
	}
	for range 4 {
		pid, _, found := proc.Holder(address.Port())
		if !found {
			return nil, fmt.Errorf("nobody listens at %s", address)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return nil, err
		}
		sleep(ctx, time.Second)
	}
	return nil, nil
}

// blackholed drops every packet to and from the second replica's port.
func blackholed(_ context.Context, s state) (func(), error) {
	if _, err := exec.LookPath("nft"); err != nil || os.Geteuid() != 0 {
		return nil, fmt.Errorf("%wit needs root and nft", errCannot)
	}
	_, port, err := net.SplitHostPort(s.replicas()[1].Address)
	if err != nil {
		return nil, err
	}
	const table = "holdfast_bench_rows"
	mend := func() { exec.Command("nft", "delete", "table", "inet", table).Run() }
	rules := fmt.Sprintf("table inet %s {\n chain in {\n  type filter hook input priority 0\n  tcp dport %s drop\n  tcp sport %s drop\n }\n}\n", table, port, port)
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if said, err := cmd.CombinedOutput(); err != nil {
		return mend, fmt.Errorf("nft: %w: %s", err, said)
	}
	return mend, nil
}
