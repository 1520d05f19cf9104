package cutset

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

// Every operation on families drawn at random is held to the same on lists of
// masks, in one diagram that remembers all before.
func TestOperationsAgainstListsOfMasks(t *testing.T) {
	chance := rand.New(rand.NewPCG(4, 11))
	d := newDiagram(budget{nodes: math.MaxInt, steps: math.MaxInt})
	for range 3000 {
		a, b := anyMasks(chance), anyMasks(chance)
		f, g := d.made(a), d.made(b)
		check := func(what string, got family, want []uint64) {
			if want := unabsorbed(want); !slices.Equal(d.masks(got, 0), sorted(want)) {
				t.Fatalf("%s of %b and %b is %b, want %b", what, a, b, d.masks(got, 0), want)
			}
		}
		check("union", d.union(f, g), slices.Concat(a, b))
		check("rest", d.unabsorbed(f, g), slices.DeleteFunc(slices.Clone(a), func(m uint64) bool {
			return slices.ContainsFunc(b, func(k uint64) bool { return k&^m == 0 })
		}))
		order := chance.IntN(8)
		product, cut := d.product(f, g, order)
		within, beyond := divided(unabsorbed(products(a, b)), order)
		check("product", product, within)
		if beyond && !cut {
			t.Fatalf("product of %b and %b: nothing is said to be cut off at order %d", a, b, order)
		}
		some, cut := d.upTo(f, order)
		within, beyond = divided(a, order)
		check("the short", some, within)
		if beyond != cut {
			t.Fatalf("of %b: cut off is %v at order %d", a, cut, order)
		}
	}
}

// anyMasks is a family over nine events: none, the empty set, or up to twelve.
func anyMasks(chance *rand.Rand) []uint64 {
	var all []uint64
	for range chance.IntN(13) {
		mask := chance.Uint64() & chance.Uint64() & 511
		if mask != 0 || chance.IntN(4) == 0 {
			all = append(all, mask)
		}
	}
	return unabsorbed(all)
}

func products(a, b []uint64) []uint64 {
	var all []uint64
	for _, m := range a {
		for _, k := range b {
			all = append(all, m|k)
		}
	}
	return all
}

// divided is the masks of at most so many events, and whether there are others.
func divided(masks []uint64, order int) (within []uint64, beyond bool) {
	for _, m := range masks {
		if bits.OnesCount64(m) <= order {
			within = append(within, m)
		} else {
			beyond = true
		}
	}
	return within, beyond
}

func sorted(masks []uint64) []uint64 {
	return slices.Sorted(slices.Values(masks))
}

func (d *diagram) made(masks []uint64) family {
	all := none
	for _, m := range masks {
		set := empty
		for event := int32(63); event >= 0; event-- {
			if m>>event&1 == 1 {
				set = d.join(event, none, set)
			}
		}
		all = d.union(all, set)
	}
	return all
}

func (d *diagram) masks(f family, above uint64) []uint64 {
	switch f {
	case none:
		return nil
	case empty:
		return []uint64{above}
	}
	v := d.vertices[f]
	return sorted(append(d.masks(v.without, above), d.masks(v.with, above|1<<v.event)...))
}

// A chain of 65,536 is crossed in at most three times its logarithm.
func TestAPlaceOnAChainIsFoundInLogarithmicTime(t *testing.T) {
	const length = 1 << 16
	d := newDiagram(budget{nodes: math.MaxInt, steps: math.MaxInt})
	chain := none
	for event := int32(length - 1); event >= 0; event-- {
		chain = d.union(d.single(event), chain)
	}
	for event := int32(0); event < length; event += 97 {
		hops := 0
		for f := chain; d.vertices[f].event < event; hops++ {
			if far := d.vertices[f].far; d.vertices[far].event <= event {
				f = far
			} else {
				f = d.vertices[f].without
			}
		}
		if found := d.from(chain, event); d.vertices[found].event != event || hops > 3*16 {
			t.Fatalf("event %d is found at %d in %d hops", event, d.vertices[found].event, hops)
		}
	}
}
