package faulttest

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"holdfast"
)

// atDoor starts a service whom a flood is to reach, slow enough to be seen.
func atDoor(t *testing.T) holdfast.Victim {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("who is connected to whom is seen in /proc, which needs Linux")
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

// visited tells, by what the kernel says, whether somebody is connected to a victim.
func visited(victim holdfast.Victim) bool {
	_, text, err := net.SplitHostPort(victim.Address)
	if err != nil {
		return false
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return false
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return false
	}
	for row := range strings.Lines(string(table)) {
		fields := strings.Fields(row) // sl local remote state: 01 is established
		if len(fields) > 3 && fields[3] == "01" && strings.HasSuffix(fields[2], fmt.Sprintf(":%04X", port)) {
			return true
		}
	}
	return false
}
