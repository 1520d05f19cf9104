package journal

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// TestMain lets the test binary be a writer that is killed: it appends frames
// for ever, cuts now and then, and prints the number of every entry whose
// commit it was given.
func TestMain(m *testing.M) {
	if dir := os.Getenv("JOURNAL_TEST_WRITE"); dir != "" {
		if err := writeForEver(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func writeForEver(dir string) error {
	j, recovered, err := Open(dir, Options{Keep: 64 << 10})
	if err != nil {
		return err
	}
	go j.Run(context.Background())
	go func() {
		for seq := recovered.LastSeq + 1; ; seq++ {
			j.Append(frame(seq, 1))
			if seq%97 == 0 {
				j.Cut(fmt.Appendf(nil, "mind at %d", seq), seq)
			}
		}
	}()
	for c := range j.Committed() {
		if !c.Recorded {
			return fmt.Errorf("not recorded: %+v", j.Health())
		}
		fmt.Println(c.Frame.Entries[0].ID.Seq)
	}
	return nil
}

// Killed at no particular moment, again and again: everything whose commit was
// printed is there, and the record goes on where it ended.
func TestWhatWasCommittedSurvivesSIGKILL(t *testing.T) {
	dir := t.TempDir()
	var printed uint64
	for round := range 12 {
		printed = killedWriter(t, dir, printed+uint64(1+round*53))
		j, recovered, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		j.Close()
		if recovered.LastSeq < printed {
			t.Fatalf("entry %d was committed, the record ends at %d; mended %q", printed, recovered.LastSeq, recovered.Mended)
		}
		checkGapless(t, recovered)
	}
}

// killedWriter runs a writer until it printed at least the given number, kills
// it, and returns the last number it printed.
func killedWriter(t *testing.T, dir string, until uint64) (printed uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "JOURNAL_TEST_WRITE="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var seq uint64
		if _, err := fmt.Sscan(lines.Text(), &seq); err != nil || seq <= printed {
			continue // the last line may be half a number
		}
		if printed = seq; printed >= until {
			cmd.Process.Kill()
			break
		}
	}
	if printed < until {
		t.Errorf("the writer ended by itself at %d", printed)
	}
	for lines.Scan() { // what it printed before it died
	}
	cmd.Wait()
	return printed
}

// checkGapless wants the snapshot and the frames to follow one another.
func checkGapless(t *testing.T, r Recovered) {
	t.Helper()
	next := uint64(1)
	if r.Snapshot != nil {
		var at uint64
		if _, err := fmt.Sscanf(string(r.Snapshot), "mind at %d", &at); err != nil {
			t.Fatalf("snapshot %q: %v", r.Snapshot, err)
		}
		next = at + 1
	}
	for _, f := range r.Frames {
		if seq := f.Entries[0].ID.Seq; seq != next {
			t.Fatalf("entry %d where %d was expected; mended %q", seq, next, r.Mended)
		}
		next++
	}
}
