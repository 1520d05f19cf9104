package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// A cell is what one measurement is of.
type cell struct {
	Part    string `json:"part"`
	Peer    string `json:"peer"`
	Variant string `json:"variant"`
	Fault   string `json:"fault,omitempty"`
	Method  string `json:"method,omitempty"`
	Round   int    `json:"round"`
}

// A result is one measurement. What its part does not measure is 0.
type result struct {
	cell
	sky
	Version string `json:"version"`

	// The race.
	Sent     int           `json:"sent,omitempty"`
	Failed   int           `json:"failed,omitempty"`
	Late     int           `json:"late,omitempty"`     // answered after more than 250 ms
	Twice    int           `json:"twice,omitempty"`    // requests that replicas carried out more than once
	Executed int           `json:"executed,omitempty"` // by all replicas
	LastBad  time.Duration `json:"last_bad,omitempty"` // from the break to the instant the last bad request was due
	Longest  time.Duration `json:"longest,omitempty"`
	Lag      time.Duration `json:"lag,omitempty"` // of the generator itself, at p99

	// Every part but memory: of all the peer's processes.
	CPU time.Duration `json:"cpu,omitempty"` // per request
	Own time.Duration `json:"own,omitempty"` // of these the process that carries the traffic, where there are others
	// The parts without faults.
	Rate   float64 `json:"rate,omitempty"`   // requests a second
	Bytes  int64   `json:"bytes,omitempty"`  // of memory, shared pages divided: while all connections wait
	Active int64   `json:"active,omitempty"` // and when all have just asked again
}

// tooLate is the generator's own lateness from which on a measurement is one of
// the machine: a fifth of what a user calls late.
const tooLate = 50 * time.Millisecond

// A book keeps results, one line of a file each.
type book struct {
	*os.File
	results []result
	known   map[cell]bool
}

func openBook(path string) (*book, error) {
	results, err := readBook(path)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	b := &book{File: file, results: results, known: map[cell]bool{}}
	for _, r := range results {
		b.known[r.cell] = true
	}
	return b, nil
}

// readBook reads what was kept; a file that is not there holds nothing.
func readBook(path string) ([]result, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var all []result
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var r result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", path, len(all)+1, err)
		}
		all = append(all, r)
	}
	return all, nil
}

// keep says a result and writes it down, unless the machine was too busy for it
// to mean anything: then the next run measures it again.
func (b *book) keep(r result) error {
	fmt.Println(r)
	if r.Lag > tooLate {
		fmt.Printf("  not kept: the generator itself was %s late\n", r.Lag.Round(time.Millisecond))
		return nil
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	b.known[r.cell] = true
	_, err = b.Write(append(text, '\n'))
	return err
}

func (r result) String() string {
	who := fmt.Sprintf("%-6s %d %-20s", r.Part, r.Round, r.Peer+"/"+r.Variant)
	switch r.Part {
	case "race":
		return fmt.Sprintf("%s %-4s %-10s %4d failed %4d late %4d twice of %d (%d executed), last bad %s, longest %s, %s CPU each",
			who, r.Method, r.Fault, r.Failed, r.Late, r.Twice, r.Sent, r.Executed, r.LastBad.Round(time.Millisecond), r.Longest.Round(time.Millisecond), r.CPU.Round(time.Microsecond))
	case "memory":
		return fmt.Sprintf("%s %.1f MB waiting, %.1f MB when all have asked again", who, float64(r.Bytes)/1e6, float64(r.Active)/1e6)
	}
	return fmt.Sprintf("%s %.1f µs CPU each (%.1f in the gateway), %.0f/s", who, micros(r.CPU), micros(r.Own), r.Rate)
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
