package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/cutset"
)

const (
	mostTime = time.Minute
	mostHeap = 4 << 30
)

// published are the models of the Aralia collection that are coherent, and their
// minimal cut sets of up to two, three and four events. The models are CC0, from
// github.com/openpra-org/generic-openpsa-models, models/Aralia. The counts were
// made by another program than this one, and meet those of SCRAM's tests and of
// complete searches where there are any: baobab1, chinese, das9207.
func published() map[string][3]int {
	return map[string][3]int{
		"baobab1":  {1, 2, 72},
		"baobab3":  {22, 124, 388},
		"chinese":  {12, 12, 36},
		"das9201":  {82, 9822, 12703},
		"das9203":  {7, 735, 4320},
		"das9205":  {0, 0, 0},
		"das9207":  {1277, 12082, 25988},
		"das9209":  {0, 0, 0},
		"edf9202":  {1950, 5270, 13870},
		"edf9204":  {6466, 137062, 423002},
		"edfpa14b": {1446, 112798, 995038},
		"edfpa14p": {263, 1779, 7903},
		"edfpa15b": {3243, 65345, 325413},
		"edfpa15p": {178, 1004, 2304},
		"elf9601":  {20, 132, 2642},
		"isp9601":  {588, 688, 773},
		"isp9603":  {22, 1342, 2416},
		"isp9605":  {0, 13, 101},
		"isp9607":  {0, 0, 100},
		"nus9601":  {0, 10, 12},
	}
}

// models are the files of a folder that is not part of this repository.
func models(t *testing.T) []string {
	t.Helper()
	folder := os.Getenv("HOLDFAST_MODELS")
	if folder == "" {
		t.Skip("HOLDFAST_MODELS names no folder of models (its aralia/*.xml are read)")
	}
	paths, err := filepath.Glob(filepath.Join(folder, "aralia", "*.xml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no models in %s: %v", folder, err)
	}
	return paths
}

func nameOf(path string) string { return strings.TrimSuffix(filepath.Base(path), ".xml") }

func TestTheModelsHaveTheSetsTheyAreKnownToHave(t *testing.T) {
	for _, path := range models(t) {
		known, ok := published()[nameOf(path)]
		if !ok {
			t.Errorf("nothing is known of %s: add it to published", path)
		}
		for i, want := range known {
			began := time.Now()
			got := printed(t, path, i+2)
			if got.Total != want {
				t.Errorf("%s has %d sets of up to %d events, want %d", path, got.Total, i+2, want)
			}
			if took := time.Since(began); took > mostTime {
				t.Errorf("%s took %v at order %d", path, took, i+2)
			}
		}
	}
	var memory runtime.MemStats
	if runtime.ReadMemStats(&memory); memory.HeapSys > mostHeap {
		t.Errorf("the heap grew to %d MiB", memory.HeapSys>>20)
	}
}

// line is what is printed, as a stranger reads it.
type line struct {
	Events    int            `json:"events"`
	Gates     int            `json:"gates"`
	ByOrder   map[string]int `json:"by_order"`
	Total     int            `json:"total"`
	Truncated bool           `json:"truncated"`
}

func printed(t *testing.T, path string, order int) line {
	t.Helper()
	var out, complaints strings.Builder
	if code := run([]string{path, strconv.Itoa(order)}, patience, &out, &complaints); code != good || complaints.Len() > 0 {
		t.Fatalf("%s at order %d ends with %d: %s", path, order, code, complaints.String())
	}
	var got line
	decoder := json.NewDecoder(strings.NewReader(out.String()))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&got); err != nil || strings.Count(out.String(), "\n") != 1 {
		t.Fatalf("%s: %v: %q", path, err, out.String())
	}
	sum := 0
	for _, n := range got.ByOrder {
		sum += n
	}
	if sum != got.Total || len(got.ByOrder) != order {
		t.Errorf("%s: %+v does not add up", path, got)
	}
	return got
}

// What SCRAM's tests hold of chinese, order by order.
func TestChineseOrderByOrder(t *testing.T) {
	for _, path := range models(t) {
		if nameOf(path) != "chinese" {
			continue
		}
		got := printed(t, path, 6)
		want := map[string]int{"1": 0, "2": 12, "3": 0, "4": 24, "5": 188, "6": 168}
		for order, n := range want {
			if got.ByOrder[order] != n {
				t.Errorf("%d sets of order %s, want %d", got.ByOrder[order], order, n)
			}
		}
		if got.Truncated || got.Events != 25 || got.Gates != 36 {
			t.Errorf("%+v", got)
		}
	}
}

// Samples of each model, judged by its formulas alone: every set found is a cut
// set and minimal, and every minimal cut set come upon by mending one event after
// the other is found.
func TestSamplesAreSoundAndComplete(t *testing.T) {
	const order, drawn = 3, 60
	chance, found := rand.New(rand.NewPCG(4, 10)), 0
	for _, path := range models(t) {
		s := sampled(t, path, order)
		members := slices.Collect(s.family.Sets())
		for range min(drawn, len(members)) {
			set := members[chance.IntN(len(members))]
			if !s.isMinimalCut(s.named(set)) {
				t.Fatalf("%s: %v is no minimal cut set", path, s.named(set))
			}
		}
		for range drawn {
			set := s.descend(chance, members)
			if len(set) > order {
				continue
			}
			found++
			if !s.family.Has(s.nodes(set)...) {
				t.Fatalf("%s: %v is a minimal cut set and was not found", path, set)
			}
		}
	}
	if found < 300 {
		t.Errorf("come upon only %d sets", found)
	}
}

type sample struct {
	faultTree *faultTree
	tree      *cutset.Tree
	family    cutset.Family
}

func sampled(t *testing.T, path string, order int) sample {
	t.Helper()
	m, err := readFile(path)
	if err != nil {
		t.Fatal(err)
	}
	top, err := m.top("")
	if err != nil {
		t.Fatal(err)
	}
	below := m.below(top)
	tree, node := below.build(below.events)
	return sample{faultTree: below, tree: tree, family: cutset.Solve(tree, cutset.Limits{Order: order}).Of(node)}
}

func (s sample) named(set []cutset.Node) []string {
	var names []string
	for _, node := range set {
		names = append(names, s.tree.Name(node))
	}
	return names
}

func (s sample) nodes(names []string) []cutset.Node {
	var set []cutset.Node
	for _, name := range names {
		set = append(set, s.tree.Event(name))
	}
	return set
}

func (s sample) isMinimalCut(set []string) bool {
	failed := map[string]bool{}
	for _, name := range set {
		failed[name] = true
	}
	minimal := s.fails(failed)
	for _, name := range set {
		failed[name] = false
		minimal = minimal && !s.fails(failed)
		failed[name] = true
	}
	return minimal
}

// fails is whether the top does when these events have failed.
func (s sample) fails(events map[string]bool) bool {
	failed := map[string]bool{}
	for _, gate := range s.faultTree.gates {
		failed[gate.name] = s.holds(gate.formula, events, failed)
	}
	return failed[s.faultTree.root.name]
}

func (s sample) holds(f formula, events, gates map[string]bool) bool {
	n := 0
	for _, input := range f.inputs {
		if s.holds(input, events, gates) {
			n++
		}
	}
	switch f.operator {
	case "and":
		return n == len(f.inputs)
	case "or":
		return n > 0
	case "atleast":
		return n >= f.least
	}
	return events[f.name] || gates[f.name]
}

// descend is a minimal cut set: of the events of three members and twenty others
// (of all, where there are no members) one after the other is mended, as long as
// the top stays down.
func (s sample) descend(chance *rand.Rand, members [][]cutset.Node) []string {
	var start []string
	for range min(3, len(members)) {
		start = append(start, s.named(members[chance.IntN(len(members))])...)
	}
	for range 20 {
		start = append(start, s.faultTree.events[chance.IntN(len(s.faultTree.events))].name)
	}
	if len(members) == 0 {
		for _, event := range s.faultTree.events {
			start = append(start, event.name)
		}
	}
	failed := map[string]bool{}
	for _, name := range start {
		failed[name] = true
	}
	var left []string
	names := slices.Sorted(slices.Values(start))
	names = slices.Compact(names)
	chance.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names {
		if failed[name] = false; !s.fails(failed) {
			failed[name] = true
			left = append(left, name)
		}
	}
	return left
}
