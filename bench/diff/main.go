// Command diff measures whether the comparison of two runs says what changed and
// nothing else.
//
//	go run ./bench/diff -rounds 10   three changes to examples/shop, ten times: each named, nothing else
//	go run ./bench/diff -noise 24    the same system 24 times, every run compared with every other: nothing named
//
// It ends with 1 when a change was not named, or something else was.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"

	"holdfast/bench/rig"
	"holdfast/report"
)

func main() {
	rounds := flag.Int("rounds", 1, "how often the changed shop is compared with the shop")
	noise := flag.Int("noise", 0, "instead: how often the same system is proved")
	from := flag.String("from", "", "with -noise: take the runs from this folder's *.json instead of making them")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	good, err := false, error(nil)
	switch {
	case *from != "":
		good, err = noiseOfFiles(*from)
	case *noise > 0:
		good, err = noiseOfRuns(ctx, *noise)
	default:
		good, err = compareChanges(ctx, *rounds)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "diff:", err)
		os.Exit(3)
	}
	if !good {
		os.Exit(1)
	}
}

// prove runs the program in the rig's folder. Its exit code says no more than the
// document does.
func prove(ctx context.Context, built *rig.Rig, args ...string) (run report.Run, err error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, built.Program, append([]string{"prove", "--json"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Dir, cmd.Stdout, cmd.Stderr = built.Dir, &stdout, &stderr
	ended := cmd.Run()
	if err := json.Unmarshal(stdout.Bytes(), &run); err != nil {
		return run, fmt.Errorf("prove: %w\n%s", ended, &stderr)
	}
	return run, ctx.Err()
}

// rewrite puts another holdfast.yaml into the rig's folder.
func rewrite(built *rig.Rig, text string) error {
	return os.WriteFile(filepath.Join(built.Dir, "holdfast.yaml"), []byte(text), 0o600)
}
