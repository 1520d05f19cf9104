package source

import (
	"fmt"
	"strings"
	"testing"
)

const composed = `x-base: &base {restart: always, ports: ["80"]}
services:
  web:
    <<: *base
    depends_on: [db, cache]
  db:
    deploy:
      replicas: 2
`

func TestPlacesAreFoundByPath(t *testing.T) {
	d := Read(File{Name: "f", Text: []byte(composed)}, Kind{Meanings: Codes()})
	root := d.Root(d.Tree())
	for path, want := range map[string]string{
		"services":                    "2:1 whole",
		"services web":                "3:3 whole",
		"services web depends_on db":  "5:18 whole",
		"services web depends_on 1":   "5:22 whole",
		"services web depends_on 2":   "5:5",
		"services web restart":        "1:16 whole", // where it is written, though it is merged
		"services web ports 0":        "1:41 whole",
		"services db deploy replicas": "8:7 whole",
		"services db deploy mode":     "7:5",
		"services db image":           "6:3",
		"volumes":                     "1:1",
	} {
		at, whole := d.PlaceOf(root, strings.Fields(path)...)
		got := fmt.Sprintf("%d:%d", at.Line, at.Column)
		if whole {
			got += " whole"
		}
		if got != want {
			t.Errorf("%s stands at %s, want %s", path, got, want)
		}
	}
	if v, there := d.Find(root, "services", "db", "deploy", "replicas"); !there || v.String() != "2" {
		t.Errorf("replicas: %v, %q", there, v.String())
	}
	if _, there := d.Find(root, "services", "db", "image"); there {
		t.Error("found what is not there")
	}
	if problems := d.Sorted(); len(problems) > 0 {
		t.Errorf("looking is reported: %+v", problems)
	}
}

func TestATagIsKnownOrStrange(t *testing.T) {
	const text = "a: !reset null\nb: !!str 5\nc: !what 5\n"
	d := Read(File{Name: "f", Text: []byte(text)}, Kind{Meanings: Codes(), Tags: []string{"!reset", "!!str"}})
	root := d.Root(d.Tree())
	for key, want := range map[string]string{"a": "!reset", "b": "!!str"} {
		if v, _ := d.Find(root, key); v.Tag != want {
			t.Errorf("%s has the tag %q, want %q", key, v.Tag, want)
		}
	}
	if problems := d.Sorted(); len(problems) != 1 || problems[0].Code != StrangeTag || problems[0].Line != 3 {
		t.Errorf("problems: %+v", problems)
	}
}
