//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/api"
	"holdfast/internal/proc"
)

func TestACommandThatDoesNotExistIsExplained(t *testing.T) {
	t.Parallel()
	s := newSystem(t, pair)
	s.write(defaultFile, strings.Replace(s.text(), "./holdfast toy cart", "./carrt --port $PORT", 1))
	s.run("up", "--detach").exits(3).tells("cart-1", "./carrt", "a person is needed", "web", "next: ")
	s.down()
}

func TestACommandThatExitsAtOnceIsExplained(t *testing.T) {
	t.Parallel()
	s := newSystem(t, pair)
	s.write("fails", "#!/bin/sh\nfor n in $(seq 30); do echo \"line $n of its last words\"; done\nexit 7\n")
	s.must(os.Chmod(filepath.Join(s.dir, "fails"), 0o700))
	s.write(defaultFile, strings.Replace(s.text(), "./holdfast toy cart", "./fails", 1))
	said := s.run("up", "--detach").exits(3).tells("./fails", "exit 7", "line 30 of its last words", "line 11 of its last words", "127.0.0.1:", "next: ")
	if strings.Contains(said.all(), "line 10 of its last words") {
		t.Errorf("more than its last 20 lines:\n%s", said.all())
	}
	s.run("status").exits(0).tells("NOT SERVING", "failing")
	s.down()
}

func TestAReplicaThatNeverListensIsExplained(t *testing.T) {
	t.Parallel()
	s := newSystem(t, with(pair, "toy cart", "--never-listen", "    healthcheck: {start_period: 1s}\n"))
	up := s.start("up")
	up.says("command  ./holdfast toy cart --never-listen")
	up.says("GET /: connection refused)")
	up.says("next: see holdfast status")
	s.run("status").exits(0).tells("NOT SERVING")
	s.down()
	up.ends()
}

// text is the file as the test has written it.
func (s *system) text() string {
	s.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, defaultFile))
	s.must(err)
	return string(text)
}

func TestATakenPortIsSaidAndNothingIsLeft(t *testing.T) {
	t.Parallel()
	s := newSystem(t, pair)
	taken, err := net.Listen("tcp", s.address())
	s.must(err)
	defer taken.Close()
	for range 2 { // the second time is as clear as the first
		s.run("up").exits(3).tells(s.address(), "taken", "next: ", "holdfast.yaml")
		for pid, name := range s.alive() {
			t.Errorf("left behind: pid %d, %s", pid, name)
		}
	}
	s.must(taken.Close())
	s.detached()
	s.down()
}

func TestAStateDirectoryThatCannotBeWrittenIsSaid(t *testing.T) {
	t.Parallel()
	s := newSystem(t, pair)
	s.write("file", "")
	s.run("up", "--state", filepath.Join("file", "below")).exits(3).tells("state directory", "next: ", "--state")
	if os.Getuid() == 0 {
		s.mount("readonly", "tmpfs", syscall.MS_RDONLY, "size=64k")
		s.run("up", "--state", "readonly").exits(3).tells("state directory", "read-only", "next: ", "--state")
	} else {
		s.must(os.Mkdir(filepath.Join(s.dir, "readonly"), 0o500))
		s.run("up", "--state", "readonly").exits(3).tells("state directory", "next: ", "--state")
	}
	for pid, name := range s.alive() {
		t.Errorf("left behind: pid %d, %s", pid, name)
	}
}

func TestAFileWithoutEndIsTooLong(t *testing.T) {
	t.Parallel()
	newHouse(t, pair).run("check", "/dev/zero").exits(2).tells("more than 1 MiB")
}

// Another user of the machine made .holdfast first, with links in it to files
// that the next up overwrote.
func TestAStateDirectoryOfAnotherUserIsRefused(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can give a directory to another user")
	}
	s := newSystem(t, pair)
	stranger := func(path string) {
		t.Helper()
		s.must(os.Lchown(path, 65534, 65534))
	}
	state := filepath.Join(s.dir, ".holdfast")
	s.must(os.MkdirAll(filepath.Join(state, "log"), 0o777))
	victim := filepath.Join(s.dir, "victim")
	s.write("victim", "ours\n")
	for _, name := range []string{"log/agent.log", "addresses.json.new", "processes.json.new"} {
		s.must(os.Symlink(victim, filepath.Join(state, name)))
	}
	stranger(state)
	s.run("up").exits(3).tells("belongs to another user", "next: ", "--state")
	s.run("prove").exits(3).tells("belongs to another user", "next: ", "--state")
	s.must(os.MkdirAll(filepath.Join(state, "ledgers"), 0o777))
	s.write(".holdfast/keep", "0123456789abcdef\n")
	s.write(".holdfast/ledgers/run.jsonl", fmt.Sprintf(`{"state":"run","run":{"prove":{"pid":1,"ticks":2},"warden":{"pid":1,"ticks":2},"boot_id":%q}}`+"\n"+
		`{"state":"armed","entry":{"id":1,"fault":"hook","victim":{"id":{"service":"v","ordinal":1,"incarnation":1},"address":"","hook":{"mend":"touch mended","dir":%q,"timeout":1000000000}}}}`+"\n", proc.BootID(), s.dir))
	s.must(os.MkdirAll(filepath.Join(state, "paused"), 0o777))
	s.must(os.Symlink(victim, filepath.Join(state, "paused", "_everything")))
	for _, act := range []string{"heal", "pause", "resume", "down"} {
		s.run(act).exits(3).tells("belongs to another user", "next: ", "--state")
	}
	if _, err := os.Stat(filepath.Join(s.dir, "mended")); err == nil {
		t.Error("a stranger's command was run")
	}

	s.must(os.Rename(state, filepath.Join(s.dir, "elsewhere")))
	s.must(os.Chown(filepath.Join(s.dir, "elsewhere"), 0, 0))
	s.must(os.Symlink("elsewhere", state))
	stranger(state)
	s.run("up").exits(3).tells("belongs to another user")
	if text, err := os.ReadFile(victim); err != nil || string(text) != "ours\n" {
		t.Errorf("%v: the file that was linked to holds %q", err, text)
	}
	s.must(os.Remove(state))
}

// mount mounts a file system on a folder of the house until the test ends.
func (s *system) mount(name, kind string, flags uintptr, options string) {
	s.Helper()
	path := filepath.Join(s.dir, name)
	s.must(os.MkdirAll(path, 0o700))
	if err := syscall.Mount("holdfast-test", path, kind, flags, options); err != nil {
		s.Skipf("mount a small file system, which root may elsewhere: %v", err)
	}
	s.Cleanup(func() {
		if err := syscall.Unmount(path, syscall.MNT_DETACH); err != nil {
			s.Errorf("unmount %s: %v", path, err)
		}
	})
}

// TestAFullDiskDoesNotStopMending fills the state directory while the system
// serves, and then kills a replica.
func TestAFullDiskDoesNotStopMending(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("a small file system needs root")
	}
	s := newSystem(t, pair)
	s.mount(".holdfast", "tmpfs", 0, "size=8m")
	s.detached()
	replicas := s.whole()
	s.fill()
	guests := s.visitors(50, true)
	await(t, "the disk is said to be full", func() bool {
		s.declareAgain()
		s.fill() // with what the journal's reserve has freed, too
		return s.status().Journal.Trouble != ""
	})
	for name := range replicas {
		s.mended(name)
	}
	guests.unhurt()
	s.run("status").exits(0).tells("NOT RECORDING", "next: ")
	s.must(os.Remove(s.state.path("filler")))
	await(t, "it records again", func() bool { return s.status().Journal.Trouble == "" })
	s.run("replay").exits(0)
	s.down()
}

// TestAFullDiskStillWakesSomebody fills the state directory, and then kills a replica
// that only a person mends: the bell rings, once, and who answers it is heard.
func TestAFullDiskStillWakesSomebody(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("a small file system needs root")
	}
	s := newSystem(t, belled)
	s.write("ring.sh", ring)
	s.mount(".holdfast", "tmpfs", 0, "size=8m")
	s.detached()
	replicas := s.whole()
	s.fill()
	await(t, "the disk is said to be full", func() bool {
		s.declareAgain()
		s.fill()
		return s.status().Journal.Trouble != ""
	})
	s.strike(replicas["cart-1"], syscall.SIGKILL)
	await(t, "the bell rings", func() bool { return strings.Contains(s.rung(), "trigger ") })
	s.run("ack", "--by", "ana").exits(0).tells("ana has ")
	s.run("incidents").exits(0).tells("ana has it")
	s.must(os.Remove(s.state.path("filler")))
	await(t, "it records again", func() bool { return s.status().Journal.Trouble == "" })
	s.run("incidents").exits(0).tells("ana has it")
	if rung := s.rung(); strings.Count(rung, "trigger ") != 1 {
		t.Errorf("the bell rang more than once:\n%s", rung)
	}
	s.run("replay").exits(0)
	s.down()
}

// declareAgain gives the journal something to record.
func (s *system) declareAgain() {
	s.Helper()
	client := api.NewClient(s.state.apiSocket())
	defer client.Close()
	s.must(client.Declare(s.Context(), api.File{Name: defaultFile, Text: s.text(), Dir: s.dir}))
}

// fill leaves no free byte in the state directory.
func (s *system) fill() {
	s.Helper()
	file, err := os.OpenFile(s.state.path("filler"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	s.must(err)
	defer file.Close()
	for size := 1 << 20; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = file.Write(make([]byte, size))
		}
	}
}

// mended kills a replica and waits until another process has taken its place.
func (s *system) mended(name holdfast.ReplicaName) {
	s.Helper()
	killed := s.whole()[name]
	s.strike(killed, syscall.SIGKILL)
	await(s.T, "it is mended", func() bool { return s.whole()[name] != killed })
}

func TestAStaleSocketIsNoSystem(t *testing.T) {
	t.Parallel()
	s := newSystem(t, pair)
	s.must(os.MkdirAll(string(s.state), 0o700))
	for _, path := range []string{s.state.keeperSocket(), s.state.apiSocket(), s.state.gatewaySocket()} {
		listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		s.must(err)
		listener.SetUnlinkOnClose(false)
		s.must(listener.Close())
	}
	s.run("status").exits(3).tells("next: holdfast up")
	s.detached()
	s.down()
}

func TestADeepStateDirectoryWorks(t *testing.T) {
	t.Parallel()
	s := newSystem(t, pair)
	deep := filepath.Join(s.dir, strings.Repeat("a-folder-with-a-long-name/", 8), "state")
	s.must(os.MkdirAll(deep, 0o700))
	s.state = stateDir(deep)
	s.run("up", "--detach", "--state", deep).exits(0)
	s.whole()
	s.run("status", "--state", deep).exits(0).tells("cart     2/2")
	s.run("down", "--state", deep).exits(0)
	s.isGone()
}

func TestAFileThatCannotBeUsedStartsNothing(t *testing.T) {
	t.Parallel()
	s := newSystem(t, pair)
	good := s.text()
	for what, bad := range map[string]string{
		"in a circle":         good + "    depends_on: [till]\n  till:\n    command: ./till\n    depends_on: [cart]\n",
		"HF1202":              good + "    depends_on: [till]\n",
		"HF1110":              strings.Replace(good, "replicas: 2", "replicas: 0", 1),
		"`replicass`":         strings.Replace(good, "replicas: 2", "replicass: 2", 1),
		"holdfast.yaml:1:":    "services: [",
		"the file says nothi": "",
	} {
		s.write(defaultFile, bad)
		s.run("up").exits(2).tells(what, "holdfast.yaml")
		if _, err := os.Stat(string(s.state)); err == nil {
			t.Errorf("%s: a state directory was made for a file that cannot be used", what)
		}
	}
}

// TestSecretsAreWrittenNowhere gives a service two secrets and looks for them in
// everything that Holdfast writes and says.
func TestSecretsAreWrittenNowhere(t *testing.T) {
	t.Setenv("CART_TOKEN", "hush-from-the-environment")
	s := newSystem(t, pair+"    environment:\n      TOKEN: env:CART_TOKEN\n      KEY: file:key\n")
	s.write("key", "hush-from-a-file\n")
	s.detached()
	replicas := s.whole()
	if text, err := os.ReadFile("/proc/" + strconv.Itoa(replicas["cart-1"]) + "/environ"); err != nil || strings.Count(string(text), "hush-from") != 2 {
		t.Fatalf("the replica has not both secrets (%v)", err)
	}
	s.strike(replicas["cart-1"], syscall.SIGKILL)
	s.whole()
	said := s.run("status", "--json").all() + s.run("events", "--json").all() + s.run("events").all() + s.run("check", "--json", "--explain").all()
	s.down()
	said += s.everythingWritten()
	if at := strings.Index(said, "hush-from"); at >= 0 {
		t.Errorf("a secret is written down: …%q…", said[max(0, at-80):min(len(said), at+60)])
	}
}

// everythingWritten is what every file of the state directory holds.
func (s *system) everythingWritten() string {
	s.Helper()
	var all strings.Builder
	s.must(filepath.WalkDir(string(s.state), func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	}))
	if !strings.Contains(all.String(), "declared") {
		s.Error("the journal was not among what was read")
	}
	return all.String()
}

// Somebody removes the state directory of a running system. Nothing of the
// system is lost by that but its memory, and there is a way to end it.
func TestARemovedStateDirectoryLeavesAWayOut(t *testing.T) {
	t.Parallel()
	s := newSystem(t, pair)
	s.detached()
	s.whole()
	if err := os.RemoveAll(filepath.Join(s.dir, ".holdfast")); err != nil {
		t.Fatal(err)
	}
	await(t, "somebody answers again", func() bool {
		status := s.run("status")
		return status.code == exitGood && strings.Contains(status.stdout, "no file is in force")
	})
	s.run("down").exits(exitGood)
	s.run("up", "--detach").exits(exitGood)
	s.down()
}

// Somebody removes what the state directory holds, or a part of it, while nothing
// runs. Whatever is left remembers an earlier life, and keeps nobody out of this
// one.
func TestWhatIsLeftOfAStateDirectoryKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	for _, gone := range []string{"journal", "journal agree keep processes.json addresses.json listeners.json"} {
		s := newSystem(t, pair)
		s.detached()
		s.whole()
		s.run("reload").exits(exitGood)
		s.down()
		for _, name := range strings.Fields(gone) {
			s.must(os.RemoveAll(filepath.Join(s.dir, ".holdfast", name)))
		}
		if up := s.run("up", "--detach"); up.code != exitGood {
			t.Errorf("without %s: %s", gone, up.all())
		}
		s.down()
	}
}

// TestIdleIsCheap measures what the three roles need while nothing happens.
func TestIdleIsCheap(t *testing.T) {
	s := newSystem(t, fifteenLines)
	s.detached()
	s.whole()
	roles := []int{s.keeper(), s.roleAt("agent"), s.roleAt("gateway")}
	const span = 4 * time.Second
	before := s.worked(roles)
	<-time.After(span)
	share := float64(s.worked(roles)-before) / float64(span)
	memory := 0
	for _, pid := range roles {
		memory += s.resident(pid)
	}
	s.down()
	t.Logf("idle: %d kB resident, %.2f %% of a core", memory, 100*share)
	if raced() {
		t.Skip("the race detector watches the three: what they need without it cannot be seen")
	}
	if memory > 100<<10 {
		t.Errorf("%d kB resident, want below 100 MB", memory)
	}
	if share > 0.02 { // the bar is 1 %; a machine that others use makes it dearer
		t.Errorf("%.2f %% of a core, want below 1 %%", 100*share)
	}
}

// worked is the processor time of processes, by the scheduler's own account of
// each thread, which is finer than the ticks of /proc/PID/stat.
func (s *system) worked(pids []int) time.Duration {
	s.Helper()
	var total time.Duration
	for _, pid := range pids {
		threads, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/schedstat")
		s.must(err)
		for _, thread := range threads {
			text, err := os.ReadFile(thread)
			s.must(err)
			worked, err := strconv.Atoi(strings.Fields(string(text))[0])
			s.must(err)
			total += time.Duration(worked)
		}
	}
	return total
}

// resident is a process's memory in kB.
func (s *system) resident(pid int) int {
	s.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	s.must(err)
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	s.must(err)
	return n
}

// raced tells whether this was built with the race detector, as the program
// under test then was.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
