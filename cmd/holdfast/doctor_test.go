//go:build linux

package main

import (
	"encoding/json"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
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
