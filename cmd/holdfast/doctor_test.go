//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"holdfast"
	"holdfast/internal/proc"
	"holdfast/keeper"
	"holdfast/mode"
)

const sickly = `name: sickly
owner: web
services:
  cart:
    command: ./holdfast toy cart
    replicas: 2
    ports: ["8080"]
  till:
    command: ./till
    replicas: 2
    env_file: till.env
`

func TestDoctorSaysWhatIsMissingAndWhatToDo(t *testing.T) {
	t.Parallel()
	s := newSystem(t, sickly)
	s.run("doctor").exits(0).tells("this host", "kernel", "disk fsync", "cgroup memory", "free", "the env_file of till cannot be read", "next: ", "warning")
	s.write("till.env", "")
	s.run("doctor").exits(0).tells("the program of till is not there: "+s.dir+"/till", "next: build it")

	taken, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(s.port))
	s.must(err)
	defer taken.Close()
	s.run("doctor").exits(0).tells("taken by", "pid "+strconv.Itoa(os.Getpid()))
	taken.Close()

	s.change("command: ./till", "command: ./holdfast toy till")
	s.run("up", "--detach").exits(0)
	s.run("doctor").exits(0).tells("held by this system")
	var found doctor
	s.must(json.Unmarshal([]byte(s.run("doctor", "--json").exits(0).stdout), &found))
	for _, drill := range found.Drills {
		if strings.HasSuffix(drill.Name, ".crash") && !drill.Good {
			t.Errorf("%+v", drill)
		}
	}
	if len(found.Host) == 0 || len(found.Ports) != 1 || found.File != defaultFile {
		t.Errorf("%+v", found)
	}
	s.down()

	s.write(defaultFile, "name: [sickly]\n")
	s.run("doctor").exits(2)
	s.must(os.Remove(s.dir + "/" + defaultFile))
	s.run("doctor").exits(0).tells("no holdfast.yaml here")
	s.run("doctor", "no.yaml").exits(2).tells("there is no no.yaml")
}

// What a private copy needs is the ports that its replicas insist on: those of no
// other service whose name only begins the same, not those it can do without, and
// also those that the system itself has.
func TestDoctorLooksAtThePortsThatAPrivateCopyNeeds(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := uint16(taken.Addr().(*net.TCPAddr).Port)
	state := stateDir(t.TempDir())
	ours := func(name holdfast.ServiceName, command string, listen ...uint16) holdfast.Service {
		return holdfast.Service{Name: name, Command: command, Manage: holdfast.Full, Replicas: 1, Listen: listen, WorkingDir: t.TempDir()}
	}
	published := ours("redis-cache", "true")
	published.Ports = []holdfast.Port{{Host: "127.0.0.1", Port: port}}
	for name, c := range map[string]struct {
		services []holdfast.Service
		good     bool
	}{
		"it is insisted on":                     {[]holdfast.Service{ours("redis", "true", port)}, false},
		"it is told where to listen":            {[]holdfast.Service{ours("redis", "true $PORT", port)}, true},
		"it is published by one named the like": {[]holdfast.Service{ours("redis", "true", uint16(freePort(t))), published}, true},
	} {
		system := &holdfast.System{Services: c.services, Modes: []holdfast.FailureMode{mode.Crash().Of(c.services[0])}}
		if facts := drillFacts(system, state); facts[0].Good != c.good {
			t.Errorf("%s: %+v", name, facts)
		}
	}
	lock := []byte(strconv.Itoa(os.Getpid()))
	if err := errors.Join(os.WriteFile(state.path(keeper.LockName), lock, 0o600), os.WriteFile(state.path(proc.KeepFile), []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	held := &holdfast.System{Services: []holdfast.Service{ours("redis", "true", port)}}
	held.Modes = []holdfast.FailureMode{mode.Crash().Of(held.Services[0])}
	if facts := portFacts(held, state); !facts[0].Good || !strings.Contains(facts[0].Says, "held by this system") {
		t.Errorf("its own port: %+v", facts)
	}
	if facts := drillFacts(held, state); facts[0].Good || !strings.Contains(facts[0].Next, "holdfast down") {
		t.Errorf("a drill beside the system that has the port: %+v", facts)
	}
}
