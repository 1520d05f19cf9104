package agree

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"holdfast"
)

// Held to the port at compile time.
var _ holdfast.Agree = (*File)(nil)

// TestMain lets the test binary be the other process: it takes hold, says at
// which epoch, and holds until its input ends.
func TestMain(m *testing.M) {
	dir := os.Getenv("AGREE_TEST_HOLD")
	if dir == "" {
		os.Exit(m.Run())
	}
	f, err := Open(dir, 0)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(f.Epoch(), f.Held())
	io.Copy(io.Discard, os.Stdin)
}

// other starts another process that takes hold of dir, and returns what it says
// and a function that kills it.
func other(t *testing.T, dir string) (says string, pid int, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "AGREE_TEST_HOLD="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		cmd.Process.Kill()
		cmd.Wait()
		in.Close()
	}
	t.Cleanup(kill)
	says, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the other process said nothing: %v", err)
	}
	return strings.TrimSpace(says), cmd.Process.Pid, kill
}

func hold(t *testing.T, dir string) *File {
	t.Helper()
	f, err := Open(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestEveryHolderHasAHigherEpoch(t *testing.T) {
	dir := t.TempDir()
	for want := uint64(1); want <= 5; want++ {
		f := hold(t, dir)
		if f.Epoch() != want || !f.Held() {
			t.Fatalf("epoch %d, held %v; want %d, held", f.Epoch(), f.Held(), want)
		}
		f.Close()
		if f.Held() {
			t.Fatal("held although it was closed")
		}
	}
}

func TestTheOtherProcessIsRefusedAndToldByWhom(t *testing.T) {
	dir := t.TempDir()
	mine := hold(t, dir)
	says, _, _ := other(t, dir)
	if want := fmt.Sprintf("process %d", os.Getpid()); !strings.Contains(says, string(ErrHeld)) || !strings.HasSuffix(says, want) {
		t.Fatalf("the other process said %q, want that %s holds", says, want)
	}
	if !mine.Held() {
		t.Fatal("lost to somebody who was refused")
	}
}

func TestADeadHolderHoldsNothing(t *testing.T) {
	dir := t.TempDir()
	says, pid, kill := other(t, dir)
	if says != "1 true" {
		t.Fatalf("the other process said %q", says)
	}
	if _, err := Open(dir, 0); !errors.Is(err, ErrHeld) || !strings.Contains(err.Error(), fmt.Sprint(pid)) {
		t.Fatalf("got %v, want ErrHeld that names process %d", err, pid)
	}
	kill()
	if f := hold(t, dir); f.Epoch() != 2 {
		t.Fatalf("epoch %d after one that was killed, want 2", f.Epoch())
	}
}

func TestAReplacedFileIsLostForEver(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, path string){
		"removed": func(t *testing.T, path string) { must(t, os.Remove(path)) },
		"replaced": func(t *testing.T, path string) {
			must(t, os.WriteFile(path+"2", nil, 0o600), os.Rename(path+"2", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, fileName)
			f := hold(t, dir)
			must(t, os.Link(path, path+".kept"))
			spoil(t, path)
			if f.Held() {
				t.Fatal("held although the name is another file's")
			}
			must(t, os.Rename(path+".kept", path))
			if f.Held() {
				t.Fatal("held again: once lost is lost for ever")
			}
		})
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// A write torn at any byte never makes an epoch come twice: it may come again
// only if nobody was told of it.
func TestATornWriteNeverTakesAnEpochBack(t *testing.T) {
	before := holding{epoch: 41, pid: 1}.line()
	after := holding{epoch: 42, pid: 12345}.line()
	older := holding{epoch: 40, pid: 1}.line()
	for torn := range len(after) + 1 {
		dir := t.TempDir()
		text := after[:torn] + older[torn:] + before // 42 stands where 40 stood
		must(t, os.WriteFile(filepath.Join(dir, fileName), []byte(text), 0o600))
		f := hold(t, dir)
		if want := uint64(42); torn < len(after) && f.Epoch() != want && f.Epoch() != want+1 {
			t.Fatalf("torn at %d: epoch %d", torn, f.Epoch())
		}
		if torn == len(after) && f.Epoch() != 43 {
			t.Fatalf("epoch %d after 42 was written whole", f.Epoch())
		}
		f.Close()
	}
}

func TestAnUnreadableEpochIsRefusedWithTheNextStep(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, fileName), []byte("something else\n"), 0o600))
	if _, err := Open(dir, 0); err == nil || !strings.Contains(err.Error(), "remove the file") || !strings.Contains(err.Error(), dir) {
		t.Fatalf("got %v, want the file and the next step", err)
	}
}

func TestADirectoryThatIsNotThere(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "nowhere"), 0); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("got %v", err)
	}
}

// The directory may have been removed while somebody remembers a later epoch.
func TestAnEpochIsAboveWhatOthersHaveSeen(t *testing.T) {
	dir := t.TempDir()
	for _, step := range []struct{ above, atLeast uint64 }{{0, 1}, {41, 42}, {3, 43}, {43, 44}, {45, 46}} {
		f, err := Open(dir, step.above)
		if err != nil {
			t.Fatal(err)
		}
		if f.Epoch() < step.atLeast || f.Epoch() > step.atLeast+2 {
			t.Errorf("above %d: epoch %d, want %d or a little more", step.above, f.Epoch(), step.atLeast)
		}
		f.Close()
	}
}
