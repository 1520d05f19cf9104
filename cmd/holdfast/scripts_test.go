package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts are the promises of the command line: files in, exact output and
// exit code out.
func TestScripts(t *testing.T) {
	program := os.Getenv(programVariable)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "says": says},
		Setup: func(env *testscript.Env) error {
			env.Setenv("NO_COLOR", "1")
			env.Setenv("DOLLAR", "$") // for what cmpenv is to leave alone
			for name, days := range map[string]int{"YESTERDAY": -1, "SOON": 4, "LATER": 200, "TOOLATE": 400} {
				env.Setenv(name, time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly))
			}
			env.Setenv("PATH", filepath.Dir(program)+string(os.PathListSeparator)+env.Getenv("PATH"))
			return nil
		},
	})
}

// exits runs a command and holds it to one exit code, which testscript's own
// exec does not tell from another. What was printed is there for stdout, stderr
// and cmp.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARGUMENT...]")
	}
	code := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		code = exitCode(err)
	}
	if code != args[0] {
		ts.Fatalf("%v ended with exit %s, want %s", args[1:], code, args[0])
	}
}

// says compares what was printed with a file, in which variables are filled in
// and whatever takes time takes 0.00s.
func says(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: says FILE")
	}
	want := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	got := regexp.MustCompile(` in \d+\.\d\ds\n`).ReplaceAllString(ts.ReadFile("stdout"), " in 0.00s\n")
	if diff := cmp.Diff(want, got); diff != "" {
		ts.Fatalf("%s (-want +got):\n%s", args[0], diff)
	}
}

// exitCode is the code a command ended with, or why there is none.
func exitCode(err error) string {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return strconv.Itoa(exit.ExitCode())
	}
	return err.Error()
}
