package prove

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"holdfast"
	"holdfast/warden"
)

// Who keeps a live run from beginning.
const (
	errBusy     = holdfast.Refusal("another prove --live is under way with this state directory; next: wait for its end, or end it: holdfast prove --stop")
	errBusyFile = holdfast.Refusal("another prove --live of this file is under way with another state directory; next: wait for its end, or end it: holdfast prove --stop --state DIR")
)

// lockLive keeps live runs of one state directory, and of one file, to one at a
// time: two faults in one system at once show nothing, and hurt twice. The kernel
// gives the locks back when the run dies. What the run is stands in the first, for
// whoever wants to end it.
func lockLive(o Options) (release func(), err error) {
	state, err := os.OpenFile(warden.LiveFile(o.State), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(state.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		state.Close()
		return nil, errBusy
	}
	// A file that is not there any more, or never was one, has its state directory
	// alone.
	file, err := os.Open(filepath.Join(o.File.Dir, filepath.Base(o.File.Name)))
	if err == nil && syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		file.Close()
		state.Close()
		return nil, errBusyFile
	}
	release = func() {
		state.Truncate(0)
		state.Close()
		if file != nil {
			file.Close()
		}
	}
	if err := announce(state, o); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// announce writes down what live run this is.
func announce(into *os.File, o Options) error {
	self, err := warden.Self()
	if err != nil {
		return err
	}
	live := warden.Live{Prove: self, By: o.By, Began: time.Now().UTC().Round(0), System: o.System.Name}
	for _, mode := range o.Modes {
		if name := mode.Strikes.Service; Untouchable(o.System, true, mode) == "" && runsElsewhere(o.System, mode) && !slices.Contains(live.Services, name) {
			live.Services = append(live.Services, name)
		}
	}
	text, err := json.Marshal(live)
	if err != nil {
		return err
	}
	if err := into.Truncate(0); err != nil {
		return err
	}
	_, err = into.WriteAt(append(text, '\n'), 0)
	return err
}

// errStopped ends a live run that somebody asked to end.
type errStopped struct{ by string }

func (e errStopped) Error() string { return "stopped by " + e.by }

// untilStopped is a context that ends, with errStopped as its cause, when somebody
// asks for the end of this run. done waits until nobody looks any more.
func untilStopped(ctx context.Context, state string) (running context.Context, done func()) {
	running, cancel := context.WithCancelCause(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		self, err := warden.Self()
		if err != nil {
			return // it is ended by its warden then, or by force
		}
		tick := time.NewTicker(warden.StopEvery)
		defer tick.Stop()
		for {
			if by, asked := warden.StopAsked(state, self); asked {
				cancel(errStopped{by: by})
				return
			}
			select {
			case <-running.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return running, func() {
		cancel(nil)
		<-over
	}
}

// stoppedBy says who asked for the end of a run, if that is why it ends.
func stoppedBy(ctx context.Context) string {
	var stopped errStopped
	if errors.As(context.Cause(ctx), &stopped) {
		return stopped.by
	}
	return ""
}
