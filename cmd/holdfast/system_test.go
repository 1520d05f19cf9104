//go:build linux

package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/api"
	"holdfast/event"
	"holdfast/internal/files"
	"holdfast/internal/proc"
	"holdfast/keeper"
)

// fifteenLines is the smallest file that says everything. 8080 stands for the
// port of the test.
const fifteenLines = `name: shop
owner: shop-team
promise: 99.9%
services:
  storefront:
    command: ./holdfast toy storefront
    replicas: 3
    ports: ["8080"]
    depends_on: [catalog, cart]
  catalog:
    command: ./holdfast toy catalog
    replicas: 2
  cart:
    command: ./holdfast toy cart
    replicas: 2
`

// pair is one published service of two replicas: the least that survives.
const pair = `name: pair
owner: web
services:
  cart:
    command: ./holdfast toy cart
    replicas: 2
    ports: ["8080"]
`

// with is a file whose command is given more flags, and more keys at its end.
func with(file, command, flags, keys string) string {
	return strings.Replace(file, command, command+" "+flags, 1) + keys
}

// A system is what runs in a house: from its file to its end.
type system struct {
	*house
	*testing.T
	state stateDir
	port  int
}

func newSystem(t *testing.T, file string) *system {
	t.Helper()
	port := freePort(t)
	h := newHouse(t, strings.ReplaceAll(file, "8080", strconv.Itoa(port)))
	s := &system{house: h, T: t, state: stateDir(filepath.Join(h.dir, ".holdfast")), port: port}
	t.Cleanup(s.clear)
	return s
}

func (s *system) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// up starts the system in the foreground and returns when it serves.
func (s *system) up() *underway {
	s.Helper()
	up := s.start("up")
	up.says("Ctrl-C stops everything")
	return up
}

// detached starts the system and leaves it running.
func (s *system) detached() said {
	s.Helper()
	return s.run("up", "--detach").exits(0)
}

// down ends the system and sees that nothing is left.
func (s *system) down() {
	s.Helper()
	s.run("down").exits(0).tells("nothing of it runs any more")
	s.isGone()
}

// status asks the agent, and waits for one that is on its way.
func (s *system) status() api.Status {
	s.Helper()
	client := api.NewClient(s.state.apiSocket())
	defer client.Close()
	var status api.Status
	await(s.T, "the agent answers", func() bool {
		ctx, cancel := context.WithTimeout(s.Context(), 5*time.Second)
		defer cancel()
		var err error
		status, err = client.Status(ctx)
		return err == nil
	})
	return status
}

// whole waits until every declared replica is admitted and nothing fails.
func (s *system) whole() map[holdfast.ReplicaName]int {
	s.Helper()
	var found map[holdfast.ReplicaName]int
	await(s.T, "everything is admitted", func() bool {
		status := s.status()
		found = pids(status)
		return status.View.Serving && len(status.View.Failures) == 0 && len(found) == declared(status)
	})
	return found
}

func declared(status api.Status) int {
	n := 0
	for _, service := range status.View.Services {
		n += service.Declared
	}
	return n
}

// pids are the processes of the admitted replicas.
func pids(status api.Status) map[holdfast.ReplicaName]int {
	found := map[holdfast.ReplicaName]int{}
	for _, service := range status.View.Services {
		for _, replica := range service.Replicas {
			if len(replica.AdmittedBy) > 0 {
				found[replica.ID.Name()] = replica.Pid
			}
		}
	}
	return found
}

// roleAt is the process of a role now, as the keeper says; 0 while there is
// none.
func (s *system) roleAt(name string) int {
	s.Helper()
	for _, role := range s.status().Roles {
		if role.Name == name {
			return role.Pid
		}
	}
	return 0
}

// keeper is the keeper's pid, by the lock it holds.
func (s *system) keeper() int {
	s.Helper()
	text, err := os.ReadFile(s.state.path(keeper.LockName))
	s.must(err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	s.must(err)
	return pid
}

// strike signals a process of this system and of no other.
func (s *system) strike(pid int, signal syscall.Signal) {
	s.Helper()
	if _, ours := s.alive()[pid]; !ours {
		s.Fatalf("pid %d is not of this system", pid)
	}
	s.must(syscall.Kill(pid, signal))
}

// alive are the processes of this system: those of its folder, and those that
// carry its mark, wherever they went.
func (s *system) alive() map[int]string {
	found := s.living()
	keep, err := os.ReadFile(s.state.path(proc.KeepFile))
	if err != nil {
		return found
	}
	marked, err := proc.Marked(strings.TrimSpace(string(keep)), "")
	s.must(err)
	for pid, name := range marked {
		found[pid] = name
	}
	return found
}

// isGone sees that nothing of the system is left: no process, no listener.
func (s *system) isGone() {
	s.Helper()
	for pid, name := range s.alive() {
		s.Errorf("left behind: pid %d, %s", pid, name)
	}
	for network, address := range map[string]string{"unix": s.state.apiSocket(), "tcp": s.address()} {
		if conn, err := net.Dial(network, address); err == nil {
			conn.Close()
			s.Errorf("somebody still answers at %s", address)
		}
	}
}

func (s *system) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// clear ends what is left, and tells of what no log of ours should hold.
func (s *system) clear() {
	for range 250 { // five seconds
		left := s.alive()
		if len(left) == 0 {
			break
		}
		for pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		<-time.After(glance)
	}
	for _, name := range []string{"keeper", "agent", "gateway", "proxy"} {
		text, _ := os.ReadFile(s.state.log(name))
		if bytes.Contains(text, []byte("DATA RACE")) || bytes.Contains(text, []byte("panic:")) || bytes.Contains(text, []byte("fatal error:")) {
			s.Errorf("the log of the %s:\n%s", name, text)
		} else if s.Failed() {
			s.Logf("the end of the log of the %s:\n%s", name, files.Quote(s.state.log(name)))
		}
	}
}

// entries is what the journal says.
func (s *system) entries() []event.Entry {
	s.Helper()
	client := api.NewClient(s.state.apiSocket())
	defer client.Close()
	var all []event.Entry
	s.must(client.Entries(s.Context(), 0, false, func(entry event.Entry) error {
		all = append(all, entry)
		return nil
	}))
	return all
}
