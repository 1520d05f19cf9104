package problems_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"holdfast/check"
	"holdfast/compose"
	"holdfast/diagnostic"
	"holdfast/docs/problems"
	"holdfast/kubernetes"
	"holdfast/source"
	"holdfast/spec"

	"github.com/goccy/go-yaml"
)

// The bounds of a page: a screen and a half, of lines that few terminals break.
const (
	maxLines = 40
	maxWidth = 110
)

func sections() []string {
	return []string{"What it says", "Why it hurts", "How to mend it", "How to accept it"}
}

func eachPage(t *testing.T, look func(t *testing.T, code, page string)) {
	t.Helper()
	if len(problems.Codes()) == 0 {
		t.Fatal("there are no pages")
	}
	for _, code := range problems.Codes() {
		t.Run(code, func(t *testing.T) {
			page, exists := problems.Page(code)
			if !exists {
				t.Fatal("it is listed and has no page")
			}
			look(t, code, page)
		})
	}
}

func TestCodesAreListedInOrder(t *testing.T) {
	codes := problems.Codes()
	if !slices.IsSorted(codes) {
		t.Errorf("not in order: %v", codes)
	}
	for _, code := range codes {
		if !regexp.MustCompile(`^HF\d{4}$`).MatchString(code) {
			t.Errorf("%s.md is named after no code", code)
		}
	}
	for _, unknown := range []string{"", "HF0000", "../../README", "hf1001"} {
		if _, exists := problems.Page(unknown); exists {
			t.Errorf("%q has a page", unknown)
		}
	}
}

func TestEveryPageHasItsForm(t *testing.T) {
	eachPage(t, func(t *testing.T, code, page string) {
		title, rest, _ := strings.Cut(page, "\n")
		if words := strings.TrimPrefix(title, "# "+code+": "); words == title || words == "" {
			t.Errorf("it begins with %q, want \"# %s: \" and its title", title, code)
		}
		lines := strings.Split(strings.TrimSuffix(rest, "\n"), "\n")
		if len(lines) >= maxLines {
			t.Errorf("it has %d lines, want at most %d", len(lines)+1, maxLines)
		}
		for _, line := range lines {
			if utf8.RuneCountInString(line) > maxWidth || strings.TrimRight(line, " \t") != line {
				t.Errorf("over %d characters, or blanks at the end: %q", maxWidth, line)
			}
		}
		parts := strings.Split(rest, "\n## ")
		if strings.TrimSpace(parts[0]) != "" {
			t.Errorf("before its first section it says %q", parts[0])
		}
		var names []string
		for _, part := range parts[1:] {
			name, text, _ := strings.Cut(part, "\n")
			names = append(names, name)
			if strings.TrimSpace(text) == "" {
				t.Errorf("under %q it says nothing", name)
			}
		}
		if !slices.Equal(names, sections()) {
			t.Errorf("its sections are %q, want %q", names, sections())
		}
	})
}

// TestWhatCannotBeAcceptedSaysSo: an error keeps the file from being used, and no
// line of the file changes that.
func TestWhatCannotBeAcceptedSaysSo(t *testing.T) {
	for _, meaning := range append(spec.Codes(), diagnostic.AcceptanceCodes()...) {
		page, _ := problems.Page(string(meaning.Code))
		_, accept, _ := strings.Cut(page, "\n## How to accept it\n")
		cannot := strings.Contains(accept, "It cannot be accepted: ")
		if can := strings.Contains(accept, "\naccept:\n"); can == cannot {
			t.Errorf("%s does not say whether it can be accepted", meaning.Code)
		}
		if meaning.Severity == diagnostic.Error && !cannot {
			t.Errorf("%s is an error and says that it can be accepted", meaning.Code)
		}
	}
	for _, meaning := range compose.Codes() {
		page, _ := problems.Page(string(meaning.Code))
		cannot := strings.Contains(page, "\nIt cannot be accepted: ")
		if can := strings.Contains(page, "\nx-holdfast:\n  accept:\n"); can == cannot || cannot != (meaning.Code < "HF311") {
			t.Errorf("%s: what Compose refuses cannot be accepted, and everything else can: the page does not say so", meaning.Code)
		}
	}
}

// A family of codes is about one kind of file. Whole tells a file of that kind
// from a piece of one; found are the codes that it has, and whether it can be
// used all the same; accepted are those that it has and accepts, nil where files
// of that kind cannot.
type family struct {
	prefix   string
	whole    func(text string) bool
	found    func(text string) (codes []string, usable bool)
	accepted func(text string) (codes []string)
}

func families() []family {
	return []family{
		{prefix: "HF1", whole: isSystem, found: found, accepted: accepted},
		{prefix: "HF2109", whole: isSystem, found: foundByPairs, accepted: accepted},
		{prefix: "HF2", whole: isSystem, found: found, accepted: accepted},
		{prefix: "HF31", whole: isCompose, found: foundByCompose},
		{prefix: "HF32", whole: isObjects, found: foundInObjects},
	}
}

func isCompose(text string) bool { return strings.Contains("\n"+text, "\nservices:\n") }

func foundByCompose(text string) ([]string, bool) {
	return codesOf(compose.Review(source.File{Name: "compose.yaml", Text: []byte(text), Dir: "/srv/shop"}, nil))
}

// isObjects tells Kubernetes objects. A piece of one does not say of what API it is.
func isObjects(text string) bool {
	return strings.HasPrefix(strings.TrimPrefix(text, "{"), "apiVersion:")
}

func foundInObjects(text string) ([]string, bool) {
	return codesOf(kubernetes.Review(source.File{Name: "objects.yaml", Text: []byte(text)}))
}

func codesOf(review diagnostic.Review) ([]string, bool) {
	var codes []string
	for _, problem := range review.Problems {
		codes = append(codes, string(problem.Code))
	}
	return codes, review.Usable()
}

func isSystem(text string) bool { return strings.HasPrefix(text, "name:") }

func found(text string) ([]string, bool) { return foundWith(text, false) }

// foundByPairs also asks for what is said on request only.
func foundByPairs(text string) ([]string, bool) { return foundWith(text, true) }

func foundWith(text string, pairs bool) ([]string, bool) {
	left, usable := judgedWhole(text, pairs)
	var codes []string
	for _, problem := range left.Problems {
		codes = append(codes, string(problem.Code))
	}
	return codes, usable
}

func accepted(text string) []string {
	left, _ := judgedWhole(text, false)
	var codes []string
	for _, a := range left.Accepted {
		codes = append(codes, string(a.Problem.Code))
	}
	return codes
}

// judgedWhole is what is left of a file and of the system that it describes. The
// files of its fallbacks are not there, and nothing is known of its drills.
func judgedWhole(text string, pairs bool) (left diagnostic.Judgement, usable bool) {
	reading := spec.Understand(source.File{Name: "holdfast.yaml", Text: []byte(text), Dir: "/srv/shop"}, nil)
	review := diagnostic.Review{Problems: reading.Problems, Accepted: reading.Accepted}
	if reading.System != nil {
		facts := check.Facts{Missing: map[string]string{}, Pairs: pairs, Today: pagesAreTrue()}
		for _, service := range reading.System.Services {
			for _, dependency := range service.DependsOn {
				if f := dependency.Fallback; f != nil && f.File != "" {
					facts.Missing[f.File] = "there is no such file"
				}
			}
		}
		for _, c := range reading.System.Gateway.TLS {
			facts.Missing[c.Chain], facts.Missing[c.Key] = "there is no such file", "there is no such file"
		}
		findings, _ := check.Judge(reading.System, facts)
		review.Problems = append(review.Problems, check.Problems(findings, "holdfast.yaml", reading.PlaceOf)...)
	}
	return judgedToday(review, append(spec.Codes(), check.Codes()...)), reading.System != nil
}

// judgedToday is what is left of a review on the day on which the pages are true.
func judgedToday(review diagnostic.Review, known []diagnostic.Meaning) diagnostic.Judgement {
	return diagnostic.Accept(review, pagesAreTrue(), append(known, diagnostic.AcceptanceCodes()...))
}

func pagesAreTrue() time.Time { return time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC) }

func TestExamplesAreWhatTheySay(t *testing.T) {
	eachPage(t, func(t *testing.T, code, page string) {
		of := slices.IndexFunc(families(), func(f family) bool { return strings.HasPrefix(code, f.prefix) })
		if of < 0 {
			t.Fatal("families does not say how its examples are read")
		}
		for _, e := range examples(t, page) {
			e.hold(t, code, families()[of])
		}
	})
}

// An example is a fence: what stands behind its opening, and its text.
type example struct{ kind, text string }

func examples(t *testing.T, page string) []example {
	t.Helper()
	parts := strings.Split("\n"+page, "\n```")
	if len(parts)%2 == 0 {
		t.Fatal("a fence is never closed")
	}
	var all []example
	for i := 1; i < len(parts); i += 2 {
		kind, text, _ := strings.Cut(parts[i], "\n")
		all = append(all, example{kind: kind, text: text + "\n"})
	}
	return all
}

func (e example) hold(t *testing.T, code string, f family) {
	t.Helper()
	switch {
	case e.kind == "sh" || e.kind == "text":
	case e.kind == "yaml wrong" && !f.whole(e.text):
		t.Errorf("what is wrong is no whole file, so nobody can tell:\n%s", e.text)
	case e.kind == "yaml wrong":
		if codes, _ := f.found(e.text); !slices.Contains(codes, code) {
			t.Errorf("this has %v, and not %s:\n%s", codes, code, e.text)
		}
	case e.kind == "yaml accepted" && (f.accepted == nil || !f.whole(e.text)):
		t.Errorf("nobody can tell whether this is accepted:\n%s", e.text)
	case e.kind == "yaml accepted":
		if codes, usable := f.found(e.text); !usable || len(codes) > 0 || !slices.Equal(f.accepted(e.text), []string{code}) {
			t.Errorf("this accepts %v and leaves %v, want it to accept %s:\n%s", f.accepted(e.text), codes, code, e.text)
		}
	case e.kind == "yaml right" && f.whole(e.text):
		if codes, usable := f.found(e.text); !usable || slices.Contains(codes, code) {
			t.Errorf("this is to be right, and has %v:\n%s", codes, e.text)
		}
	case e.kind == "yaml right" || e.kind == "yaml":
		e.holdPiece(t, code)
	default:
		t.Errorf("a fence is %q: want yaml, yaml wrong, yaml right, yaml accepted, sh or text", e.kind)
	}
}

// An acceptance is an entry of accept.
type acceptance struct{ Code, Of, Owner, Reason, Until string }

// ofTheWhole says that a code is reported of the system, so that its acceptance
// names nothing in it.
func ofTheWhole(code string) bool {
	return slices.Contains([]string{"HF2406", "HF2407", "HF2408", "HF2509", "HF2511"}, code) || strings.HasPrefix(code, "HF314")
}

func (e example) holdPiece(t *testing.T, code string) {
	t.Helper()
	var piece struct {
		Accept    []acceptance
		XHoldfast struct{ Accept []acceptance } `yaml:"x-holdfast"`
	}
	if err := yaml.Unmarshal([]byte(e.text), &piece); err != nil {
		t.Errorf("this is not YAML: %v\n%s", err, e.text)
	}
	if strings.HasPrefix(e.text, "accept:") && len(piece.Accept) == 0 {
		t.Errorf("this accepts nothing:\n%s", e.text)
	}
	for _, a := range append(piece.Accept, piece.XHoldfast.Accept...) {
		if a.Code != code || (a.Of == "") != ofTheWhole(code) || a.Owner == "" || a.Reason == "" || a.Until == "" {
			t.Errorf("this does not accept %s, or leaves something out:\n%s", code, e.text)
		}
	}
}
