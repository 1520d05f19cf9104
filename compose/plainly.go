package compose

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/schema"

	"holdfast/diagnostic"
)

// plainly is what the library says, without its paths and its inside.
func plainly(message string) string {
	message = strings.TrimPrefix(message, "validating "+asked+": ")
	message = strings.TrimPrefix(message, "decoding failed due to the following error(s):")
	message, _, _ = strings.Cut(strings.TrimSpace(message), "\n")
	for _, prefix := range []string{"error while interpolating ", "failed to cast to expected type: "} {
		message = strings.ReplaceAll(message, prefix, "")
	}
	message = inside().ReplaceAllString(message, "")
	for _, known := range said() {
		if strings.Contains(message, known.library) {
			return known.plain
		}
	}
	message = strings.TrimSpace(strings.TrimLeft(message, ": "))
	if message == "" {
		return "it cannot be read"
	}
	return diagnostic.Shown(message)
}

// inside matches paths, and names of functions of the library's language.
func inside() *regexp.Regexp {
	return regexp.MustCompile(`'?\b(services|networks|volumes|secrets|configs|models)[.\[][^\s':]+'?:?|strconv\.\w+: `)
}

// known is something the library says, what that means and what to do next.
type known struct{ library, plain, help string }

func said() []known {
	const duration, size = "write it with a unit, as in `30s` or `1m30s`", "write it with a unit, as in `512m` or `2g`"
	return []known{
		{library: "must be a mapping", plain: "a mapping belongs here", help: "write its keys below it, indented"},
		{library: "must be a string", plain: "a text belongs here", help: "put quotes around it; a duration needs a unit, as in `30s`"},
		{library: "in duration", plain: "this is no duration", help: duration},
		{library: "invalid duration", plain: "this is no duration", help: duration},
		{library: "invalid suffix", plain: "this is no amount of memory", help: size},
		{library: "invalid size", plain: "this is no amount of memory", help: size},
		{library: "parsing \"", plain: "a number belongs here", help: "write a number"},
		{library: "invalid boolean", plain: "`true` or `false` belongs here", help: "write `true` or `false`"},
		{library: "nvalid containerPort", plain: "this is no port", help: portHelp},
		{library: "nvalid hostPort", plain: "this is no port", help: portHelp},
		{library: "nvalid ip address", plain: "this is no address of the host", help: portHelp},
		{library: "o port specified", plain: "the port is missing", help: portHelp},
		{library: "nvalid ranges specified", plain: "the two ranges of ports are of different lengths", help: "make both the same length, as in `\"8000-8010:80-90\"`"},
		{library: "too many colons", plain: "there are too many colons", help: "write `SOURCE:TARGET` or `SOURCE:TARGET:ro`"},
		{library: "items at", plain: "something is listed twice", help: "remove one of them"},
		{library: "must be a boolean, null", plain: "one value belongs here", help: "write one word or number, in quotes if it has blanks"},
		{library: "unexpected type", plain: "a value of this kind does not belong here", help: "write one text, in quotes"},
	}
}

const portHelp = "write `\"HOST:CONTAINER\"`, as in `\"8080:80\"` or `\"127.0.0.1:8080:80\"`"

// remedy is the next step for what Compose refuses.
func remedy(at *node, message string) string {
	if _, listed, found := strings.Cut(message, "value must be one of "); found {
		words := strings.Split(strings.ReplaceAll(listed, "'", ""), ", ")
		return diagnostic.DidYouMean("", closest(at.text, words), "write one of "+diagnostic.Ticks(words))
	}
	for _, known := range said() {
		if strings.Contains(message, known.library) {
			return known.help
		}
	}
	return "look it up in the Compose file reference: https://docs.docker.com/reference/compose-file/"
}

// closest also finds a word that lacks its beginning: healthy for service_healthy.
func closest(text string, words []string) string {
	for _, word := range words {
		if text != "" && strings.HasSuffix(word, "_"+text) {
			return word
		}
	}
	return diagnostic.Nearest(text, words)
}

// knownKeys are the keys that Compose knows at a path, by its own schema. It is
// asked for only when a key is wrong.
func knownKeys(path []string) []string {
	var root map[string]any
	if json.Unmarshal([]byte(schema.Schema), &root) != nil {
		return nil
	}
	at := []map[string]any{root}
	for _, key := range path {
		var next []map[string]any
		for _, s := range expand(root, at, 0) {
			next = append(next, below(s, key)...)
		}
		at = next
	}
	found := map[string]bool{}
	for _, s := range expand(root, at, 0) {
		properties, _ := s["properties"].(map[string]any)
		for key := range properties {
			found[key] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// expand replaces schemas by those they refer to or consist of.
func expand(root map[string]any, all []map[string]any, depth int) []map[string]any {
	var out []map[string]any
	for _, s := range all {
		out = append(out, s)
		if depth > 8 {
			continue
		}
		var parts []map[string]any
		if ref, ok := s["$ref"].(string); ok {
			definitions, _ := root["$defs"].(map[string]any)
			if found, ok := definitions[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any); ok {
				parts = append(parts, found)
			}
		}
		for _, kind := range []string{"allOf", "anyOf", "oneOf"} {
			list, _ := s[kind].([]any)
			for _, one := range list {
				if found, ok := one.(map[string]any); ok {
					parts = append(parts, found)
				}
			}
		}
		out = append(out, expand(root, parts, depth+1)...)
	}
	return out
}

// below are the schemas of what stands under a key, or of the items of a list.
func below(s map[string]any, key string) []map[string]any {
	var all []map[string]any
	add := func(one any) {
		if found, ok := one.(map[string]any); ok {
			all = append(all, found)
		}
	}
	if key == "" {
		add(s["items"])
		return all
	}
	properties, _ := s["properties"].(map[string]any)
	add(properties[key])
	patterns, _ := s["patternProperties"].(map[string]any)
	for pattern, one := range patterns {
		if !strings.HasPrefix(pattern, "^x-") && len(all) == 0 {
			add(one)
		}
	}
	if len(all) == 0 {
		add(s["additionalProperties"])
	}
	return all
}
