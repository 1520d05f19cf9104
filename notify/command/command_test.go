package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast"
	"holdfast/notify/notifytest"
)

// script is a program that feels as a file beside it says, and writes down what it
// was told.
const script = `#!/bin/sh
case "$(cat mood)" in
refuses) echo "no such number"; exit 1 ;;
broken) exit 75 ;;
hangs) sleep 60 & wait ;;
cuts) kill -KILL $$ ;;
esac
{ echo "$HOLDFAST_INCIDENT $HOLDFAST_PURPOSE $HOLDFAST_SUBJECT $SECRET"; cat; } > "told-$$"
echo "told by $1"
`

func TestItKeepsTheContract(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "ring"), script)
	feel := func(m notifytest.Mood) { write(t, filepath.Join(dir, "mood"), string(m)) }
	feel(notifytest.Well)
	t.Setenv("SECRET", notifytest.Password) // which is not for it
	notifytest.Run(t, notifytest.Provider{
		New: func(*testing.T) holdfast.Notifier {
			return New(holdfast.Channel{Kind: holdfast.ChannelCommand, Address: "./ring 'a bell'", Dir: dir})
		},
		Feel:  feel,
		Took:  func() []string { return took(t, dir) },
		Moods: []notifytest.Mood{notifytest.Refuses, notifytest.Broken, notifytest.Hangs, notifytest.Cuts},
	})
}

func TestWhatItSaysIsTheReceipt(t *testing.T) {
	dir := t.TempDir()
	n := New(holdfast.Channel{Kind: holdfast.ChannelCommand, Address: "printf 'ticket 7\nmore'", Dir: dir})
	if receipt, err := n.Send(t.Context(), notifytest.Trouble()); err != nil || receipt != "ticket 7" {
		t.Errorf("got %q, %v", receipt, err)
	}
}

func took(t *testing.T, dir string) []string {
	paths, _ := filepath.Glob(filepath.Join(dir, "told-*"))
	var all []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), notifytest.Password) {
			t.Error("it was given what is not for it")
		}
		all = append(all, string(text))
		os.Remove(path)
	}
	return all
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}
