package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/source"
)

func TestAFileIsKnownByWhatStandsInIt(t *testing.T) {
	const objects, images = "kubernetes", "compose"
	for _, c := range []struct{ name, text, want string }{
		{name: "f.yaml", text: "apiVersion: v1\nkind: List\nitems: []\n", want: objects},
		{name: "f.yaml", text: "# made by hand\n---\nkind: \"Service\"\n\"apiVersion\": v1\n---\nkind: Pod\n", want: objects},
		{name: "compose.yaml", text: "apiVersion: v1\r\nkind: List\r\n", want: objects},
		{name: "stdin", text: "{\n    \"apiVersion\": \"v1\",\n    \"items\": [],\n    \"kind\": \"List\"\n}\n", want: objects},
		{name: "stdin", text: "apiVersion: v1\nkind: [\n", want: objects},
		{name: "f.yaml", text: "kind: x\nx-k8s:\n  apiVersion: v1\n"},
		{name: "stack.yml", text: "services:\n  web:\n    image: nginx\n", want: images},
		{name: "stack.yml", text: "name: x\nservices:\n\n  # the web\n  web:\n      ports: [\"80\"]\n      build: .\n", want: images},
		{name: "stack.yml", text: "services:\r\n  web:\r\n    build: web\r\n", want: images},
		{name: "stack.yml", text: "services:\n  nginx-proxy:\n    build: nginx\n", want: images},
		{name: "stack.yml", text: "services: {web-1: {x-a: 1, image: nginx}}\n", want: images},
		{name: "f.yaml", text: "services:\n  web:\n    ports:\n    - image: x\n    -image: x\n", want: ""},
		{name: "stack.yml", text: "services:\n  web: {restart: always, image: nginx}\n", want: images},
		{name: "stack.yml", text: "services: {web: {image: nginx}}\n", want: images},
		{name: "stack.yml", text: "services:\n  web:\n\timage: nginx\n  db:\n    image: \"postgres\n", want: images},
		{name: "stdin", text: `{"name":"x","services":{"web":{"image":"nginx"}}}`, want: images},
		{name: "/srv/compose.yaml", text: "", want: images},
		{name: "docker-compose.override.yml", text: "services: {web: {command: x}}", want: images},
		{name: "Docker-Compose.YML", text: "services: {}", want: images},
		{name: "f.yaml", text: "services:\n  image:\n    command: ./image\n  build: {command: ./build}\n"},
		{name: "f.yaml", text: "services:\n  web:\n    command: ./web\n    environment:\n      image: x\n    ports: [\"1\"]\nimage: y\n"},
		{name: "f.yaml", text: "x-old:\n  web:\n    image: nginx\nservices:\n  web: {command: ./web, x-note: \"{image: a}\"}\n"},
		{name: "f.yaml", text: "services:\n  web: {command: ./web, environment: {image: x}, inputs: [build: x]}\n"},
		{name: "f.yaml", text: "services: {image: {command: ./web}, 'build': {command: it's}}\n"},
		{name: "f.yaml", text: "{services: "},
		{name: "f.yaml", text: `{"services":["image"]}`},
		{name: "f.yaml", text: "\x00\xff\xfe:"},
		{name: "f.yaml", text: ""},
	} {
		file := source.File{Name: c.name, Text: []byte(c.text)}
		got := ""
		switch {
		case isKubernetes(file):
			got = objects
		case isCompose(file):
			got = images
		}
		if got != c.want {
			t.Errorf("%s is %q, want %q:\n%s", c.name, got, c.want, c.text)
		}
	}
}

// Whoever calls a file holdfast.yaml means it to be one.
func TestAFileIsOursByItsName(t *testing.T) {
	for name, want := range map[string]bool{
		"holdfast.yaml": true, "a/b/holdfast.yml": true, "holdfast.staging.yaml": true, "holdfast-eu.yaml": true, "Holdfast.yaml": true,
		"holdfasts.yaml": false, "compose.yaml": false, "stdin": false, "holdfast.yaml.orig": false,
	} {
		if namedAsOurs(source.File{Name: name}) != want {
			t.Errorf("%s: want %v", name, want)
		}
		kind, err := kindOf(source.File{Name: name, Text: []byte("name: shop\nservices: {web: {command: ./web}}\n")}, "")
		if err != nil || want && kind.name != "holdfast" {
			t.Errorf("%s is of kind %q: %v", name, kind.name, err)
		}
	}
	if kind, err := kindOf(source.File{Name: "compose.yaml"}, "holdfast"); err != nil || kind.name != "holdfast" {
		t.Errorf("--as holdfast is %q, %v", kind.name, err)
	}
	if _, err := kindOf(source.File{}, "helm"); err == nil || !strings.Contains(err.Error(), "--as holdfast") {
		t.Errorf("--as helm: %v", err)
	}
}

// No example of ours is taken for something else.
func TestOurExamplesAreOurs(t *testing.T) {
	paths, err := filepath.Glob("../../spec/testdata/*.yaml")
	if err != nil || len(paths) < 30 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file := source.File{Name: "stdin", Text: text}
		if isKubernetes(file) || isCompose(file) && !strings.HasSuffix(path, "unknown-keys.yaml") {
			t.Errorf("%s is taken for another kind", path)
		}
	}
}

// The name of a file is a stranger's, too, when its pull request is checked.
func TestANameThatATerminalOrGitHubWouldObeyIsRefused(t *testing.T) {
	for name, want := range map[string]bool{
		"a\n::error::b.yaml": true, "a\r.yaml": true, "a\x1b[2J.yaml": true, "a\u202eb.yaml": true, "a\u2028b.yaml": true,
		"é/日本語 2.yaml": false, "a\u00a0b.yaml": false, "a,b:c%.yaml": false,
	} {
		_, err := fileToCheck(name, nil, io.Discard)
		refused := err != nil && strings.Contains(err.Error(), "cannot be shown")
		if refused != want || refused && strings.ContainsAny(strings.TrimSuffix(err.Error(), "\n  next: rename it"), "\n\r\x1b\u202e\u2028") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
