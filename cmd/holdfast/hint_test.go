package main

import (
	"testing"

	"holdfast/source"
	"holdfast/spec"
)

// Whoever starts a system is told in a line what alone can take it down, and
// nothing else of its design.
func TestUpSaysThatOneThingAloneTakesItDown(t *testing.T) {
	for text, want := range map[string]string{
		"name: shop\nowner: us\nservices:\n  web: {command: ./web, ports: [\"8080\"]}\n":                                           "the design has 1 problem: holdfast check holdfast.yaml says more\n",
		"name: shop\nowner: us\nservices:\n  web: {command: ./web, replicas: 2, ports: [\"8080\"], stateful: {promote: manual}}\n": "",
		"name: shop\nservices: 1\n": "",
	} {
		file := source.File{Name: "holdfast.yaml", Text: []byte(text), Dir: t.TempDir()}
		if got := designHint(file.Name, spec.Understand(file, nil)); got != want {
			t.Errorf("%q\nwant %q, of\n%s", got, want, text)
		}
	}
}
