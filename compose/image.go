package compose

import (
	"slices"
	"strings"
)

// An image is a reference to one, taken apart.
type image struct {
	registry string // "" for Docker Hub
	name     string // without "library/": "postgres", "bitnami/postgresql"
	tag      string
	digest   string
	known    bool // nothing in it is a variable that is not set
}

// parseImage takes a reference apart as Docker does: a first part with a dot, a
// colon or "localhost" is a registry.
func parseImage(text string, known bool) image {
	i := image{known: known && text != ""}
	text, i.digest, _ = strings.Cut(text, "@")
	if colon := strings.LastIndexByte(text, ':'); colon > strings.LastIndexByte(text, '/') {
		text, i.tag = text[:colon], text[colon+1:]
	}
	if first, rest, ok := strings.Cut(text, "/"); ok && (strings.ContainsAny(first, ".:") || first == "localhost") {
		i.registry, text = first, rest
	}
	if i.registry == "docker.io" || i.registry == "index.docker.io" || i.registry == "registry-1.docker.io" {
		i.registry = ""
	}
	i.name = strings.TrimPrefix(text, "library/")
	return i
}

// moves says that the reference means another image tomorrow: no tag, or one
// that is put on whatever is newest.
func (i image) moves() bool {
	return i.known && i.digest == "" && (i.tag == "" || slices.Contains(movingTags(), i.tag))
}

func movingTags() []string {
	return []string{"latest", "edge", "nightly", "main", "master", "develop", "dev", "unstable", "canary", "rolling", "release", "stable", "mainline"}
}

// major is the version's first number, or 0 when the tag says none.
func (i image) major() int {
	n := 0
	for _, c := range strings.TrimPrefix(i.tag, "v") {
		if c < '0' || c > '9' || n > 1000 {
			break
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// versionless says that the tag leaves even the first number of the version
// open: none, "latest", "alpine".
func (i image) versionless() bool {
	return i.known && i.digest == "" && (i.tag == "" || !strings.ContainsAny(i.tag, "0123456789"))
}

// last is the last part of the name: what a copy in another registry keeps.
func (i image) last() string { return i.name[strings.LastIndexByte(i.name, '/')+1:] }
