//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"holdfast"
	"holdfast/internal/cgroup"
	"holdfast/journal/view"
)

// waitAdmitted waits until replicas are admitted, whatever else there is.
func (s *system) waitAdmitted(names ...holdfast.ReplicaName) map[holdfast.ReplicaName]int {
	s.Helper()
	var found map[holdfast.ReplicaName]int
	await(s.T, fmt.Sprint(names, " are admitted"), func() bool {
		found = pids(s.status())
		for _, name := range names {
			if found[name] == 0 {
				return false
			}
		}
		return true
	})
	return found
}

// open lets other users pass to the folder of the test.
func (s *system) open() {
	s.Helper()
	for dir := s.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		s.must(os.Chmod(dir, 0o711))
	}
}

const supervised = `name: supervised
owner: web
services:
  worker:
    command: sh -c 'id -u; ulimit -n; echo "$$HOME $$DB_PASSWORD"; echo mine >$$DATA_DIR/mine; exec sleep 600'
    user: nobody
    env_file: worker.env
    limits: {files: 100}
    healthcheck: {disable: true}
`

// What is asked of a process holds in it; what an env_file holds is seen by
// nobody else: not in the journal, not in what commands print, not in any file
// of ours but the process's own log.
func TestAUserItsLimitsAndItsSecrets(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root may start a process as another user")
	}
	const secret = "hunter22-in-an-env-file"
	s := newSystem(t, supervised)
	s.open()
	s.write("worker.env", "DB_PASSWORD="+secret+"\n")
	shown := s.run("check", "--explain").exits(0).all() + s.detached().all()
	log := s.state.log("worker-1")
	await(t, "it has written its file", func() bool {
		_, err := os.Stat(s.state.path("data", "worker-1", "mine"))
		return err == nil
	})
	text, err := os.ReadFile(log)
	s.must(err)
	if want := "65534\n100\n/nonexistent " + secret + "\n"; string(text) != want {
		t.Errorf("it says %q, want %q", text, want)
	}
	shown += s.run("status").all() + s.run("status", "worker").all() + s.run("status", "--json").all() + s.run("events", "--json").all()
	shown += s.run("reload", "--dry-run").exits(0).all()
	if strings.Contains(shown, secret) {
		t.Errorf("the secret is shown in\n%s", shown)
	}
	s.must(filepath.WalkDir(string(s.state), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || path == log {
			return err
		}
		if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte(secret)) {
			t.Errorf("the secret is in %s", path)
		}
		return nil
	}))
	s.run("up").exits(3).tells("already") // which looks at the state directory too
	if info, err := os.Stat(string(s.state)); err != nil || info.Mode().Perm() != 0o711 {
		t.Errorf("the way to its data is %v, %v", info.Mode(), err)
	}
	s.down()
}

const bomb = `name: bomb
owner: web
services:
  bomb:
    command: sh -c 'trap "" TERM; bomb() { bomb | bomb & }; (while sleep 0.01; do bomb; done) & exec sleep 600'
    limits: {processes: 60, memory: 64MiB}
    stop_grace_period: 200ms
    healthcheck: {disable: true}
  cart:
    command: ./holdfast toy cart --ignore-term
    replicas: 2
    ports: ["8080"]
    stop_grace_period: 500ms
    limits: {processes: 100, memory: 256MiB, cpu: 100%}
`

// A fork bomb within its limits takes nothing from its neighbour, and it and a
// service that ignores SIGTERM are ended with all they started.
func TestAForkBombWithinLimits(t *testing.T) {
	t.Parallel()
	tree := cgroup.Find("/")
	if _, why := tree.Can(cgroup.Processes); why != "" {
		t.Skip(why)
	}
	s := newSystem(t, bomb)
	s.detached()
	s.waitAdmitted("cart-1", "cart-2")
	s.visitors(20, true).unhurtAfter(20)
	if n := len(s.marked("bomb-1")); n == 0 || n > 60 {
		t.Errorf("%d processes of the bomb", n)
	}
	groups := s.groupsOf("bomb-1")
	s.down()
	if members := cgroup.Members(groups); len(groups) == 0 || len(members) > 0 {
		t.Errorf("%q hold %v", groups, members)
	}
	for _, dir := range groups {
		if _, err := os.Stat(filepath.Dir(dir)); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", dir, err)
		}
	}
}

// groupsOf are the directories of a replica's control groups, as the keeper wrote
// them down.
func (s *system) groupsOf(name string) []string {
	s.Helper()
	text, err := os.ReadFile(s.state.path("processes.json"))
	s.must(err)
	var table struct {
		Processes []struct {
			ID     holdfast.ReplicaID `json:"id"`
			Groups []string           `json:"groups"`
		} `json:"processes"`
	}
	s.must(json.Unmarshal(text, &table))
	for _, p := range table.Processes {
		if string(p.ID.Name()) == name {
			return p.Groups
		}
	}
	return nil
}

// marked are the processes of a replica, by its mark.
func (s *system) marked(name string) []int {
	s.Helper()
	var pids []int
	for pid, as := range s.alive() {
		if strings.HasPrefix(as, name+"#") {
			pids = append(pids, pid)
		}
	}
	return pids
}

const fixed = `name: fixed
owner: web
services:
  cart:
    command: ./holdfast toy cart
    listen: 8080
`

func TestAFixedPortIsTheReplicasOrItsHolderIsNamed(t *testing.T) {
	t.Parallel()
	s := newSystem(t, fixed)
	s.detached()
	for _, service := range s.status().View.Services {
		if r := service.Replicas[0]; r.Address != "127.0.0.1:"+strconv.Itoa(s.port) || r.State != view.Admitted {
			t.Errorf("%s %s at %s, want port %d", r.ID, r.State, r.Address, s.port)
		}
	}
	other := newSystem(t, strings.ReplaceAll(fixed, "8080", strconv.Itoa(s.port)))
	up := other.start("up")
	up.says(fmt.Sprintf("listen %d: the port is taken by holdfast, pid ", s.port))
	up.signal(syscall.SIGINT)
	up.ends()
	s.down()
}
