package process

import (
	"fmt"
	"strings"
	"testing"
)

func mapped(names map[string]string) lookup {
	return func(name string) (value, bool, error) {
		text, ok := names[name]
		return plain(text), ok, nil
	}
}

func TestExpand(t *testing.T) {
	find := mapped(map[string]string{"PORT": "8080", "EMPTY": "", "SPACED": "a b", "DOLLAR": "$PORT", "_x1": "y"})
	for text, want := range map[string]string{
		"":                            "",
		"plain":                       "plain",
		"$PORT":                       "8080",
		"${PORT}":                     "8080",
		":$PORT/":                     ":8080/",
		"$PORT$PORT":                  "80808080",
		"${PORT}0":                    "80800",
		"$SPACED":                     "a b",
		"$DOLLAR":                     "$PORT", // values are not expanded again
		"$_x1":                        "y",
		"$$PORT":                      "$PORT",
		"$$$PORT":                     "$8080",
		"$$$$":                        "$$",
		"$":                           "$",
		"a$ b $1 $%":                  "a$ b $1 $%",
		"${NONE:-d}":                  "d",
		"${NONE-d}":                   "d",
		"${EMPTY:-d}":                 "d",
		"${EMPTY-d}":                  "",
		"${PORT:-d}":                  "8080",
		"${NONE:-}":                   "",
		"${NONE:--1}":                 "-1",
		"${NONE--1}":                  "-1",
		"${NONE:-$PORT}":              "8080",
		"${NONE:-${NO:-${PORT}}}x":    "8080x",
		"${NONE:-http://h:$PORT/?a}b": "http://h:8080/?ab",
		"${PORT:-${not even read}}":   "8080",
	} {
		if got, err := expand(text, find); err != nil || got.text != want {
			t.Errorf("expand(%q) = %q, %v; want %q", text, got.text, err, want)
		}
	}
}

func TestExpandRefuses(t *testing.T) {
	long := map[string]string{"LONG": strings.Repeat("x", maxValue)}
	for text, why := range map[string]string{
		"$NONE":       "$NONE is not set",
		"${NONE}":     "write $$NONE",
		"${PORT":      "never closed",
		"${}":         "without the name of a variable",
		"${1}":        "without the name of a variable",
		"${PORT:?no}": "write `${PORT}`",
		"${PORT+x}":   "write `${PORT}`",
		"$LONG$LONG":  "bytes",
		strings.Repeat("${N:-", 40) + strings.Repeat("}", 40): "defaults within defaults",
	} {
		if got, err := expand(text, mapped(long)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("expand(%.40q) = %.40q, %v; want an error with %q", text, got.text, err, why)
		}
	}
}

// FuzzExpand finds neither a panic nor a text that $$ does not protect.
func FuzzExpand(f *testing.F) {
	for _, seed := range []string{"$PORT", "${PORT:-a}", "${A-${B:-c}}", "$$", "${", "${A:-$$}", "}$"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		find := mapped(map[string]string{"PORT": "8080"})
		if got, err := expand(text, find); err == nil && got.text != got.shown {
			t.Errorf("expand(%q) withholds what is no secret: %q", text, got)
		}
		if len(text) > maxValue/2 {
			return
		}
		if got, err := expand(strings.ReplaceAll(text, "$", "$$"), find); err != nil || got.text != text {
			t.Errorf("protected %q came out as %q (%v)", text, got.text, err)
		}
	})
}

func names(declared, caller map[string]string) *namespace {
	return &namespace{
		own:      map[string]string{"PORT": "8080", "HOST": "127.0.0.1"},
		declared: declared, caller: caller, dir: "/", secrets: map[string]string{},
	}
}

func TestWhatTheFileSaysComesFirst(t *testing.T) {
	n := names(
		map[string]string{"PORT": "9", "PATH": "$PATH:/opt/bin", "DSN": "db://$HOST:$PORT/${NAME}", "A": "$B", "B": "b", "LOOP": "${LOOP:-end}", "C": "${D:-c}", "D": "${C:-d}"},
		map[string]string{"PATH": "/bin", "HOST": "elsewhere", "NAME": "n"},
	)
	for text, want := range map[string]string{
		"$PORT": "9", "$HOST": "127.0.0.1", "$PATH": "/bin:/opt/bin", "$DSN": "db://127.0.0.1:9/n", "$A": "b", "$LOOP": "end", "$C": "d",
	} {
		if got, err := expand(text, n.find); err != nil || got.text != want {
			t.Errorf("%s = %q, %v; want %q", text, got.text, err, want)
		}
	}
}

func TestVariablesMadeOfOneAnotherEnd(t *testing.T) {
	declared := map[string]string{}
	for i := range 30 {
		declared[fmt.Sprintf("V%d", i)] = strings.Repeat(fmt.Sprintf("${V%d:-}", i+1), 10)
	}
	if _, err := expand("$V0", names(declared, nil).find); err == nil {
		t.Fatal("ten to the thirtieth variables were filled in")
	}
}

func TestACommandThatCouldNotBeRunIsRefused(t *testing.T) {
	for written, why := range map[string]string{"": "empty", " \t\n": "empty", "$NONE_": "not set", "${NONE_:-}": "empty once", "a | b": "sh -c", "a 'b": "never closed"} {
		if argv, err := names(nil, nil).command(written); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("command %q = %q, %v; want an error with %q", written, argv, err, why)
		}
	}
}
