package main

import "testing"

func TestLitterIsBounded(t *testing.T) {
	for live, want := range map[uint64]int{0: 400, 4 << 20: 400, 8 << 20: 200, 16 << 20: 100, 1 << 30: 100} {
		if got := litterFor(live); got != want {
			t.Errorf("beside %d MiB that live lie %d %%, not %d", live>>20, got, want)
		}
	}
}
