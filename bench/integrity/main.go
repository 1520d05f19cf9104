// Command integrity asks whether the verdicts of prove can be believed. It proves
// a correct system many times, and none of its drills may FAIL; it proves systems
// that are broken in one way each, and each must FAIL for its own reason; and it
// proves with every fault made to do nothing, and each must be INVALID.
//
//	go run ./bench/integrity                     2,000 drills, all broken systems, all faults
//	go run ./bench/integrity -drills 60 -only correct
//	go run ./bench/integrity -write docs/proof-integrity.md
//
// What was drilled is kept in a file (-kept) as it is done, and an interrupted
// measurement goes on from it: two thousand drills take hours. It ends with 1
// when a verdict was wrong.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == sickVerb {
		os.Exit(sick(os.Args[2:]))
	}
	a := asked{}
	flag.IntVar(&a.drills, "drills", 2000, "drills of the correct system")
	flag.IntVar(&a.beside, "beside", 3, "private copies of it side by side")
	flag.StringVar(&a.only, "only", "", "correct, broken or neutered; or the name of one broken system")
	flag.StringVar(&a.kept, "kept", "", "a file that keeps what was drilled; an interrupted measurement goes on from it")
	flag.StringVar(&a.write, "write", "", "the page to write")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	found, err := a.measure(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "integrity:", err)
		os.Exit(3)
	}
	if wrong := found.wrong(a); len(wrong) > 0 {
		fmt.Println("WRONG\n  " + strings.Join(wrong, "\n  "))
		os.Exit(1)
	}
}

// Asked is what is to be measured.
type asked struct {
	drills, beside    int
	only, kept, write string
}

// asks tells whether a part is to be measured.
func (a asked) asks(part string) bool { return a.only == "" || a.only == part }

// Findings are what was measured.
type findings struct {
	correct  tally
	broken   []outcome
	neutered []outcome
}

func (a asked) measure(ctx context.Context) (f findings, err error) {
	site, err := newSite(ctx)
	if err != nil {
		return f, err
	}
	defer site.remove()
	if a.asks("neutered") {
		if f.neutered, err = site.neutered(ctx); err != nil {
			return f, err
		}
	}
	if f.broken, err = site.broken(ctx, a); err != nil {
		return f, err
	}
	if a.asks("correct") {
		if f.correct, err = site.correct(ctx, a); err != nil {
			return f, err
		}
	}
	if a.write == "" {
		return f, nil
	}
	return f, os.WriteFile(a.write, []byte(page(f)), 0o644)
}

// mostInvalid is the share of drills of a correct system that may decide nothing.
const mostInvalid = 0.02

// wrong lists the verdicts that are not what they must be.
func (f findings) wrong(a asked) []string {
	var wrong []string
	if n := f.correct.fails(); n > 0 {
		wrong = append(wrong, fmt.Sprintf("%d of %d drills of the correct system FAIL", n, f.correct.drills()))
	}
	if n, of := f.correct.invalids(), f.correct.drills(); float64(n) > mostInvalid*float64(of) {
		wrong = append(wrong, fmt.Sprintf("%d of %d drills of the correct system are INVALID", n, of))
	}
	if a.asks("correct") && f.correct.drills() < a.drills {
		wrong = append(wrong, fmt.Sprintf("%d drills of the correct system, want %d", f.correct.drills(), a.drills))
	}
	for _, o := range append(f.broken, f.neutered...) {
		if why := o.wrong(); why != "" {
			wrong = append(wrong, o.name+": "+why)
		}
	}
	return wrong
}
