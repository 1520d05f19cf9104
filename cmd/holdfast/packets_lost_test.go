package main

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/fault"
	"holdfast/fault/proxy"
)

// What the kernel does on our behalf outlives every process of ours. So whoever
// is lost in the middle of a blackhole, the path is open again within the lease
// and 2 s, and no table of rules stays: the warden's work, or heal's.

// blackholed is a folder whose catalog is long in the dark: so few requests come
// that it takes some 8 s to have seen enough.
func blackholed(t *testing.T) (*house, *underway) {
	t.Helper()
	if why, _ := fault.Possible("blackhole"); why != "" {
		t.Skip(why)
	}
	h := newHouse(t, catalogAlone("", "failure_modes: {partition: {bounds: {mitigate: 20s, restore: 30s}}}"))
	return h, h.start("prove", "--fault", "blackhole", "--rate", "25/s")
}

// inItsMiddle waits until the fault of a proof is in: its fault proxy's socket, and
// where the path that is struck begins.
func (h *house) inItsMiddle(r *underway) (socket, front string) {
	t := h.t
	t.Helper()
	r.says("blackhole on catalog-")
	await(t, "a table of rules is there", func() bool {
		select {
		case <-r.ended:
			t.Fatalf("it ended before:\n%s%s", &r.stdout, &r.stderr)
		default:
		}
		sockets, _ := filepath.Glob(filepath.Join(h.dir, ".holdfast", "prove", "*", proxy.SocketName))
		for _, s := range sockets {
			if len(h.tables(s)) > 0 {
				socket = s
				return true
			}
		}
		return false
	})
	state, err := proxy.Dial(socket).State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range state.Paths {
		if strings.Contains(r.stderr.String()+r.stdout.String(), "blackhole on "+string(path.ID.Name())+",") {
			front = path.Front
		}
	}
	if front == "" || !isDropped(front) {
		t.Fatalf("the path at %q is not broken; nothing would be shown", front)
	}
	return socket, front
}

// tables are what packet faults of a run have left.
func (h *house) tables(socket string) []string {
	h.t.Helper()
	left, err := fault.Tables(socket)
	if err != nil {
		h.t.Fatal(err)
	}
	return left
}

// isDropped tells whether nothing at an address answers a connect, be it by
// refusing.
func isDropped(address string) bool {
	conn, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
	if err == nil {
		conn.Close()
	}
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// opensWithin insists that packets pass again.
func opensWithin(t *testing.T, front string, limit time.Duration) {
	t.Helper()
	began := time.Now()
	for isDropped(front) {
		if time.Since(began) > limit {
			t.Fatalf("after %s packets are still dropped", limit)
		}
	}
	t.Logf("open after %s", time.Since(began).Round(time.Millisecond))
}

const open = holdfast.Lease + 2*time.Second

func TestNoBlackholeOutlivesALostProve(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		t.Run(word(signal), func(t *testing.T) {
			t.Parallel()
			h, r := blackholed(t)
			socket, front := h.inItsMiddle(r)
			r.signal(signal)
			opensWithin(t, front, open)
			h.onlyLivesWithin(lease, r.pid())
			await(t, "the warden has taken the table away", func() bool { return len(h.tables(socket)) == 0 })
			if signal == syscall.SIGSTOP {
				r.signal(syscall.SIGCONT)
				r.ends().exits(exitAborted)
			}
			h.run("heal").exits(exitGood).tells("nothing was left behind")
		})
	}
}

func TestNoBlackholeOutlivesEverybody(t *testing.T) {
	h, r := blackholed(t) // not beside others of these, which would sweep
	socket, front := h.inItsMiddle(r)
	h.strike(h.one("warden"), syscall.SIGKILL)
	r.signal(syscall.SIGKILL)
	for pid := range h.living() {
		_ = syscall.Kill(pid, syscall.SIGKILL) // all at once; who is gone is gone
	}
	opensWithin(t, front, open)
	h.onlyLivesWithin(lease)
	t.Logf("left: %q, which heal is to find unless somebody else swept", h.tables(socket))
	h.run("heal").exits(exitGood).tells("undone   ", "blackhole on catalog-")
	if left := h.tables(socket); len(left) > 0 {
		t.Errorf("after heal: %q", left)
	}
	h.run("heal").exits(exitGood).tells("nothing was left behind")
}

// A fault proxy that dies takes all paths with it: the drill decides nothing, and
// its table goes all the same.
func TestABlackholeWhoseProxyDiesDecidesNothing(t *testing.T) {
	t.Parallel()
	h, r := blackholed(t)
	socket, _ := h.inItsMiddle(r)
	h.strike(h.one("proxy"), syscall.SIGKILL)
	if s := r.ends(); s.code != exitCouldNot {
		t.Errorf("exit %d, want INVALID:\n%s", s.code, s.all())
	}
	h.onlyLivesWithin(lease)
	if left := h.tables(socket); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	h.run("heal").exits(exitGood).tells("nothing was left behind")
}

// TestTwoBlackholesOnOneHostDoNotMeet: each drops packets of its own, and the end of
// one, by its warden and by heal, leaves the other's alone.
func TestTwoBlackholesOnOneHostDoNotMeet(t *testing.T) {
	t.Parallel()
	one, first := blackholed(t)
	two, second := blackholed(t)
	itsSocket, itsFront := one.inItsMiddle(first)
	socket, front := two.inItsMiddle(second)
	if itsSocket == socket {
		t.Fatalf("both have the proxy at %s", socket)
	}
	first.signal(syscall.SIGKILL)
	one.run("heal").exits(exitGood)
	if left := one.tables(itsSocket); len(left) > 0 || isDropped(itsFront) {
		t.Errorf("of the first there is left: %q", left)
	}
	select {
	case <-second.ended:
		t.Log("the second was over before the first was healed")
	default:
		if left := two.tables(socket); len(left) == 1 && !isDropped(front) && len(two.tables(socket)) == 1 {
			t.Error("the heal of the first opened the second's path")
		}
	}
	s := second.ends()
	if s.code == exitFound {
		t.Errorf("the second: exit %d:\n%s", s.code, s.all())
	}
	if left := two.tables(socket); len(left) > 0 {
		t.Errorf("of the second there is left: %q", left)
	}
	two.run("heal").exits(exitGood).tells("nothing was left behind")
}

// TestTwoBlackholesInOneFolderDoNotMeet: the same state directory for both.
func TestTwoBlackholesInOneFolderDoNotMeet(t *testing.T) {
	t.Parallel()
	h, first := blackholed(t)
	socket, _ := h.inItsMiddle(first)
	second := h.start("prove", "--fault", "blackhole", "--rate", "70/s")
	for _, r := range []*underway{first, second} {
		if s := r.ends(); s.code == exitFound { // what is late on a busy machine decides nothing
			t.Errorf("exit %d:\n%s", s.code, s.all())
		}
	}
	if left := h.tables(socket); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	h.run("heal").exits(exitGood).tells("nothing was left behind")
}
