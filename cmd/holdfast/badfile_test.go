package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// Whatever is in a file, check ends soon, in little memory, with an exit that
// says what happened, and prints nothing that a terminal would obey.
const (
	soon   = 20 * time.Second // the worst takes 1 s on two cores that have nothing else to do
	little = 512 << 20        // bytes
)

// A brokenText is one that no one keeps in a folder of examples, and what check
// must say of it. The filler is written after it, again and again: the memory of
// this process would be counted as the program's, which begins as a copy of it.
type brokenText struct {
	text, code string
	filler     string
	times      int
}

func brokenTexts() map[string]brokenText {
	repeat := func(n int, line func(i int) string) string {
		var text strings.Builder
		for i := range n {
			text.WriteString(line(i))
		}
		return text.String()
	}
	laughs := "name: lol\nx-0: &a0 [lol, lol]\n" + repeat(9, func(i int) string {
		return fmt.Sprintf("x-%d: &a%d [%s*a%d]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 8), i)
	})
	long := strings.Repeat("x ", 250_000)
	return map[string]brokenText{
		"empty":                   {text: "", code: "HF1003"},
		"a mark of the order":     {text: "\ufeff", code: "HF1003"},
		"a program":               {text: "\x7fELF\x02\x01\x01\x00\x1b[2J\x1b]0;owned\x07", code: "HF1001"},
		"UTF-16":                  {text: "\xff\xfen\x00a\x00m\x00e\x00", code: "HF1001"},
		"Latin-1":                 {text: "name: caf\xe9\n", code: "HF1001"},
		"tabs":                    {text: "name: shop\nservices:\n\tweb: {}\n", code: "HF1005"},
		"many documents":          {text: repeat(1000, func(int) string { return "---\nname: shop\n" }), code: "HF1007"},
		"a billion laughs":        {text: laughs + "services: *a9\n", code: "HF1102"},
		"laughs that are merged":  {text: "x-0: &a0 {x: 1}\n" + repeat(40, func(i int) string { return fmt.Sprintf("x-%d: &a%d {<<: [*a%d, *a%d]}\n", i+1, i+1, i, i) }) + "services: *a40\n", code: "HF1009"},
		"a long answer, aliased":  {text: "name: shop\nx-t: &t \"" + long + "\"\nservices: {web: {command: ./web, depends_on: {ads: {fallback: {json: [" + strings.Repeat("*t ,", 5000) + "*t ]}}}}, ads: {command: ./ads}}\n", code: "HF1009"},
		"a long command, aliased": {text: "name: shop\nx-t: &t \"" + long + "\"\nservices:\n" + repeat(2000, func(i int) string { return fmt.Sprintf("  s%d: {command: *t , owner: *t }\n", i) }), code: "HF1009"},
		"anchors in a circle":     {text: "name: shop\nservices: &a {web: {environment: *a}}\n", code: "HF1008"},
		"brackets":                {text: strings.Repeat("[{a: ", 10_000), code: "HF1010"},
		"100 MB":                  {text: "name: shop\n", filler: "# filler\n", times: 100 << 20 / 9, code: "HF1002"},
		"100 MB in one line":      {text: "name: ", filler: strings.Repeat("x", 1<<10), times: 100 << 10, code: "HF1002"},
		"10,000 services":         {text: "name: crowd\nservices:\n" + repeat(10_000, func(i int) string { return fmt.Sprintf("  s%d:\n    command: ./serve\n", i) }), code: "HF1002"},
		"10,000 images":           {text: "services:\n" + repeat(10_000, func(i int) string { return fmt.Sprintf("  s%d:\n    image: nginx\n", i) }), code: "HF1002"},
		"a command for terminals": {text: "name: \"\\e]0;owned\\a\\e[2J\"\n\"\\e[31mx\": 1\nservices: {\"\u202ex\": {command: \"\\e[0m |\"}}\n", code: "HF1108"},
		"a command for GitHub":    {text: "name: shop\n\"::add-mask::x\\n::error::y\": 1\nservices: {a: {command: \"##[error]x | y\"}}\n", code: "HF1101"},
	}
}

func TestWhateverIsInAFileCheckEndsWell(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{} // paths, and what must be said
	for name, c := range brokenTexts() {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".yaml")
		c.write(t, path)
		files[path] = c.code
	}
	kept, err := filepath.Glob("../../spec/testdata/*.yaml")
	if err != nil || len(kept) < 30 {
		t.Fatalf("%d files are kept, %v", len(kept), err)
	}
	for _, path := range kept {
		files[path] = ""
	}
	for path, code := range files {
		for _, format := range []string{"text", "github", "json"} {
			t.Run(filepath.Base(path)+" as "+format, func(t *testing.T) { endsWell(t, path, format, code) })
		}
	}
}

func (c brokenText) write(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewWriter(file)
	out.WriteString(c.text) // an error stays, and Flush returns it
	for range c.times {
		out.WriteString(c.filler)
	}
	if err := errors.Join(out.Flush(), file.Close()); err != nil {
		t.Fatal(err)
	}
}

func endsWell(t *testing.T, path, format, code string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(os.Getenv(programVariable), "check", "--format", format, path)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	err := cmd.Run()
	if took := time.Since(began); took > soon {
		t.Errorf("took %s", took)
	}
	if usage, is := cmd.ProcessState.SysUsage().(*syscall.Rusage); is && runtime.GOOS == "linux" && usage.Maxrss<<10 > little {
		t.Errorf("took %d MiB", usage.Maxrss>>10)
	}
	exited := (*exec.ExitError)(nil)
	if err != nil && (!errors.As(err, &exited) || exited.ExitCode() != exitUsage && exited.ExitCode() != exitFound) {
		t.Errorf("ended with %v:\n%s", err, stderr.String())
	}
	if code != "" && (err == nil || exited.ExitCode() != exitUsage || !strings.Contains(stdout.String(), code)) {
		t.Errorf("ended with %v, and not for %s:\n%.2000s", err, code, stdout.String())
	}
	if stderr.Len() > 0 {
		t.Errorf("said beside it:\n%.2000s", stderr.String())
	}
	for line := range strings.Lines(stdout.String()) {
		if format != "json" && !printable(line) {
			t.Errorf("a terminal would obey %q", line)
		}
		command := strings.HasPrefix(line, "::error file=") || strings.HasPrefix(line, "::warning file=")
		if format == "github" && !command && strings.HasPrefix(strings.TrimSpace(line), "::") || format == "github" && strings.Contains(line, "##[") {
			t.Errorf("GitHub would obey %q", line)
		}
	}
}

func printable(line string) bool {
	return utf8.ValidString(line) && !strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(c rune) bool { return !unicode.IsPrint(c) })
}
