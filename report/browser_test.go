package report

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A browser finds nothing to complain of, and runs the page's own script although
// the policy forbids every other: the buttons that it makes are there. Where a
// stranger's texts are in the page, it runs no other.
func TestABrowserHasNoComplaint(t *testing.T) {
	browser := browserOf(t)
	for name, run := range map[string]Run{"story": story(), "forged": run(forged())} {
		t.Setenv("PAGE", filepath.Join(t.TempDir(), name+".html"))
		html(t, run)
		said, page := browse(t, browser, filepath.Join(t.TempDir(), "profile"), "file://"+os.Getenv("PAGE"))
		for line := range strings.Lines(said) {
			if strings.Contains(line, ":CONSOLE") {
				t.Errorf("%s: %s", name, line)
			}
		}
		if strings.Count(page, `<button type="button">`) != 2 {
			t.Errorf("%s: the page's script did not run", name)
		}
	}
}

func browserOf(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes seconds")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no browser here: install chromium")
	return ""
}

// browse is what a browser says about a page, and the page as it is after its
// script. A browser that does not come up on a busy machine is none.
func browse(t *testing.T, browser, profile, page string) (said, dom string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--user-data-dir="+profile, "--enable-logging=stderr", "--v=0", "--dump-dom", page)
	command.WaitDelay = 5 * time.Second
	var out, diagnostics bytes.Buffer
	command.Stdout, command.Stderr = &out, &diagnostics
	if err := command.Run(); err != nil || !strings.Contains(out.String(), "</html>") {
		t.Skipf("the browser did not show the page: %v", err)
	}
	return diagnostics.String(), out.String()
}
