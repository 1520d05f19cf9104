package fault

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"holdfast"
	"holdfast/fault/tracer"
)

// A traced is a fault that a tracer makes, a process of its own that has hold of
// every thread of the victim's group. It ends with the tracer.
type traced struct {
	kind  tracer.Kind
	delay time.Duration
	data  bool // it is about the victim's data directory
}

// Name implements holdfast.Fault.
func (f traced) Name() holdfast.FaultName { return holdfast.FaultName(f.kind) }

// Inject returns when the tracer has hold of every thread. A victim that somebody
// else traces, a debugger, is refused.
func (f traced) Inject(ctx context.Context, victim holdfast.Victim) error {
	if err := f.inject(ctx, victim); err != nil {
		return fmt.Errorf("%s %s (pid %d): %w", f.kind, victim.ID, victim.Pid, err)
	}
	return nil
}

func (f traced) inject(ctx context.Context, victim holdfast.Victim) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := strikable(victim); err != nil {
		return err
	}
	job := tracer.Job{Kind: f.kind, Pid: victim.Pid, Ticks: victim.Ticks, Delay: f.delay}
	if f.data {
		var err error
		if job.Data, err = dataOf(victim); err != nil {
			return err
		}
	}
	return tracer.Start(ctx, job)
}

// Undo ends the tracer, and with it the fault, whether the tracer is at work,
// stuck or stopped.
func (f traced) Undo(ctx context.Context, victim holdfast.Victim) error {
	if err := tracer.End(ctx, f.kind, victim.Pid, victim.Ticks); err != nil {
		return fmt.Errorf("undo %s of %s (pid %d): %w", f.kind, victim.ID, victim.Pid, err)
	}
	return nil
}

// Renew implements holdfast.Leased.
func (f traced) Renew(_ context.Context, victim holdfast.Victim) error {
	if err := tracer.Renew(f.kind, victim.Pid, victim.Ticks); err != nil {
		return fmt.Errorf("renew %s of %s (pid %d): %w", f.kind, victim.ID, victim.Pid, err)
	}
	return nil
}

// strikable says why a victim's process group cannot be struck as one.
func strikable(victim holdfast.Victim) error {
	if victim.Pid <= 1 || !alive(victim) {
		return ErrVictimGone
	}
	if !leads(victim.Pid) {
		return errNoGroup
	}
	return nil
}

// errNoData refuses a fault of the disk for what keeps nothing.
const errNoData = holdfast.Refusal("it was started without a data directory, so nothing tells what it writes from what anybody does")

// Unfit implements particular: a disk that nothing is kept on can be full.
func (f traced) Unfit(victim holdfast.Victim) string {
	if !f.data {
		return ""
	}
	dir, err := dataOf(victim)
	if err != nil {
		return err.Error()
	}
	files, err := os.ReadDir(dir)
	if err == nil && len(files) == 0 {
		return "it keeps nothing in its data directory, " + victim.Data
	}
	return ""
}

// dataOf is a victim's data directory as the kernel names the files in it.
func dataOf(victim holdfast.Victim) (string, error) {
	if victim.Data == "" {
		return "", errNoData
	}
	return filepath.EvalSymlinks(victim.Data)
}
