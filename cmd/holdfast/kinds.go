package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"holdfast/diagnostic"
	"holdfast/kubernetes"
	"holdfast/source"
)

// A fileKind is a sort of file that check reads.
type fileKind struct {
	name   string // as --as has it
	is     func(source.File) bool
	review func(source.File, map[string]string, factsOf) reviewed
	begin  func(source.File, map[string]string) beginning // nil for our own
}

// A beginning is a holdfast.yaml for what a file of another kind runs. Without a
// text it says why there is none.
type beginning struct {
	text     string
	problems []diagnostic.Problem
	why      string
}

// fileKinds are all of them. A file is of the first kind that it is, and what is
// nothing else is ours, so that its mistakes are said in our words.
func fileKinds() []fileKind {
	return []fileKind{
		{name: "holdfast", is: namedAsOurs, review: reviewOwn},
		{name: "kubernetes", is: isKubernetes, review: reviewKubernetes, begin: beginFromKubernetes},
		{name: "compose", is: isCompose, review: reviewCompose, begin: beginFromCompose},
	}
}

// kindOf is the kind of a file, or the one that was asked for.
func kindOf(file source.File, as string) (fileKind, error) {
	all := fileKinds()
	own := slices.IndexFunc(all, func(k fileKind) bool { return k.name == "holdfast" })
	if as == "" {
		if i := slices.IndexFunc(all, func(k fileKind) bool { return k.is(file) }); i >= 0 {
			return all[i], nil
		}
		return all[own], nil
	}
	if i := slices.IndexFunc(all, func(k fileKind) bool { return k.name == as }); i >= 0 {
		return all[i], nil
	}
	return fileKind{}, exit(exitUsage, fmt.Errorf("%q is not a kind of file\n  next: %s", as, choice("--as", namesOf(all, fileKind.called))))
}

// namedAsOurs: holdfast.yaml, holdfast.staging.yml. Whatever stands in it, its
// owner means it to be ours.
func namedAsOurs(file source.File) bool {
	return named(file, "holdfast.y*ml", "holdfast.*.y*ml", "holdfast-*.y*ml")
}

// isKubernetes: objects say what they are at the top.
func isKubernetes(file source.File) bool { return kubernetes.Recognizes([]byte(file.Plain())) }

// isCompose: a file of its name, or services that are made of images.
func isCompose(file source.File) bool {
	return named(file, "compose*.y*ml", "docker-compose*.y*ml") || servesImages(file.Plain())
}

func named(file source.File, patterns ...string) bool {
	name := strings.ToLower(filepath.Base(file.Name))
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		is, err := filepath.Match(pattern, name)
		return err == nil && is
	})
}

// servesImages says that a text has services that are images. It looks at the
// lines and not at the tree: a file with a mistake in it has no tree, and its
// mistakes have to be said by the right reader.
func servesImages(text string) bool {
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		return servesImagesJSON(text)
	}
	var top string
	var depths []int // of the keys that a line is below, its own at the end
	for line := range strings.Lines(text) {
		line = strings.ReplaceAll(line, "\t", "        ") // which is not YAML, and no reason to misunderstand the rest
		indent := len(line) - len(strings.TrimLeft(line, " "))
		key, value, is := keyOf(line[indent:])
		if !is {
			continue
		}
		for len(depths) > 0 && depths[len(depths)-1] >= indent {
			depths = depths[:len(depths)-1]
		}
		if depths = append(depths, indent); indent == 0 {
			top = key
		}
		if top == "services" && (len(depths) == 3 && isContainer(key) || len(depths) < 3 && holdsContainer(value, 3-len(depths))) {
			return true
		}
	}
	return false
}

// keyOf is the key that a line begins with, and what follows it.
func keyOf(line string) (key, value string, is bool) {
	key, value, is = strings.Cut(strings.TrimRight(line, "\r\n"), ":")
	key = strings.Trim(strings.TrimSpace(key), `"'`)
	is = is && key != "" && !strings.ContainsAny(key, " \t#{}[]&*!|>") && (value == "" || value[0] == ' ' || value[0] == '\t')
	return key, value, is
}

func isContainer(key string) bool { return key == "image" || key == "build" }

// holdsContainer looks into a value in braces, at the keys that are in as many of
// them as those of a service.
func holdsContainer(value string, braces int) bool {
	if !strings.HasPrefix(strings.TrimSpace(value), "{") {
		return false
	}
	depth, quote := 0, rune(0)
	for i, c := range value {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
			continue
		case c == '"' || c == '\'':
			quote = c
		case c == '{':
			depth++
		case c == '}':
			depth--
		}
		if c == '{' || c == ',' {
			key, _, is := keyOf(strings.TrimSpace(value[i+1:]))
			if depth == braces && is && isContainer(key) {
				return true
			}
		}
	}
	return false
}

// servesImagesJSON: docker compose prints JSON, too.
func servesImagesJSON(text string) bool {
	var file struct {
		Services map[string]map[string]json.RawMessage `json:"services"`
	}
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&file); err != nil {
		return false
	}
	for _, service := range file.Services {
		if service["image"] != nil || service["build"] != nil {
			return true
		}
	}
	return false
}
