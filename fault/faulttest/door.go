package faulttest

import (
	"bufio"
	"runtime"
	"strings"
	"testing"

	"holdfast"
)

// atDoor starts a service whom a flood is to reach, slow enough to be seen.
func atDoor(t *testing.T) holdfast.Victim {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("who is connected to whom is asked of the kernel, by a question of Linux")
	}
	_, said := another(t, serveVerb)
	line, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimSpace(line)
	return holdfast.Victim{
		ID: holdfast.ReplicaID{Service: "victim"}, Address: address,
		Flood: &holdfast.Flood{URL: "http://" + address + "/", Rate: 50, Priority: holdfast.Background, Keep: "faulttest"},
	}
}
