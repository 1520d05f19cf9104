package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"holdfast"
	"holdfast/report"
)

// correctFile is a system with nothing wrong: two replicas of everything, and a
// mode of each sort: what a remedy ends, what is ended by SIGKILL, and what only
// the undo ends.
const correctFile = `name: correct
owner: bench
services:
  storefront: {command: ./holdfast toy storefront, replicas: 2, ports: ["8080"], depends_on: [catalog]}
  catalog: {command: ./holdfast toy catalog, replicas: 2}
`

// batch is how often each mode is drilled in one private copy.
const batch = 10

func correctModes() []string { return []string{"catalog.crash", "catalog.hang", "catalog.errors"} }

// A drilled is what is kept of one drill.
type drilled struct {
	Mode     holdfast.ModeName `json:"mode"`
	Verdict  holdfast.Verdict  `json:"verdict"`
	Detect   *report.Millis    `json:"detect_ms"`
	Mitigate *report.Millis    `json:"mitigate_ms"`
	Restore  *report.Millis    `json:"restore_ms"`
	Sent     int               `json:"sent"`
	Hurt     int               `json:"hurt"`
	Reason   string            `json:"reason,omitempty"`
}

// A tally is all drills of the correct system.
type tally []drilled

func (t tally) drills() int   { return len(t) }
func (t tally) fails() int    { return t.count(holdfast.Fail) + t.count(holdfast.Aborted) }
func (t tally) invalids() int { return t.count(holdfast.Invalid) + t.count(holdfast.Skip) }

func (t tally) count(v holdfast.Verdict) int {
	n := 0
	for _, d := range t {
		if d.Verdict == v {
			n++
		}
	}
	return n
}

// of are the drills of one mode.
func (t tally) of(mode holdfast.ModeName) tally {
	return slices.DeleteFunc(slices.Clone(t), func(d drilled) bool { return d.Mode != mode })
}

// correct drills the correct system until as many drills are kept as were asked
// for, several copies side by side.
func (s *site) correct(ctx context.Context, a asked) (tally, error) {
	book, err := openBook(a.kept)
	if err != nil {
		return nil, err
	}
	defer book.close()
	var workers sync.WaitGroup
	errs := make([]error, a.beside)
	for i := range a.beside {
		workers.Go(func() { errs[i] = s.drillOn(ctx, book, a.drills, i) })
	}
	workers.Wait()
	return book.read(), errors.Join(errs...)
}

// drillOn drills batch after batch until the book has enough.
func (s *site) drillOn(ctx context.Context, book *book, enough, worker int) error {
	dir, err := s.folder(fmt.Sprintf("correct-%d", worker), correctFile)
	if err != nil {
		return err
	}
	for len(book.read()) < enough {
		run, err := s.prove(ctx, dir, append([]string{"--repeat", strconv.Itoa(batch)}, correctModes()...)...)
		if err != nil {
			return err
		}
		if err := book.add(run); err != nil {
			return err
		}
		all := book.read()
		fmt.Printf("%s  %d of %d drills: %d FAIL, %d INVALID\n", time.Now().Format(time.TimeOnly), len(all), enough, all.fails(), all.invalids())
	}
	return nil
}

// A book keeps drills, in a file where there is one.
type book struct {
	mu   sync.Mutex
	file *os.File // nil: in memory only
	all  tally
}

// openBook reads what an earlier measurement kept.
func openBook(path string) (*book, error) {
	b := &book{}
	if path == "" {
		return b, nil
	}
	text, err := os.Open(path)
	if err == nil {
		defer text.Close()
		lines := bufio.NewScanner(text)
		for lines.Scan() {
			var d drilled
			if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			b.all = append(b.all, d)
		}
		err = lines.Err()
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	b.file, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	return b, err
}

// add keeps the drills of a run. A run without any, whose control run failed, is
// one drill that decides nothing: what is not counted cannot be wrong.
func (b *book) add(run report.Run) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := keptOf(run)
	b.all = append(b.all, all...)
	for _, d := range all {
		if d.Verdict != holdfast.Pass {
			fmt.Printf("  %s %s: %s\n", d.Mode, d.Verdict, d.Reason)
		}
		if b.file == nil {
			continue
		}
		text, err := json.Marshal(d)
		if err != nil {
			return err
		}
		if _, err := b.file.Write(append(text, '\n')); err != nil {
			return err
		}
	}
	return nil
}

func keptOf(run report.Run) tally {
	var all tally
	for _, d := range run.Drills {
		all = append(all, drilled{
			Mode: d.Mode, Verdict: d.Verdict, Detect: d.Detect, Mitigate: d.Mitigate, Restore: d.Restore,
			Sent: d.Sent, Hurt: d.Failed + d.Late, Reason: d.Reason,
		})
	}
	if run.Reason != "" {
		all = append(all, drilled{Mode: "control run", Verdict: run.Verdict, Reason: run.Reason})
	}
	return all
}

func (b *book) read() tally {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clip(b.all)
}

func (b *book) close() {
	if b.file != nil {
		b.file.Close()
	}
}
