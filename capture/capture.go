// Package capture keeps what can be seen of a failing replica before whatever
// ends it destroys the evidence: what the kernel says of its processes, what the
// gateways wait for, and the last lines it printed.
//
// Most hangs are never explained because the first remedy was a restart. What
// is kept is a text file that a person reads, one per capture.
package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"holdfast"
)

// Bounds of what is kept.
const (
	maxFiles = 50                     // captures, the newest
	maxSize  = 256 << 10              // bytes of one
	dumpTime = 500 * time.Millisecond // for a process to print the dump it was asked for
	askTime  = time.Second            // for the gateways' word
)

// A Sight is what a replica's driver knows of it.
type Sight struct {
	State   string   // "running, pid 4711"
	Pid     int      // 0 where the driver knows none
	Command string   // as written
	Log     []string // its last lines, secrets withheld
}

// Options are what a Camera is made of. All fields but Dump are needed.
type Options struct {
	Dir      string // made when it is needed, with mode 0700
	Look     func(holdfast.ReplicaID) Sight
	Gateways []holdfast.Gateway
	// Dump asks a replica for a dump of its own by the signal its service
	// declares, and says whether it was asked.
	Dump func(context.Context, holdfast.ReplicaID) (asked bool, err error)
	Now  func() time.Time
}

// A Camera keeps evidence. Its methods may be called concurrently.
type Camera struct{ o Options }

// New makes a camera; it touches nothing yet.
func New(o Options) *Camera { return &Camera{o: o} }

// Keep writes down what can be seen of a replica now and returns the file's name
// below Dir and a summary of one line. It takes a second and a half at most, and
// reads what it can: a part that cannot be seen is said in the file.
func (c *Camera) Keep(ctx context.Context, id holdfast.ReplicaID) (name, summary string, err error) {
	at := c.o.Now().UTC()
	var page strings.Builder
	fmt.Fprintf(&page, "evidence of %s at %s\n", id, at.Format(time.RFC3339Nano))
	open := c.gateways(ctx, &page, id)
	sight := c.o.Look(id)
	fmt.Fprintf(&page, "\n== its process\ncommand: %s\n%s\n", sight.Command, sight.State)
	summary = kernel(&page, sight.Pid)
	if open > 0 {
		summary += fmt.Sprintf(", %d requests open", open)
	}
	sight = c.dump(ctx, &page, id, sight)
	fmt.Fprintf(&page, "\n== the last lines it printed\n%s\n", strings.Join(sight.Log, "\n"))
	name = fmt.Sprintf("%s-%d-%s.txt", id.Name(), id.Incarnation, at.Format("20060102T150405.000"))
	if err := c.write(name, page.String()); err != nil {
		return "", summary, fmt.Errorf("keep evidence of %s: %w", id, err)
	}
	return name, summary, nil
}

// gateways writes what each gateway believes, and returns the requests they wait
// for.
func (c *Camera) gateways(ctx context.Context, page *strings.Builder, id holdfast.ReplicaID) (open int) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	page.WriteString("\n== what the gateways say\n")
	for _, gateway := range c.o.Gateways {
		state, err := gateway.State(ctx)
		if err != nil {
			fmt.Fprintf(page, "no answer: %v\n", err)
			continue
		}
		i := slices.IndexFunc(state.Endpoints, func(e holdfast.EndpointState) bool { return e.ID == id })
		if i < 0 {
			fmt.Fprintf(page, "%s does not know it\n", state.Gateway)
			continue
		}
		e := state.Endpoints[i]
		open += e.InFlight
		fmt.Fprintf(page, "%s: admitted %v, %s; %d requests open, %d tries, %d failures, last check took %s\n",
			state.Gateway, e.Admitted, e.Reason, e.InFlight, e.Tries, e.Failures, e.Check.Round(time.Microsecond))
	}
	return open
}

// dump gives the process a moment to print what it was asked for.
func (c *Camera) dump(ctx context.Context, page *strings.Builder, id holdfast.ReplicaID, sight Sight) Sight {
	if c.o.Dump == nil {
		return sight
	}
	asked, err := c.o.Dump(ctx, id)
	switch {
	case err != nil:
		fmt.Fprintf(page, "\n== its own dump\ncould not be asked for: %v\n", err)
		return sight
	case !asked:
		return sight
	}
	timer := time.NewTimer(dumpTime)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	page.WriteString("\n== its own dump\nwas asked for; what it printed stands among its last lines\n")
	return c.o.Look(id)
}

func (c *Camera) write(name, text string) error {
	if err := os.MkdirAll(c.o.Dir, 0o700); err != nil {
		return err
	}
	if len(text) > maxSize {
		text = text[:maxSize] + "\n… cut here\n"
	}
	if err := os.WriteFile(filepath.Join(c.o.Dir, name), []byte(text), 0o600); err != nil {
		return err
	}
	return c.prune(name)
}

// prune removes the oldest captures beyond those kept, but never the one that was
// just made: the clock may have been set back since the others.
func (c *Camera) prune(made string) error {
	entries, err := os.ReadDir(c.o.Dir)
	if err != nil {
		return err
	}
	type kept struct {
		name string
		at   time.Time
	}
	var all []kept
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() && entry.Name() != made {
			all = append(all, kept{name: entry.Name(), at: info.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b kept) int { return a.at.Compare(b.at) })
	var failed error
	for len(all) >= maxFiles {
		failed = errors.Join(failed, os.Remove(filepath.Join(c.o.Dir, all[0].name)))
		all = all[1:]
	}
	return failed
}
