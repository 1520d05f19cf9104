package spec

import (
	"slices"
	"testing"

	"holdfast"
	"holdfast/source"
)

// A mode that costs more than it shows by default is there where it is named, and
// may be named with nothing more to say.
func TestOverloadIsThereWhereTheFileNamesIt(t *testing.T) {
	for written, want := range map[string]bool{
		"": false,
		"failure_modes: {slow: {bounds: {detect: 9s}}}": false,
		"failure_modes: {overload: {}}":                 true,
		"failure_modes: {overload: {remedies: []}}":     true,
	} {
		system := readModesOf(t, written)
		has := slices.ContainsFunc(system.Modes, func(m holdfast.FailureMode) bool { return m.Name == "web.overload" })
		if has != want {
			t.Errorf("%q: it has overload: %v", written, has)
		}
	}
}

// To shed is no remedy of what strikes one replica.
func TestNothingElseIsMendedByShedding(t *testing.T) {
	text := "name: shop\nowner: us\nservices:\n  web: {command: ./web, failure_modes: {slow: {remedies: [shed]}}}\n"
	if _, problems := Read(source.File{Name: "holdfast.yaml", Text: []byte(text), Dir: "/srv"}, nil); len(problems) == 0 {
		t.Error("it is taken for one")
	}
	if _, problems := Read(source.File{Name: "holdfast.yaml", Text: []byte("name: shop\nowner: us\nservices:\n  web: {command: ./web, protocol: tcp, failure_modes: {overload: {}}}\n"), Dir: "/srv"}, nil); len(problems) == 0 {
		t.Error("what speaks no HTTP is flooded")
	}
}

func readModesOf(t *testing.T, written string) *holdfast.System {
	t.Helper()
	text := "name: shop\nowner: us\nservices:\n  web: {command: ./web, replicas: 2"
	if written != "" {
		text += ", " + written
	}
	file := source.File{Name: "holdfast.yaml", Text: []byte(text + "}\n"), Dir: "/srv/shop"}
	system, problems := Read(file, nil)
	if system == nil {
		t.Fatalf("%s\n%s", written, file.Show(problems, false))
	}
	return system
}
