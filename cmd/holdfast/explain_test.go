package main

import (
	"slices"
	"strings"
	"testing"

	"holdfast/diagnostic"
	"holdfast/docs/problems"
)

// TestEveryCodeHasAPage, and every page a code: who adds one adds the other.
func TestEveryCodeHasAPage(t *testing.T) {
	all := slices.Concat(known()...)
	var codes []string
	for _, meaning := range all {
		code := string(meaning.Code)
		if slices.Contains(codes, code) {
			t.Errorf("%s has two meanings", code)
		}
		codes = append(codes, code)
		page, written := problems.Page(code)
		if want := "# " + code + ": " + meaning.Title; !written {
			t.Errorf("there is no docs/problems/%s.md; it begins with %q", code, want)
		} else if title, _, _ := strings.Cut(page, "\n"); title != want {
			t.Errorf("the page of %s begins with\n%q, want\n%q", code, title, want)
		}
	}
	for _, code := range problems.Codes() {
		if !slices.Contains(codes, code) {
			t.Errorf("docs/problems/%s.md is about a code that nobody reports", code)
		}
	}
}

func TestACodeIsFoundAsItIsTyped(t *testing.T) {
	all := []diagnostic.Meaning{{Code: "HF1001"}, {Code: "HF1211"}, {Code: "HF2104"}}
	for typed, want := range map[string]diagnostic.Code{"HF2104": "HF2104", "hf2104": "HF2104", "2104": "HF2104", " Hf1211 ": "HF1211"} {
		if got, err := meaningOf(all, typed); err != nil || got.Code != want {
			t.Errorf("%q is %q, %v; want %s", typed, got.Code, err, want)
		}
	}
	for typed, near := range map[string]diagnostic.Code{
		"HF2105": "HF2104", "2014": "HF2104", "HF210": "HF2104", "HF12111": "HF1211", "HG1001": "HF1001",
		"HF9999": "", "cart": "", "catalog.crash": "",
	} {
		_, err := meaningOf(all, typed)
		if err == nil {
			t.Errorf("%q was found", typed)
			continue
		}
		if suggests := strings.Contains(err.Error(), "did you mean"); suggests != (near != "") || !strings.Contains(err.Error(), string(near)) {
			t.Errorf("%q: %v; want %q to be suggested", typed, err, near)
		}
	}
}

func TestAPageOnATerminal(t *testing.T) {
	page := "# HF1: the title\n\n## What it says\n\nOne line,\n\n```yaml wrong\n# a comment\nname: shop\n```\n\n- and another.\n\n## Next\n\n```yaml\naccept: []\n```\n"
	want := "\x1b[1mHF1: the title\x1b[0m\n\n\x1b[1mWhat it says\x1b[0m\nOne line,\n\n    # wrong\n    # a comment\n    name: shop\n\n- and another.\n\n" +
		"\x1b[1mNext\x1b[0m\n    accept: []\n"
	if got := forTerminal(page); got != want {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}
