package command

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
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
		if got, flaws := Split(command); len(flaws) > 0 || !slices.Equal(got, want) {
			t.Errorf("Split(%q) = %q, %v; want %q", command, got, flaws, want)
		}
	}
	for command, sign := range map[string]string{
		"a 'b": "'", `a "b`: `"`, `a "b\"`: `"`, `a \`: `\`, "a && b": "&&", "a | b": "|", "a; b": ";", "http://x/?a=1&b": "&",
		"a $(b)": "(", `a "$(b)"`: "$", "a `b`": "`", "a \"`b`\"": "`", "a ${X `": "`",
	} {
		if _, flaws := Split(command); len(flaws) == 0 || flaws[0].Sign != sign {
			t.Errorf("Split(%q) has the flaws %v, want first %q", command, flaws, sign)
		}
	}
}

func TestAFlawSaysWhatToDo(t *testing.T) {
	for command, why := range map[string]string{
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
		if got, flaws := Split(command); len(flaws) == 0 || !strings.Contains(flaws[0].Error(), why) {
			t.Errorf("Split(%q) = %q, %v; want a flaw with %q", command, got, flaws, why)
		}
	}
}

func TestSplittingGivesBackWhatWasJoined(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringOfN(rapid.RuneFrom([]rune("ab $`\"'\\(){}|&;\n\tä-=")), 0, 12, -1)
		want := rapid.SliceOfN(word, 1, 5).Draw(t, "words")
		got, flaws := Split(Join(want))
		if len(flaws) > 0 || !slices.Equal(got, want) {
			t.Fatalf("%q is written %s, which is split into %q, %v", want, Join(want), got, flaws)
		}
	})
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
		got, flaws := Split(command)
		if strings.Trim(command, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \t'\"\\./:,=+-_@%") != "" {
			return // not splitting alone; that it did not panic is enough
		}
		want, ok := shellSplit(t, sh, command)
		switch {
		case len(flaws) == 0 && !ok:
			t.Errorf("Split(%q) = %q, but the shell refuses it", command, got)
		case len(flaws) == 0 && !slices.Equal(got, want):
			t.Errorf("Split(%q) = %q, the shell says %q", command, got, want)
		case len(flaws) > 0 && ok && len(want) > 0 && !strings.HasSuffix(command, `\`):
			t.Errorf("Split(%q): %v, but the shell says %q", command, flaws, want)
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
