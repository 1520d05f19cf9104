package compose

import (
	"context"
	"fmt"
	"strings"

	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"

	"holdfast"
)

// Compose's reader stops at the first mistake, and is asked again without what
// it refused: at most so often, since a person mends ten and reads again, and
// less often of a large file.
const (
	mostRounds = 20
	mostWork   = 60_000 // values times rounds
)

// load asks Compose's reader for what it understands. What it refuses is
// reported, left out, and the rest is asked for again, so that all mistakes are
// seen in one pass. It returns nil when nothing is left to ask for.
func (f *file) load() *types.Project {
	for range max(3, min(mostRounds, mostWork/f.root.size)) {
		project, err := ask(f.root.plain(), false)
		if err == nil {
			return project
		}
		if !f.refuse(err) {
			return nil
		}
	}
	f.elsewhere = append(f.elsewhere, "what else Compose refuses: mend what is said here, and check the file again")
	return nil
}

const errUnreadable = holdfast.Refusal("Compose does not understand this")

// ask is one question to Compose's reader. It reads no file and starts nothing:
// what would is switched off or is not in the tree. Its check whether everything
// fits together is not used: it stops at the first mistake, in no order, and its
// search for circles takes time that doubles with each layer of services.
// Asked about a part alone, it does not look for what that extends. Should it
// panic, that is a file which cannot be read, and not the end of the program that
// asked.
func ask(tree any, alone bool) (project *types.Project, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			project, err = nil, errUnreadable
		}
	}()
	config, ok := tree.(map[string]any)
	if !ok {
		return nil, errUnreadable
	}
	details := types.ConfigDetails{Environment: map[string]string{}, ConfigFiles: []types.ConfigFile{{Filename: asked, Config: config}}}
	return loader.LoadWithContext(context.Background(), details, func(o *loader.Options) {
		o.SetProjectName("holdfast", true)
		o.ResolvePaths = false
		o.SkipInclude = true
		o.SkipExtends = alone
		o.SkipConsistencyCheck = true
		o.SkipResolveEnvironment = true
		o.SkipResolveLabels = true
		o.Profiles = []string{"*"}
		o.Interpolate.Substitute = func(text string, _ template.Mapping) (string, error) { return text, nil }
		o.Interpolate.TypeCastMapping = quiet(o.Interpolate.TypeCastMapping)
	})
}

// asked is the name of the file in a question, by which it is found again in
// messages.
const asked = "compose.yaml"

// quiet makes casts of the library say nothing on standard error, where it
// complains of the old words for true and false.
func quiet[P comparable](casts map[P]interpolation.Cast) map[P]interpolation.Cast {
	all := map[P]interpolation.Cast{}
	for path, cast := range casts {
		all[path] = func(text string) (any, error) {
			if _, truth := must(cast("true")).(bool); truth {
				switch strings.ToLower(text) {
				case "y", "yes", "on":
					text = "true"
				case "n", "no", "off":
					text = "false"
				}
			}
			return cast(text)
		}
	}
	return all
}

func must(value any, _ error) any { return value }

// trim leaves out what Compose's reader should not be asked about: keys that are
// free, what would be read from other files, and ranges of ports that would
// become too many.
func (f *file) trim() {
	ports := 0
	for _, kid := range f.root.kids {
		switch {
		case strings.HasPrefix(kid.key, "x-") || kid.key == "version":
			kid.left = true
		case kid.key == "include" || kid.key == "jobs":
			kid.left = true
			f.elsewhere = append(f.elsewhere, fmt.Sprintf("%s: `%s` is not read", kid.at, kid.key))
		case kid.key == "volumes" || kid.key == "networks" || kid.key == "secrets" || kid.key == "configs":
			f.trimExternal(kid)
		case kid.key == "services":
			for _, s := range kid.kids {
				ports = f.trimPorts(s, ports)
			}
		}
	}
}

// trimExternal writes `external: {name: x}`, an old form, as it is written now.
// The library would understand it too, and complain on standard error.
func (f *file) trimExternal(of *node) {
	for _, kid := range of.kids {
		if old := kid.named["external"]; old != nil && old.isMapping() {
			for _, e := range old.kids {
				e.left = true
			}
			old.value.Node, old.text, old.raw = nil, "true", ""
		}
	}
}

func (f *file) trimPorts(of *node, ports int) int {
	list := of.named["ports"]
	if list == nil {
		return ports
	}
	for _, kid := range list.kids {
		if ports += spread(kid.text); ports > maxPorts {
			kid.left = true
			f.elsewhere = append(f.elsewhere, fmt.Sprintf("%s: the ports are more than %d and were not looked at", kid.at, maxPorts))
		}
	}
	return ports
}
