package process

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"holdfast"
	"holdfast/internal/cgroup"
)

// specs collects what the keeper is asked to start.
func (k *testKeeper) specs() func() []holdfast.ProcessSpec {
	var mu sync.Mutex
	var all []holdfast.ProcessSpec
	k.mu.Lock()
	defer k.mu.Unlock()
	k.starting = func(spec holdfast.ProcessSpec) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, spec)
	}
	return func() []holdfast.ProcessSpec {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

func TestAUserGetsItsNumbersItsHomeAndItsData(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may start a process as another user")
	}
	k := newKeeper(t)
	asked := k.specs()
	d := newDriver(t, k, t.TempDir(), "PATH="+os.Getenv("PATH"), "HOME=/root")
	s := playWith(t, k, d)
	r := running("catalog", 1, 1, `sh -c 'echo "$$HOME $$USER"; touch "$$DATA_DIR/kept"'`)
	s.desire(r)
	s.exited(r.ID)
	r.ID.Incarnation, r.Service.User = 2, "nobody"
	s.desire(r)
	s.exited(r.ID)
	if lines, err := d.Tail("catalog-1", 10); err != nil || !slices.Contains(lines, "/nonexistent nobody") {
		t.Errorf("it says %q, %v", lines, err)
	}
	spec := asked()[1]
	if spec.User == nil || spec.User.Name != "nobody" || spec.User.UID != 65534 || spec.User.GID != 65534 {
		t.Errorf("the keeper is asked for %+v", spec.User)
	}
	for _, path := range []string{d.dataDir("catalog-1"), filepath.Join(d.dataDir("catalog-1"), "kept")} {
		if uid, gid, err := owner(path); uid != 65534 || gid != 65534 || err != nil {
			t.Errorf("%s belongs to %d:%d, %v", path, uid, gid, err)
		}
	}
	for path, mode := range map[string]os.FileMode{d.state: 0o711, filepath.Dir(d.dataDir("x")): 0o711, d.dataDir("catalog-1"): 0o700, d.logDir(): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v, want %v", path, info.Mode(), err, mode)
		}
	}
}

// A private copy lies within the state directory of what it is a copy of, which
// is closed like its own.
func TestAUserReachesItsDataInACopy(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may start a process as another user")
	}
	above := filepath.Join(t.TempDir(), "above")
	if err := os.Mkdir(above, 0o700); err != nil {
		t.Fatal(err)
	}
	d, err := New(Options{Keeper: newKeeper(t), State: filepath.Join(above, "copy"), Above: []string{above}, Environ: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	r := running("catalog", 1, 1, "sleep 600")
	r.Service.User = "nobody"
	if _, err := d.prepare(r); err != nil {
		t.Fatal(err)
	}
	for _, way := range []string{above, d.state, filepath.Dir(d.dataDir("x"))} {
		if info, err := os.Stat(way); err != nil || info.Mode().Perm() != 0o711 {
			t.Errorf("%s: %v %v", way, info.Mode(), err)
		}
	}
}

// The last user's process may be alive, and may have put links in its data that
// lead elsewhere: to what the next user must not be given.
func TestOnlyWhatWasTheLastUsersIsHandedOver(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may give files away")
	}
	const last, next = 4711, 4712
	dir := t.TempDir()
	data, secret := filepath.Join(dir, "data"), filepath.Join(dir, "secret")
	for _, each := range []error{
		os.MkdirAll(filepath.Join(data, "own"), 0o700), os.WriteFile(secret, nil, 0o600), os.WriteFile(filepath.Join(data, "own", "kept"), nil, 0o600),
		os.Symlink(dir, filepath.Join(data, "way-out")), os.Link(secret, filepath.Join(data, "a-name-for-it")),
		os.Chown(data, last, last), os.Chown(filepath.Join(data, "own"), last, last), os.Chown(filepath.Join(data, "own", "kept"), last, last),
	} {
		if each != nil {
			t.Fatal(each)
		}
	}
	tree, err := os.OpenRoot(data)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	if err := handOver(tree, last, holdfast.ProcessUser{UID: next, GID: next}); err != nil {
		t.Fatal(err)
	}
	if err := tree.Lchown("way-out/secret", next, next); err == nil {
		t.Error("a link was followed out of the tree")
	}
	for path, want := range map[string]int{data: next, filepath.Join(data, "own"): next, filepath.Join(data, "own", "kept"): next, dir: 0, secret: 0} {
		if uid, _, err := owner(path); uid != want || err != nil {
			t.Errorf("%s belongs to %d, %v, want %d", path, uid, err, want)
		}
	}
}

func TestUsersAreFoundByNameAndNumber(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may become another user")
	}
	for written, want := range map[string]string{
		"": "nobody in particular", "nobody": "nobody 65534:65534 /nonexistent", "65534": "nobody 65534:65534 /nonexistent",
		"nobody:0": "nobody 65534:0 /nonexistent", "0:nogroup": "root 0:65534 /root", "4711": "4711 4711:4711 /", "4711:12": "4711 4711:12 /",
		"no-such-user": "user no-such-user: this machine has no such user", "0:no-such-group": "user: this machine has no group no-such-group",
	} {
		p, err := resolve(written)
		got := "nobody in particular"
		if err != nil {
			got = err.Error()
		} else if p != nil {
			got = fmt.Sprintf("%s %d:%d %s", p.user.Name, p.user.UID, p.user.GID, p.home)
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%q is %s, want %s", written, got, want)
		}
	}
}

// A limit that holds is a group the process is asked to be in; one that cannot
// is said, and keeps nothing from running.
func TestLimitsBecomeAGroupOrAreMissed(t *testing.T) {
	k := newKeeper(t)
	asked := k.specs()
	d := newDriver(t, k, t.TempDir())
	s := playWith(t, k, d)
	r := running("catalog", 1, 1, "sleep 600")
	r.Service.Limits = holdfast.Limits{Memory: 64 << 20, Files: 128}
	s.desire(r)
	started := s.started(r.ID)
	spec := asked()[0]
	t.Cleanup(func() { // registered after the keeper's own, so that it would come too early by itself
		k.end()
		for _, dir := range spec.Groups {
			s.until("its group is removed", func() bool { return cgroup.RemoveFamily(filepath.Dir(dir)) })
		}
	})
	if spec.Files != 128 {
		t.Errorf("asked for %d files", spec.Files)
	}
	_, why := d.groups.look().Can(cgroup.Memory)
	switch {
	case why != "" && (!strings.Contains(started.Lacks, why) || len(spec.Groups) > 0):
		t.Errorf("there is no memory controller (%s), and %q is said, groups %q", why, started.Lacks, spec.Groups)
	case why == "" && (started.Lacks != "" || len(spec.Groups) == 0 || !cgroup.IsOurs(spec.Groups[0])):
		t.Errorf("groups %q, lacks %q", spec.Groups, started.Lacks)
	}
}

func TestAnEnvFileFillsInAndIsNeverShown(t *testing.T) {
	const secret = "hunter22-db"
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first.env"), filepath.Join(dir, "second.env")
	os.WriteFile(first, []byte("export DB_PASSWORD='"+secret+"'\nPORT=1\nLEVEL=warning\nGREETING=file\nCALLER\nNOBODY\n"), 0o600)
	os.WriteFile(second, []byte("LEVEL=error\n"), 0o600)
	s := play(t, "CALLER=callers-own")
	r := running("catalog", 1, 1, `sh -c 'echo "$$DB_PASSWORD $$LEVEL $$GREETING $$CALLER $${NOBODY-none} $$PORT"; exit 1' $DB_PASSWORD`)
	r.Service.EnvFiles, r.Service.Environment = []string{first, second}, map[string]string{"GREETING": "declared"}
	s.desire(r)
	s.exited(r.ID)
	_, port, _ := strings.Cut(s.started(r.ID).Address, ":")
	if lines, err := s.driver.Tail("catalog-1", 10); err != nil || !slices.Equal(lines, []string{secret + " error declared callers-own none " + port}) {
		t.Errorf("it says %q, %v", lines, err)
	}
	encoded, _ := json.Marshal(s.driver.Diagnose(r.ID))
	if shown := fmt.Sprintf("%v\n%s", s.said(), encoded); strings.Contains(shown, secret) || !strings.Contains(shown, "${DB_PASSWORD}") {
		t.Errorf("shown is\n%s", shown)
	}
}

func TestADiagnosisMovesNoCursor(t *testing.T) {
	s := play(t)
	r := running("catalog", 1, 1, `printf '\033[2J\033[1;1Hall is well\r\n'`)
	s.desire(r)
	s.exited(r.ID)
	if log := s.driver.Diagnose(r.ID).Log; !slices.Equal(log, []string{"[2J[1;1Hall is well"}) {
		t.Errorf("shown is %q", log)
	}
}

func TestAnEnvFileThatCannotBeReadIsLocated(t *testing.T) {
	dir := t.TempDir()
	broken, pipe := filepath.Join(dir, "broken.env"), filepath.Join(dir, "pipe")
	os.WriteFile(broken, []byte("A=1\nB=\"hunter22\n"), 0o600)
	syscall.Mkfifo(pipe, 0o600)
	for path, want := range map[string]string{
		broken: broken + ": line 2: the \" of B is never closed", filepath.Join(dir, "none"): "no such file", pipe: "it is no ordinary file",
	} {
		s := play(t)
		r := running("catalog", 1, 1, "sleep 600")
		r.Service.EnvFiles = []string{path}
		s.desire(r)
		reason := heardOf(s, func(holdfast.NotStarted) bool { return true }).Reason
		if !strings.Contains(reason, want) || !strings.Contains(reason, "env_file") || strings.Contains(reason, "hunter") {
			t.Errorf("%s: %q", path, reason)
		}
	}
}

func TestAFixedPortIsGivenOrItsHolderIsNamed(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := uint16(taken.Addr().(*net.TCPAddr).Port)
	s := play(t)
	r := running("catalog", 1, 1, "sleep 600")
	r.Service.Listen = []uint16{port}
	s.desire(r)
	reason := heardOf(s, func(holdfast.NotStarted) bool { return true }).Reason
	if !strings.HasPrefix(reason, fmt.Sprintf("listen %d: the port is taken by ", port)) || runtime.GOOS == "linux" && !strings.Contains(reason, fmt.Sprintf(", pid %d: end it", os.Getpid())) {
		t.Errorf("it says %q", reason)
	}
	taken.Close()
	r.ID.Incarnation = 2
	s.desire(r)
	if address := s.started(r.ID).Address; address != fmt.Sprintf("127.0.0.1:%d", port) {
		t.Errorf("it is to listen at %s", address)
	}
}

func TestAFixedPortIsNotGivenToAnotherReplica(t *testing.T) {
	a, err := openAddresses(t.TempDir(), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	first, err := a.choose()
	if err != nil {
		t.Fatal(err)
	}
	var port uint16
	fmt.Sscanf(first, "127.0.0.1:%d", &port)
	a.reserve(map[holdfast.ReplicaName]holdfast.DesiredReplica{"cart-1": {Service: holdfast.Service{Listen: []uint16{port}}}})
	if other, err := a.choose(); err != nil || other == first {
		t.Errorf("chose %s, %v", other, err)
	}
}
