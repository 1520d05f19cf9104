// Command cutsets counts the minimal cut sets of fault trees that others wrote,
// in the Open-PSA Model Exchange Format, so that package cutset can be compared
// with what is known of them:
//
//	go run ./bench/cutsets MODEL.xml ORDER        sets of up to ORDER events
//	go run ./bench/cutsets MODEL.xml ORDER GATE   the same for one gate of many
//
// It prints one line of JSON. It ends with 2 when it cannot read what it was
// given, and with 3 when the sets could not be counted within its limits.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"time"

	"holdfast/cutset"
)

const (
	good       = 0
	unreadable = 2
	undecided  = 3
)

func main() { os.Exit(run(os.Args[1:], patience, os.Stdout, os.Stderr)) }

func run(args []string, patience time.Duration, out, complaints io.Writer) int {
	path, order, top, err := arguments(args)
	if err != nil {
		fmt.Fprintln(complaints, err)
		return unreadable
	}
	model, err := readFile(path)
	if err != nil {
		fmt.Fprintln(complaints, err)
		return unreadable
	}
	if top, err = model.top(top); err != nil {
		fmt.Fprintln(complaints, err)
		return unreadable
	}
	tree := model.below(top)
	family, ok := search(tree, order, time.Now().Add(patience))
	if !ok {
		fmt.Fprintf(complaints, "%s: not decided within %v and %d million nodes in any order of the events; try a lower ORDER\n", path, patience, mostNodes>>20)
		return undecided
	}
	if err := json.NewEncoder(out).Encode(answer(tree, family)); err != nil {
		fmt.Fprintln(complaints, "print the answer:", err)
		return unreadable
	}
	return good
}

func arguments(args []string) (path string, order int, top string, err error) {
	const usage = "usage: cutsets MODEL.xml ORDER [GATE]"
	if len(args) != 2 && len(args) != 3 {
		return "", 0, "", fmt.Errorf("%s", usage)
	}
	order, err = strconv.Atoi(args[1])
	if err != nil || order < 1 || order > cutset.MaxOrder {
		return "", 0, "", fmt.Errorf("%s\nORDER is %q, and must be a number from 1 to %d", usage, args[1], cutset.MaxOrder)
	}
	if len(args) == 3 {
		top = args[2]
	}
	return args[0], order, top, nil
}

// An Answer is what is printed. Every order up to the one asked for is there,
// and 0 where the top has failed already.
type Answer struct {
	Events    int     `json:"events"` // below the top
	Gates     int     `json:"gates"`  // defined, the top among them
	ByOrder   byOrder `json:"by_order"`
	Total     int     `json:"total"`
	Truncated bool    `json:"truncated"` // there can be sets of a higher order
}

// byOrder is an object whose keys are in the order of the numbers that they are.
type byOrder []int

func (b byOrder) MarshalJSON() ([]byte, error) {
	text := []byte("{")
	for order, n := range b {
		if order == 0 && n == 0 {
			continue
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = fmt.Appendf(text, "%q:%d", strconv.Itoa(order), n)
	}
	return append(text, '}'), nil
}

func answer(t *faultTree, family cutset.Family) Answer {
	return Answer{Events: len(t.events), Gates: len(t.gates), ByOrder: family.ByOrder(), Total: family.Total(), Truncated: family.Truncated}
}

const (
	patience  = 50 * time.Second // of the minute that a model may take
	fewNodes  = 1 << 20
	mostNodes = 1 << 24 // under 2 GiB
)

// search tries one order of the events after the other, for which of them suits
// a tree is known afterwards: all with a small budget, then with all that is left.
func search(t *faultTree, order int, until time.Time) (cutset.Family, bool) {
	for _, limits := range []cutset.Limits{
		{Nodes: fewNodes, Steps: 32 * fewNodes},
		{Nodes: mostNodes, Steps: math.MaxInt},
	} {
		limits.Order, limits.Enough = order, func() bool { return time.Now().After(until) }
		for _, events := range t.orders() {
			tree, top := t.build(events)
			if family := cutset.Solve(tree, limits).Of(top); family.Decided {
				return family, true
			}
		}
	}
	return cutset.Family{}, false
}
