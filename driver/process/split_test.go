package process

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for command, want := range map[string][]string{
		"./catalog":                       {"./catalog"},
		"  ./catalog\t--port  80\n ":      {"./catalog", "--port", "80"},
		`a 'b c' "d e" f\ g`:              {"a", "b c", "d e", "f g"},
		`a'b'"c"\d`:                       {"abcd"},
		`a "" ''`:                         {"a", "", ""},
		`"a\"b" "a\nb" 'a\b' "a\\b"`:      {`a"b`, `a\nb`, `a\b`, `a\b`},
		`'$HOME' "$HOME" \$HOME "\$HOME"`: {"$HOME", "$HOME", "$$HOME", "$$HOME"},
		"a\\\nb c \\\n d":                 {"ab", "c", "d"},
		`--greet=${WHO:-the world} x`:     {"--greet=${WHO:-the world}", "x"},
		`${A:-${B:-x y} z} "w"`:           {"${A:-${B:-x y} z}", "w"},
		`sh -c 'a && b | c > d; (e) &'`:   {"sh", "-c", "a && b | c > d; (e) &"},
		`a *.go ~/x [b] {c,d} # e`:        {"a", "*.go", "~/x", "[b]", "{c,d}", "#", "e"},
	} {
		if got, err := split(command); err != nil || !slices.Equal(got, want) {
			t.Errorf("split(%q) = %q, %v; want %q", command, got, err, want)
		}
	}
}

func TestSplitRefusesWhatNeedsAShell(t *testing.T) {
	for command, why := range map[string]string{
		"":                "empty",
		" \t\n":           "empty",
		"a 'b":            "never closed",
		`a "b`:            "never closed",
		`a "b\"`:          "never closed",
		`a \`:             "backslash",
		"a && b":          "sh -c",
		"a | b":           "sh -c",
		"a > log":         "sh -c",
		"a; b":            "sh -c",
		"http://x/?a=1&b": "sh -c",
		"a $(b)":          "sh -c",
		`a "$(b)"`:        "sh -c",
		"a `b`":           "sh -c",
		"a \"`b`\"":       "sh -c",
	} {
		if got, err := split(command); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("split(%q) = %q, %v; want an error with %q", command, got, err, why)
		}
	}
}

// FuzzSplit compares with the shell on commands whose meaning needs no more
// than splitting.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{`a b`, `a 'b c'`, `a "b c" d\ e`, `"" ''`, `a"b"'c'\d`, `"a\"b\\c\d"`, `'a`, `"`, `\`, "a\tb", `'\'`, `"'" '"'`} {
		f.Add(seed)
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		f.Skip("no sh to compare with")
	}
	f.Fuzz(func(t *testing.T, command string) {
		got, err := split(command)
		if strings.Trim(command, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \t'\"\\./:,=+-_@%") != "" {
			return // not splitting alone; that it did not panic is enough
		}
		want, ok := shellSplit(t, sh, command)
		switch {
		case err == nil && !ok:
			t.Errorf("split(%q) = %q, but the shell refuses it", command, got)
		case err == nil && !slices.Equal(got, want):
			t.Errorf("split(%q) = %q, the shell says %q", command, got, want)
		case err != nil && ok && len(want) > 0 && !strings.HasSuffix(command, `\`):
			t.Errorf("split(%q): %v, but the shell says %q", command, err, want)
		}
	})
}

// shellSplit is the naive twin: the shell itself prints its arguments.
func shellSplit(t *testing.T, sh, command string) ([]string, bool) {
	t.Helper()
	out, err := exec.Command(sh, "-c", `set -- `+command+"\n"+`[ $# = 0 ] || printf '%s\0' "$@"`).Output()
	if err != nil {
		return nil, false
	}
	text := string(out)
	if text == "" {
		return nil, true
	}
	return strings.Split(strings.TrimSuffix(text, "\x00"), "\x00"), true
}
