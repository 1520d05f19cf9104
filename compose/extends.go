package compose

import (
	"fmt"
	"slices"

	"holdfast/diagnostic"
	"holdfast/source"
)

// followExtends looks at `extends` before Compose's reader does, which would
// open other files, and which reports a circle without a place. What cannot be
// followed is left out.
func (f *file) followExtends() {
	services := f.root.named["services"]
	if services == nil {
		return
	}
	copied := 0
	for _, s := range services.kids {
		f.followOne(s, services)
		for _, base := range f.bases(s) {
			copied += base.size
		}
		if extends := s.named["extends"]; copied > maxExtended && extends != nil && !extends.left {
			extends.left = true
			f.document.Report(extends.at, diagnostic.Problem{Code: source.AliasBomb, Message: fmt.Sprintf("`extends` copies more than %d values", maxExtended), Label: "given up here", Help: "extend smaller services"})
		}
	}
}

func (f *file) followOne(s, services *node) {
	extends := s.named["extends"]
	if extends == nil || extends.left {
		return
	}
	name := extends
	if extends.isMapping() {
		if other := extends.named["file"]; other != nil {
			extends.left = true
			f.elsewhere = append(f.elsewhere, fmt.Sprintf("%s: what `%s` extends stands in %s, which is not read", extends.at, diagnostic.Shown(s.key), diagnostic.Tick(other.raw)))
			return
		}
		if name = extends.named["service"]; name == nil {
			return
		}
	}
	switch base := services.named[name.text]; {
	case name.vague:
		extends.left = true
	case base == nil:
		extends.left = true
		f.document.Report(name.value.At, diagnostic.Problem{
			Code: undefined, Message: "`extends` names " + diagnostic.Tick(name.text) + ", and there is no such service", Of: s.key,
			Help: diagnostic.DidYouMean("", diagnostic.Nearest(name.text, keys(services)), "the services are "+diagnostic.Ticks(keys(services))),
		})
	case slices.Contains(f.bases(s), s):
		extends.left = true
		f.document.Report(name.value.At, diagnostic.Problem{Code: circle, Of: s.key, Message: diagnostic.Tick(s.key) + " extends itself, through " + diagnostic.Tick(name.text), Help: "put what both have in common in a service that extends neither"})
	}
}

// bases are what a service extends in this file, nearest first. In a circle each
// comes once.
func (f *file) bases(s *node) []*node {
	services := f.root.named["services"]
	var all []*node
	for {
		extends := s.named["extends"]
		if extends == nil || extends.left {
			return all
		}
		name := extends.text
		if service := extends.named["service"]; service != nil {
			name = service.text
		}
		base := services.named[name]
		if base == nil || slices.Contains(all, base) {
			return all
		}
		all, s = append(all, base), base
	}
}

func keys(n *node) []string {
	var all []string
	for _, kid := range n.kids {
		all = append(all, kid.key)
	}
	return all
}
