//go:build !linux

package proc

import (
	"context"
	"syscall"
	"time"
)

// Without Linux there is no /proc and no pidfd: what needs them says so, and
// what can do without goes on.
const errNeedsLinux = refusal("this needs Linux")

func Now() time.Duration { return time.Duration(time.Now().UnixNano()) }

func BootID() string { return "" }

func Subreaper() error { return nil }

func WithoutOrphans(do func() error) error { return do() }

func Ticks(int) (uint64, error) { return 0, nil }

func State(int) (string, error) { return "", errNeedsLinux }

func Parent(int) (int, error) { return 0, errNeedsLinux }

func User(int) (int, error) { return 0, errNeedsLinux }

func Alive(pid int, _ uint64) bool { return syscall.Kill(pid, 0) == nil }

func Dying(int, uint64) bool { return false }

func All() ([]int, error) { return nil, errNeedsLinux }

func Marked(string, string) (map[int]string, error) { return map[int]string{}, nil }

func Holder(uint16) (pid int, program string, ok bool) { return 0, "", false }

func Listens(int) []uint16 { return nil }

func MarkOf(int) (keep, name string, ok bool) { return "", "", false }

func Tracer(int) (int, error) { return 0, errNeedsLinux }

func Group(int) ([]int, error) { return nil, errNeedsLinux }

func Consumed(int) time.Duration { return 0 }

func Variable(int, string) (value string, ok bool) { return "", false }

// Handle is a process by its pid alone, polled.
type Handle struct{ pid int }

func Open(pid int, _ uint64) (*Handle, error) {
	if pid < 1 || !Alive(pid, 0) {
		return nil, ErrGone
	}
	return &Handle{pid: pid}, nil
}

func (h *Handle) Signal(signal syscall.Signal) error { return syscall.Kill(h.pid, signal) }

func (h *Handle) Wait(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for Alive(h.pid, 0) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

func (h *Handle) Close() error { return nil }
