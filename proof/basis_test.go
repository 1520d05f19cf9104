package proof

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast"
	"holdfast/mode"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A house is a folder with a system of one service in it.
type house struct {
	t      *testing.T
	dir    string
	system *holdfast.System
	bases  *Bases
}

func newHouse(t *testing.T) *house {
	t.Helper()
	dir := t.TempDir()
	service := holdfast.Service{Name: "web", Command: "./web --port $PORT", Manage: holdfast.Full, Replicas: 2, WorkingDir: dir}
	h := &house{
		t: t, dir: dir, bases: NewBases(filepath.Join(dir, ".holdfast"), os.Environ()),
		system: &holdfast.System{Services: []holdfast.Service{service}, Modes: []holdfast.FailureMode{mode.Crash().Of(service)}},
	}
	h.write("web", "#!/bin/sh\n")
	return h
}

func (h *house) write(name, text string) {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) git(args ...string) {
	h.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", h.dir, "-c", "user.name=x", "-c", "user.email=x@example.org"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("git %v: %v: %s", args, err, out)
	}
}

// underGit commits what there is.
func (h *house) underGit() *house {
	h.t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		h.t.Skip("there is no git here")
	}
	h.write(".gitignore", "*.log\n")
	h.git("init", "-q")
	h.git("add", ".")
	h.git("commit", "-q", "-m", "all")
	return h
}

func (h *house) basis() Basis {
	h.t.Helper()
	return h.bases.Of(h.t.Context(), h.system)["web.crash"]
}

// digest insists that there is one.
func (h *house) digest() holdfast.Digest {
	h.t.Helper()
	b := h.basis()
	if b.Why != "" || b.Digest == "" {
		h.t.Fatalf("no basis: %s", b.Why)
	}
	return b.Digest
}

// A change that a verdict must not survive, and one that it must.
type change struct {
	what string
	make func(*house)
	felt bool
}

func (h *house) feels(changes ...change) {
	h.t.Helper()
	for _, c := range changes {
		before := h.digest()
		c.make(h)
		if felt := h.digest() != before; felt != c.felt {
			h.t.Errorf("%s: the basis changed: %v, want %v", c.what, felt, c.felt)
		}
	}
}

func TestABasisFollowsTheFileAndTheExecutable(t *testing.T) {
	t.Parallel()
	newHouse(t).feels(
		change{"nothing", func(*house) {}, false},
		change{"another text of the same length", func(h *house) { h.write("web", "#!/bin/zh\n") }, true},
		change{"a longer text", func(h *house) { h.write("web", "#!/bin/sh\nexit\n") }, true},
		change{"touched", func(h *house) { os.Chtimes(filepath.Join(h.dir, "web"), time.Now(), time.Unix(1e9, 0)) }, false},
		change{"replaced by the same", func(h *house) { os.Remove(filepath.Join(h.dir, "web")); h.write("web", "#!/bin/sh\nexit\n") }, false},
		change{"the command", func(h *house) { h.system.Services[0].Command += " -v" }, true},
		change{"a bound", func(h *house) { h.system.Modes[0].Bounds.Detect++ }, true},
		change{"armed by the file", func(h *house) { h.system.Modes[0].Armed = true }, false},
		change{"another file beside it", func(h *house) { h.write("notes.txt", "x") }, false},
	)
}

// A file that was remembered is read again when it changes though its
// modification time is put back: the kernel's own time of change is not.
func TestAForgedTimeDoesNotHideAChange(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	path, old := filepath.Join(h.dir, "web"), time.Unix(1e9, 0)
	os.Chtimes(path, old, old)
	before := h.digest()
	h.bases.files = contents{} // what it holds must not decide; only the print may
	info, _ := os.Stat(path)
	seen, _ := printOf(info)
	h.bases.files[seen] = "remembered"
	remembered := h.digest()
	if remembered == before {
		t.Fatal("what is remembered is not used")
	}
	h.write("web", "#!/bin/zh\n")
	os.Chtimes(path, old, old)
	if again := h.digest(); again == remembered || again == before {
		t.Error("a change is hidden by a modification time that was put back")
	}
}

func TestInputsAreReadByName(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.write("config/a.conf", "1")
	h.write("config/deep/b.conf", "1")
	h.write("one.tmpl", "1")
	h.system.Services[0].Inputs = []string{filepath.Join(h.dir, "config"), filepath.Join(h.dir, "*.tmpl")}
	h.feels(
		change{"a file deep in a folder", func(h *house) { h.write("config/deep/b.conf", "2") }, true},
		change{"a new file in a folder", func(h *house) { h.write("config/new", "") }, true},
		change{"a new match", func(h *house) { h.write("two.tmpl", "") }, true},
		change{"a match", func(h *house) { h.write("one.tmpl", "2") }, true},
		change{"a file that is not named", func(h *house) { h.write("other", "2") }, false},
		change{"a link", func(h *house) { os.Symlink("a.conf", filepath.Join(h.dir, "config/link")) }, true},
		change{"whether it may be run", func(h *house) { os.Chmod(filepath.Join(h.dir, "one.tmpl"), 0o644) }, true},
		change{"the state directory in it", func(h *house) {
			h.system.Services[0].Inputs = []string{h.dir}
		}, true},
		change{"what the state directory holds", func(h *house) { h.write(".holdfast/journal", "x") }, false},
	)
	h.system.Services[0].Inputs = []string{filepath.Join(h.dir, "confg")}
	if b := h.basis(); !strings.Contains(b.Why, "there is no "+h.dir+"/confg") {
		t.Errorf("an input that is not there: %+v", b)
	}
}

func TestInputsAreBounded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	large := filepath.Join(h.dir, "large")
	h.write("large", "")
	if err := os.Truncate(large, maxInputBytes+1); err != nil {
		t.Fatal(err)
	}
	h.system.Services[0].Inputs = []string{large}
	if b := h.basis(); !strings.Contains(b.Why, "more than 256 MiB") {
		t.Errorf("a large input: %+v", b)
	}
	many := filepath.Join(h.dir, "many")
	if err := os.Mkdir(many, 0o755); err != nil {
		t.Fatal(err)
	}
	for n := range maxInputs + 1 {
		if err := os.Symlink("nowhere", filepath.Join(many, strings.Repeat("x", n%200)+string(rune('a'+n%26))+time.Duration(n).String())); err != nil {
			t.Fatal(err)
		}
	}
	h.system.Services[0].Inputs = []string{many}
	if b := h.basis(); !strings.Contains(b.Why, "more than 10000 files") {
		t.Errorf("many inputs: %+v", b)
	}
}

func TestGitKnowsTheInputs(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.write("lib/app.py", "print(1)\n")
	h.underGit().feels(
		change{"a committed file, changed", func(h *house) { h.write("lib/app.py", "print(2)\n") }, true},
		change{"changed back", func(h *house) { h.write("lib/app.py", "print(1)\n") }, true},
		change{"a new file", func(h *house) { h.write("lib/new.py", "") }, true},
		change{"the new file, changed", func(h *house) { h.write("lib/new.py", "x") }, true},
		change{"an ignored file", func(h *house) { h.write("web.log", "x") }, false},
		change{"our own state", func(h *house) { h.write(".holdfast/journal", "x") }, false},
		change{"git's own files", func(h *house) { h.write(".git/description", "x") }, false},
		change{"committed", func(h *house) { h.git("add", "lib"); h.git("commit", "-q", "-m", "more") }, true},
		change{"a commit that changes nothing here", func(h *house) { h.git("commit", "-q", "--allow-empty", "-m", "none") }, false},
	)
}

func TestOnlyTheWorkingDirectoryIsTheInput(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.write("services/web/web", "#!/bin/sh\n")
	h.write("services/cart/cart", "#!/bin/sh\n")
	h.system.Services[0].WorkingDir = filepath.Join(h.dir, "services/web")
	h.underGit().feels(
		change{"another folder", func(h *house) { h.write("services/cart/cart", "x") }, false},
		change{"its own folder", func(h *house) { h.write("services/web/more", "x") }, true},
	)
}

func TestAWorkTreeWithoutACommitIsAnInputToo(t *testing.T) {
	t.Parallel()
	h := newHouse(t).underGit()
	if err := os.RemoveAll(filepath.Join(h.dir, ".git")); err != nil {
		t.Fatal(err)
	}
	h.git("init", "-q")
	h.feels(
		change{"a file", func(h *house) { h.write("a", "x") }, true},
		change{"staged", func(h *house) { h.git("add", "a") }, true},
		change{"staged, and changed after", func(h *house) { h.write("a", "y") }, true},
	)
}

// A git that hangs must not hold a start, and one that cannot answer must not
// pass for "nothing differs".
func TestAGitThatHangsOrFailsLeavesNoBasis(t *testing.T) {
	t.Parallel()
	h := newHouse(t).underGit()
	h.write("fake", "#!/bin/sh\nsleep 600\n")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	g := git{program: filepath.Join(h.dir, "fake"), dir: h.dir}
	began := time.Now()
	if _, err := g.ask(ctx, "diff"); err == nil || time.Since(began) > gitPatience {
		t.Errorf("a git that hangs: %v after %s", err, time.Since(began))
	}
	h.write(".git/HEAD", "rubbish")
	h.write("fake", "#!/bin/sh\necho fatal: bad object >&2\nexit 128\n")
	if _, err := g.ask(t.Context(), "diff"); err == nil || !strings.Contains(err.Error(), "bad object") {
		t.Errorf("a git that fails: %v", err)
	}
}

func TestTheExecutableIsFoundAsTheDriverFindsIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.write("bin/tool", "x")
	h.bases.environ["PATH"] = "relative:" + filepath.Join(h.dir, "bin")
	for written, want := range map[string]string{
		"./web":                "web",
		"$HOME_OF/web -v":      "web",
		"tool --fast":          "bin/tool",
		"'./web' 'a b'":        "web",
		"${NOT_SET:-./web}":    "web",
		"$PORT/web":            "",
		"nowhere-to-be-found":  "",
		"$SECRET/web":          "",
		"$ROUND":               "",
		h.dir + "/bin/tool -x": "bin/tool",
	} {
		service := h.system.Services[0]
		service.Command = written
		service.Environment = map[string]string{"HOME_OF": ".", "SECRET": "env:HOME", "ROUND": "$SQUARE", "SQUARE": "$ROUND"}
		got, err := h.bases.executable(service)
		if want == "" && err == nil || want != "" && got != filepath.Join(h.dir, want) {
			t.Errorf("%s: %q, %v; want %q", written, got, err, want)
		}
	}
}

// BenchmarkBases is what a start, or a look whether anything changed, costs.
func BenchmarkBases(b *testing.B) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	service := holdfast.Service{Name: "web", Command: self, WorkingDir: b.TempDir()}
	system := &holdfast.System{Services: []holdfast.Service{service}, Modes: []holdfast.FailureMode{mode.Crash().Of(service)}}
	bases := NewBases("", os.Environ())
	for b.Loop() {
		bases.Of(b.Context(), system)
	}
}

// Many services of one file work in its folder, and git was asked about it for
// each of them, at every start and every few seconds.
func TestGitIsAskedOnceAboutAFolder(t *testing.T) {
	h := newHouse(t).underGit()
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	tools, asked := t.TempDir(), filepath.Join(t.TempDir(), "asked")
	script := "#!/bin/sh\necho >>'" + asked + "'\nexec '" + real + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(tools, "git"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", tools+":"+os.Getenv("PATH"))
	questions := func() int {
		t.Helper()
		os.Remove(asked)
		h.digest()
		text, err := os.ReadFile(asked)
		if err != nil {
			t.Fatal(err)
		}
		return len(text)
	}
	of := questions()
	for _, name := range []holdfast.ServiceName{"cart", "ads"} {
		other := h.system.Services[0]
		other.Name = name
		h.system.Services = append(h.system.Services, other)
		h.system.Modes = append(h.system.Modes, mode.Crash().Of(other))
	}
	if again := questions(); again != of {
		t.Errorf("git was asked %d times for three services of one folder, and %d for one", again, of)
	}
}
