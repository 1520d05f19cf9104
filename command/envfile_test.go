package command

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestAnEnvFileIsReadAsComposeReadsIt(t *testing.T) {
	const text = "\ufeff# the shop's\r\n\nA=1\r\nexport B = two words  \nC=\nD='as $it is \\n # all'\nE=\"two\\nlines \\\"q\\\" \\$x\" # why\nF=pa#ss # not this\nG\nH=\"first\nsecond\"\nexported=x\nI=a=b=$c\nJ=#nothing\n"
	want := []Variable{
		{Name: "A", Value: "1", Set: true}, {Name: "B", Value: "two words", Set: true}, {Name: "C", Set: true},
		{Name: "D", Value: `as $it is \n # all`, Set: true}, {Name: "E", Value: "two\nlines \"q\" $x", Set: true}, {Name: "F", Value: "pa#ss", Set: true},
		{Name: "G"}, {Name: "H", Value: "first\nsecond", Set: true}, {Name: "exported", Value: "x", Set: true}, {Name: "I", Value: "a=b=$c", Set: true},
		{Name: "J", Set: true},
	}
	got, err := EnvFile(text)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("read %+v, %v\nwant %+v", got, err, want)
	}
}

func TestALineThatCannotBeReadIsNamedAndItsValueIsNot(t *testing.T) {
	for text, want := range map[string]string{
		"A=1\n\nhunter22":               "",
		"A=1\n\nhunter 22":              "line 3: it does not begin with the name of a variable",
		"=hunter22":                     "line 1: it does not begin",
		"A=\"hunter22\nand\nmore":       "line 1: the \" of A is never closed",
		"B=1\nA='hunter22' hunter22":    "line 2: something follows the closing quote of A",
		"export =hunter22":              "line 1: it does not begin",
		"B=1\nA=hunter22\x00hunter22\n": "line 2: A holds a zero byte",
	} {
		_, err := EnvFile(text)
		switch at := (LineError{}); {
		case want == "" && err != nil:
			t.Errorf("%q: %v", text, err)
		case want != "" && (!errors.As(err, &at) || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "hunter")):
			t.Errorf("%q: %v, want %q and no value", text, err, want)
		}
	}
}

func FuzzEnvFile(f *testing.F) {
	f.Add("A='b\n'")
	f.Add("export A=\"\\")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := EnvFile(text)
		for _, v := range all {
			if err != nil || v.Name == "" || LeadingName(v.Name) != v.Name {
				t.Errorf("%q was read as %+v, %v", text, v, err)
			}
		}
	})
}
