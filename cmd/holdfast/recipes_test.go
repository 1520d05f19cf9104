package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"holdfast/report"
)

// scriptsIn are the texts that a recipe gives to a shell, wherever they stand.
func scriptsIn(value any) (scripts []string) {
	switch value := value.(type) {
	case map[string]any:
		for key, under := range value {
			switch list, isList := under.([]any); {
			case key == "run":
				scripts = append(scripts, under.(string))
			case isList && strings.HasSuffix(key, "script"):
				for _, line := range list {
					scripts = append(scripts, line.(string))
				}
			default:
				scripts = append(scripts, scriptsIn(under)...)
			}
		}
	case []any:
		for _, under := range value {
			scripts = append(scripts, scriptsIn(under)...)
		}
	}
	return scripts
}

// The recipes for CI are what a shell takes, with flags that exist; the earlier
// comment is found by the mark that the next one begins with; and what they drill
// leaves time for the rest.
func TestTheRecipesAreInStep(t *testing.T) {
	t.Parallel()
	const within = 10 * time.Minute
	for _, name := range []string{"github-actions.yml", "gitlab-ci.yml"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("../../contrib", name))
			if err != nil {
				t.Fatal(err)
			}
			var recipe any
			if err := yaml.Unmarshal(text, &recipe); err != nil {
				t.Fatal(err)
			}
			scripts := scriptsIn(recipe)
			var proofs [][]string
			for _, script := range scripts {
				parses(t, script)
				proofs = append(proofs, proofsIn(script)...)
			}
			if len(proofs) != 3 {
				t.Fatalf("%d times it proves: main, a request, and one where nothing is known of main: %q", len(proofs), proofs)
			}
			h := newHouse(t, shopToProve)
			for _, args := range proofs {
				h.run(append(args, "--dry-run")...).exits(exitNothing).tells("would drill", "nothing was touched")
				if budget := budgetOf(t, args); budget < time.Minute || budget > within*6/10 {
					t.Errorf("%q: of %s it drills %s", args, within, budget)
				}
			}
			if mark, _, _ := strings.Cut(report.MarkdownMark("shop"), "shop"); strings.Count(string(text), mark) != 1 {
				t.Errorf("an earlier comment is not found by %q", mark)
			}
			if !strings.Contains(string(text), "timeout-minutes: 10\n") && !strings.Contains(string(text), "timeout: 10 minutes\n") {
				t.Errorf("it may take longer than %s", within)
			}
		})
	}
}

// parses holds a script to what a shell takes. What the CI fills in is a word.
func parses(t *testing.T, script string) {
	t.Helper()
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here")
	}
	cmd := exec.Command(shell, "-n")
	cmd.Stdin = strings.NewReader(script)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s\n%s", err, said, script)
	}
}

// proofsIn are the arguments of each holdfast prove in a script.
func proofsIn(script string) (all [][]string) {
	for line := range strings.Lines(script) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "holdfast" {
			all = append(all, words[1:])
		}
	}
	return all
}

func budgetOf(t *testing.T, args []string) time.Duration {
	t.Helper()
	for i, arg := range args {
		if arg == "--budget" {
			budget, err := time.ParseDuration(args[i+1])
			if err != nil {
				t.Error(err)
			}
			return budget
		}
	}
	return 0
}
