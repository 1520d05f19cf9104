// Package existing_test drills the example in earnest, where nginx and Redis are
// installed.
package existing_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"holdfast"
	"holdfast/report"
)

// TestTheExample starts the stack in a folder and on ports of its own, and
// drills it as its README says.
func TestTheExample(t *testing.T) {
	for _, program := range []string{"nginx", "redis-server", "ps"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed: apt-get install nginx-light redis-server procps", program)
		}
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "holdfast")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/holdfast").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"holdfast.yaml", "stack.sh"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	elsewhere(t, dir)
	run(t, dir, "./stack.sh", "up")
	t.Cleanup(func() { run(t, dir, "./stack.sh", "down") })
	drills := prove(t, dir, program)
	for mode, want := range map[holdfast.ModeName]holdfast.Verdict{
		"web.crash":  holdfast.Pass,
		"cache.hang": holdfast.Aborted, // there is one, and nothing else to ask
	} {
		if got := drills[mode]; got.Verdict != want || got.Witness == "" || got.Restore == nil || want == holdfast.Pass && got.Detect == nil {
			t.Errorf("%s: want %s, seen, noticed and restored; got %+v", mode, want, got)
		}
	}
	if hang := drills["web.hang"]; hang.Verdict == holdfast.Invalid || hang.Detect == nil || hang.Restore == nil {
		t.Errorf("web.hang: %+v", hang)
	}
}

// elsewhere gives the stack ports that are free and the folder as its home: the
// example's own may run beside.
func elsewhere(t *testing.T, dir string) {
	t.Helper()
	var changes []string
	for _, port := range []string{"18080", "18081", "18082", "18083"} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		changes = append(changes, port, fmt.Sprint(listener.Addr().(*net.TCPAddr).Port))
	}
	changes = append(changes, "${TMPDIR:-/tmp}", dir)
	for _, name := range []string{"holdfast.yaml", "stack.sh"} {
		path := filepath.Join(dir, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.NewReplacer(changes...).Replace(string(text))), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

func run(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
}

// prove drills until the machine was quiet enough to say something.
func prove(t *testing.T, dir, program string) map[holdfast.ModeName]report.Drill {
	t.Helper()
	drills := map[holdfast.ModeName]report.Drill{}
	for range 3 {
		cmd := exec.Command(program, "prove", "--live", "--json")
		cmd.Dir = dir
		var notices strings.Builder
		cmd.Stderr = &notices
		out, _ := cmd.Output() // its code follows from the verdicts
		var run report.Run
		if err := json.Unmarshal(out, &run); err != nil {
			t.Fatalf("%v\n%s%s", err, out, notices.String())
		}
		t.Logf("%s%s", notices.String(), out)
		for _, drill := range run.Drills {
			drills[drill.Mode] = drill
		}
		if run.Verdict == holdfast.Aborted || run.Verdict == holdfast.Pass {
			break
		}
	}
	return drills
}
