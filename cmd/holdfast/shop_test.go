package main

import (
	"slices"
	"strings"
	"testing"

	"holdfast"
	"holdfast/examples/shop"
	"holdfast/source"
	"holdfast/spec"
)

// The demo's story is told about its file: what it drills exists, at least twenty
// of it, with every kind of failure and every edge, and the lines it changes are
// there once.
func TestTheDemosStoryFitsItsFile(t *testing.T) {
	system, problems := spec.Read(source.File{Name: defaultFile, Text: []byte(shop.File), Dir: "/srv/shop"}, nil)
	if system == nil || len(problems) > 0 {
		t.Fatalf("the shop has problems: %v", problems)
	}
	kinds := map[holdfast.Kind]bool{}
	drilled := demoModes()
	for _, mode := range system.Modes {
		kinds[mode.Kind] = kinds[mode.Kind] || slices.Contains(drilled, string(mode.Name))
		if mode.Strikes.IsEdge() && mode.Name != "storefront/cart.loss" && !slices.Contains(drilled, string(mode.Name)) {
			t.Errorf("the demo does not drill %s", mode.Name)
		}
	}
	for kind, has := range kinds {
		if !has {
			t.Errorf("the demo drills no %s", kind)
		}
	}
	picked, err := pick(system.Modes, drilled)
	if err != nil || len(picked) < 20 || len(picked) != len(drilled) || drilled[len(drilled)-1] != demoFails {
		t.Errorf("%d of %d modes were picked: %v", len(picked), len(drilled), err)
	}
	if strings.Count(shop.File, demoBroken) != 1 {
		t.Errorf("what the demo changes is not in its file once:\n%s", demoBroken)
	}
	mended := strings.Replace(shop.File, demoBroken, demoFixed, 1)
	if system, problems := spec.Read(source.File{Name: defaultFile, Text: []byte(mended), Dir: "/srv/shop"}, nil); system == nil || len(problems) > 0 {
		t.Errorf("the mended shop has problems: %v", problems)
	}
}
