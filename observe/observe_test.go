package observe

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/event"
)

// ear is a loop that writes down what it is told.
type ear struct {
	mu    sync.Mutex
	heard []string
}

func (e *ear) tell(_ context.Context, in event.Body) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, event.Text(in))
	return nil
}

// hears compares what was told since it was asked last, in any order.
func (e *ear) hears(t *testing.T, want ...string) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	slices.SortFunc(e.heard, cmp.Compare)
	slices.SortFunc(want, cmp.Compare)
	if len(e.heard)+len(want) > 0 && !reflect.DeepEqual(e.heard, want) {
		t.Errorf("told %q, want %q", e.heard, want)
	}
	e.heard = nil
}

// A vigil watches the pauses of a directory in a bubble of time.
type vigil struct {
	ear
	t      *testing.T
	dir    string
	cancel context.CancelFunc
	ended  chan error
}

func watch(t *testing.T, dir string, known ...holdfast.ServiceName) *vigil {
	t.Helper()
	v := &vigil{t: t, dir: dir, ended: make(chan error, 1)}
	held := map[holdfast.ServiceName]bool{}
	for _, service := range known {
		held[service] = true
	}
	ctx, cancel := context.WithCancel(t.Context())
	v.cancel = cancel
	t.Cleanup(cancel)
	go func() { v.ended <- Pauses(ctx, dir, held, v.tell) }()
	v.look()
	return v
}

// look lets time pass until the directory was looked at again.
func (v *vigil) look() {
	time.Sleep(2 * look)
	synctest.Wait()
}

func (v *vigil) pause(service holdfast.ServiceName, by string) {
	v.t.Helper()
	if err := Pause(v.dir, service, by); err != nil {
		v.t.Fatal(err)
	}
	v.look()
}

func (v *vigil) resume(service holdfast.ServiceName) {
	v.t.Helper()
	if err := Resume(v.dir, service); err != nil {
		v.t.Fatal(err)
	}
	v.look()
}

func paused(service holdfast.ServiceName, by string) string {
	return event.Text(event.Paused{Service: service, By: by})
}

func resumed(service holdfast.ServiceName) string {
	return event.Text(event.Resumed{Service: service, By: "the removal of its file"})
}

func TestAPauseBeginsAndEndsWithItsFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pauses") // nobody has paused anything yet
	synctest.Test(t, func(t *testing.T) {
		v := watch(t, dir)
		v.hears(t)
		v.pause("catalog", "ana")
		v.hears(t, paused("catalog", "ana"))
		v.pause("", "ben")
		v.hears(t, paused("", "ben"))
		v.look()
		v.hears(t) // once is enough
		v.resume("catalog")
		v.hears(t, resumed("catalog"))
		v.resume("")
		v.resume("")
		v.hears(t, resumed(""))
		v.cancel()
		if err := <-v.ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Pauses returned %v", err)
		}
	})
}

// The agent was dead while ana paused cart and ben resumed catalog.
func TestWhatTheMindKnowsIsNotToldAgain(t *testing.T) {
	dir := t.TempDir()
	for _, service := range []holdfast.ServiceName{"", "cart"} {
		if err := Pause(dir, service, "ana"); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		watch(t, dir, "", "catalog").hears(t, paused("cart", "ana"), resumed("catalog"))
	})
}

func TestADirectoryThatCannotBeReadEndsNoPause(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pauses")
	synctest.Test(t, func(t *testing.T) {
		v := watch(t, dir)
		v.pause("catalog", "ana")
		v.hears(t, paused("catalog", "ana"))
		aside := dir + ".aside"
		move(t, dir, aside)
		if err := os.WriteFile(dir, nil, 0o600); err != nil { // as unreadable to root as to anybody
			t.Fatal(err)
		}
		v.look()
		v.hears(t)
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		move(t, aside, dir)
		v.look()
		v.hears(t)
	})
}

// The person who pauses because the disk is full must not be told that they did
// not.
func TestAFullDiskTakesAPause(t *testing.T) {
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(full, filepath.Join(dir, "catalog")); err != nil {
		t.Fatal(err)
	}
	if err := Pause(dir, "catalog", "ana"); err != nil {
		t.Error(err)
	}
	if paused, err := ReadPauses(dir); len(paused) != 1 || err != nil {
		t.Errorf("%v, %v", paused, err)
	}
}

// A pause is a file, whatever is in it: the disk may have been too full to write
// who asked, and its reader may not be its owner.
func TestAPauseWhoseAuthorCannotBeReadIsAPause(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"empty":       func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"unreadable":  func(path string) error { return os.WriteFile(path, []byte("ana\n"), 0) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := put(filepath.Join(dir, "catalog")); err != nil {
				t.Fatal(err)
			}
			pauses, err := ReadPauses(dir)
			if by, ok := pauses["catalog"]; !ok || err != nil || by != "" && !(name == "unreadable" && syscall.Geteuid() == 0) {
				t.Errorf("pauses %q, error %v", pauses, err)
			}
		})
	}
}

func TestOfAPauseOneShortLineIsRead(t *testing.T) {
	dir := t.TempDir()
	if err := Pause(dir, "catalog", "ana, for the move\nand a long story: "+strings.Repeat("x", 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := Pause(dir, "cart", strings.Repeat("y", 1<<20)); err != nil {
		t.Fatal(err)
	}
	pauses, err := ReadPauses(dir)
	if err != nil || pauses["catalog"] != "ana, for the move" || len(pauses["cart"]) != maxAuthor {
		t.Errorf("read %q and %d bytes, error %v", pauses["catalog"], len(pauses["cart"]), err)
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// A loop that has ended takes nothing more, and that ends the watch.
func TestThePausesEndWithTheLoop(t *testing.T) {
	dir := t.TempDir()
	if err := Pause(dir, "catalog", "ana"); err != nil {
		t.Fatal(err)
	}
	gone := errors.New("the loop has ended")
	for _, known := range []map[holdfast.ServiceName]bool{nil, {"catalog": true, "cart": true}} {
		if err := Pauses(t.Context(), dir, known, func(context.Context, event.Body) error { return gone }); !errors.Is(err, gone) {
			t.Errorf("Pauses returned %v", err)
		}
	}
}

// gate is a gateway that is lost a number of times after it said something.
type gate struct {
	holdfast.Gateway
	losses int
}

func (g *gate) Follow(ctx context.Context, emit func(holdfast.Observation)) error {
	emit(holdfast.Admitted{Gateway: "gateway-1", ID: holdfast.ReplicaID{Service: "catalog", Ordinal: 1, Incarnation: 1}})
	if g.losses--; g.losses >= 0 {
		return errors.New("connection reset")
	}
	<-ctx.Done()
	return ctx.Err()
}

func TestAGatewayThatWasLostIsFollowedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &ear{}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- Gateway(ctx, &gate{losses: 3}, e.tell) }()
		time.Sleep(3*again - time.Nanosecond)
		synctest.Wait()
		const admitted = "admitted catalog-1#1 by gateway-1"
		e.hears(t, admitted, admitted, admitted)
		time.Sleep(time.Minute)
		synctest.Wait()
		e.hears(t, admitted)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Gateway returned %v", err)
		}
	})
}

// hand is a driver that sees one exit and then can no longer work.
type hand struct {
	holdfast.Driver
	lost error
}

func (h hand) Run(_ context.Context, emit func(holdfast.Observation)) error {
	emit(holdfast.Exited{ID: holdfast.ReplicaID{Service: "catalog", Ordinal: 1, Incarnation: 1}, Status: holdfast.ExitStatus{Code: 1}, Ran: time.Second})
	return h.lost
}

func TestADriverThatCanNoLongerWorkSaysWhy(t *testing.T) {
	e, lost := &ear{}, errors.New("the keeper is lost")
	if err := Driver(t.Context(), hand{lost: lost}, e.tell); !errors.Is(err, lost) {
		t.Errorf("Driver returned %v", err)
	}
	e.hears(t, "exited catalog-1#1 exit 1 after 1s")
}

// With the agent dead nobody could say that "../processes.json" is no service:
// resume removed the keeper's table.
func TestAPauseStaysInItsDirectory(t *testing.T) {
	state := t.TempDir()
	dir, table := filepath.Join(state, "paused"), filepath.Join(state, "processes.json")
	if err := os.WriteFile(table, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []holdfast.ServiceName{"../processes.json", "..", ".", "a/../../processes.json", holdfast.ServiceName(table)} {
		if Pause(dir, name, "ana") == nil {
			t.Errorf("paused %q", name)
		}
		if Resume(dir, name) == nil {
			t.Errorf("resumed %q", name)
		}
	}
	if text, err := os.ReadFile(table); err != nil || string(text) != "{}" {
		t.Errorf("%v: the file beside the pauses holds %q", err, text)
	}
}
