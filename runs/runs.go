// Package runs keeps proofs: every run is one file, written whole, and is found
// again by its name, by the beginning of it, as the latest, or by a path. A file
// that cannot be read is named and costs no other.
package runs

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/internal/files"
	"holdfast/report"
)

const (
	// Dir is where runs are kept, in a state directory.
	Dir = "runs"
	// Version is that of the documents which this program writes and reads.
	Version = 0
	// most is how many runs are kept: some weeks of a busy project, below 100 MB.
	most = 200
	// maxRun bounds what is read of one: a run of 1,000 drills with their timelines
	// takes a third of it.
	maxRun = 64 << 20
	// forgotten is how old half a file is before it is cleared away: whoever wrote
	// it is dead.
	forgotten = time.Hour
	suffix    = ".json"
)

// NewID names a run that begins.
func NewID(began time.Time, chance *rand.Rand) report.RunID {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	name := []byte(began.UTC().Format("20060102T150405-"))
	for range 4 {
		name = append(name, letters[chance.IntN(len(letters))])
	}
	return report.RunID(name)
}

// Keep writes a run down in a state directory. It is on disk when Keep returns;
// an error leaves every earlier run as it was.
func Keep(state string, run report.Run) error {
	if !named(run.ID) {
		return fmt.Errorf("keep the run: %q is no name of one", run.ID)
	}
	text, err := json.Marshal(run)
	if err != nil {
		return fmt.Errorf("keep the run: %w", err)
	}
	dir := filepath.Join(state, Dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep the run: %w", err)
	}
	if err := files.ReplaceDurably(filepath.Join(dir, string(run.ID)+suffix), append(text, '\n')); err != nil {
		return fmt.Errorf("keep the run: %w", err)
	}
	return nil
}

// Prune clears away the oldest runs beyond what is kept, but for those that are
// spared: what something is being compared with. So it does with halves of files
// that somebody left who died.
func Prune(state string, spared ...report.RunID) error {
	dir := filepath.Join(state, Dir)
	names, halves, err := names(dir)
	if err != nil {
		return fmt.Errorf("clear old runs away: %w", err)
	}
	var failed error
	for _, half := range halves {
		path := filepath.Join(dir, half)
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > forgotten {
			failed = errors.Join(failed, os.Remove(path))
		}
	}
	for _, name := range names[:max(0, len(names)-most)] {
		if !slices.Contains(spared, name) {
			failed = errors.Join(failed, os.Remove(filepath.Join(dir, string(name)+suffix)))
		}
	}
	if failed != nil {
		return fmt.Errorf("clear old runs away: %w", failed)
	}
	return nil
}

// names are the runs in a directory, the oldest first, and halves of files.
func names(dir string) (all []report.RunID, halves []string, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, entry := range entries { // sorted, and names sort by time
		switch name, ours := strings.CutSuffix(entry.Name(), suffix); {
		case ours && named(report.RunID(name)):
			all = append(all, report.RunID(name))
		case strings.HasSuffix(entry.Name(), suffix+".new"):
			halves = append(halves, entry.Name())
		}
	}
	return all, halves, nil
}

// named tells whether a text is the name of a run, and no way out of the
// directory.
func named(id report.RunID) bool {
	when, letters, found := strings.Cut(string(id), "-")
	_, err := time.Parse("20060102T150405", when)
	return found && err == nil && len(letters) == 4 && !strings.ContainsFunc(letters, func(c rune) bool { return c < 'a' || c > 'z' })
}

// A Summary is a kept run without what takes room.
type Summary struct {
	ID      report.RunID        `json:"id"`
	At      time.Time           `json:"at"`
	System  holdfast.SystemName `json:"system"`
	Verdict holdfast.Verdict    `json:"verdict"`
	Drills  []holdfast.Verdict  `json:"drills"`
	Took    report.Millis       `json:"took_ms"`
}

// An Unreadable is a file that should be a run and cannot be read.
type Unreadable struct {
	File string `json:"file"`
	Why  string `json:"why"`
}

// List is what is kept in a state directory, the newest first. One file is in
// memory at a time. No directory is no runs.
func List(state string) (kept []Summary, unreadable []Unreadable, err error) {
	dir := filepath.Join(state, Dir)
	names, _, err := names(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("list the runs: %w", err)
	}
	for _, name := range slices.Backward(names) {
		path := filepath.Join(dir, string(name)+suffix)
		summary, err := summarise(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // another run cleared it away
		}
		if err != nil {
			unreadable = append(unreadable, Unreadable{File: path, Why: err.Error()})
			continue
		}
		summary.ID = name
		kept = append(kept, summary)
	}
	return kept, unreadable, nil
}

func summarise(path string) (Summary, error) {
	var brief struct {
		At      time.Time           `json:"at"`
		System  holdfast.SystemName `json:"system"`
		Verdict holdfast.Verdict    `json:"verdict"`
		Took    report.Millis       `json:"took_ms"`
		Drills  []struct {
			Verdict holdfast.Verdict `json:"verdict"`
		} `json:"drills"`
	}
	if err := regular(path); err != nil {
		return Summary{}, err
	}
	if err := read(path, &brief); err != nil {
		return Summary{}, err
	}
	s := Summary{At: brief.At, System: brief.System, Verdict: brief.Verdict, Took: brief.Took, Drills: []holdfast.Verdict{}}
	for _, drill := range brief.Drills {
		s.Drills = append(s.Drills, drill.Verdict)
	}
	return s, nil
}

// Latest is the name that means the newest run that can be read.
const Latest = "latest"

// Find reads a run back: one that is kept, by its name, by the beginning of it
// that no other shares, or as the latest; or any document of prove --json, by its
// path.
func Find(state, name string) (report.Run, error) {
	if isPath(name) {
		return Read(name)
	}
	names, _, err := names(filepath.Join(state, Dir))
	if err != nil {
		return report.Run{}, fmt.Errorf("look for run %s: %w", name, err)
	}
	if name == Latest {
		return latest(state, names)
	}
	found := slices.DeleteFunc(slices.Clone(names), func(id report.RunID) bool { return name == "" || !strings.HasPrefix(string(id), name) })
	switch {
	case len(found) == 1:
		return readKept(filepath.Join(state, Dir, string(found[0])+suffix))
	case len(found) > 1:
		return report.Run{}, fmt.Errorf("%w: %d runs begin with %s, the last is %s", ErrNone, len(found), name, found[len(found)-1])
	default:
		return report.Run{}, fmt.Errorf("%w: there is no run %q in %s", ErrNone, name, filepath.Join(state, Dir))
	}
}

// ErrNone says that a name means no run, or several.
const ErrNone = holdfast.Refusal("no such run")

// isPath tells a path from the name of a kept run.
func isPath(name string) bool {
	return strings.ContainsRune(name, os.PathSeparator) || strings.HasSuffix(name, suffix)
}

// latest passes over what cannot be read: List names it.
func latest(state string, names []report.RunID) (report.Run, error) {
	var first error
	for _, id := range slices.Backward(names) {
		run, err := readKept(filepath.Join(state, Dir, string(id)+suffix))
		if err == nil {
			return run, nil
		}
		first = cmp.Or(first, err)
	}
	if first != nil {
		return report.Run{}, first
	}
	return report.Run{}, fmt.Errorf("%w: none is kept in %s", ErrNone, filepath.Join(state, Dir))
}

// Read reads one document.
func Read(path string) (report.Run, error) {
	var run report.Run
	if err := read(path, &run); err != nil {
		return report.Run{}, fmt.Errorf("the run %s cannot be read: %w", path, err)
	}
	return run, nil
}

// errNoFile refuses what stands among the kept runs and would never end, or never
// begin, to be read: a pipe, a device.
const errNoFile = holdfast.Refusal("it is no file")

// regular says what is wrong with a kept run that is no file. What a person names
// by its path may be a pipe.
func regular(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errNoFile
	}
	return err
}

// readKept reads a run that is kept.
func readKept(path string) (report.Run, error) {
	if err := regular(path); err != nil {
		return report.Run{}, fmt.Errorf("the run %s cannot be read: %w", path, err)
	}
	return Read(path)
}

func readAtMost(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxRun+1))
	if err == nil && len(text) > maxRun {
		err = fmt.Errorf("it has more than %d MiB, and no run has", maxRun>>20)
	}
	return text, err
}

// ErrNewer says that a document is from a version of this program that knows
// more: what it leaves out would be taken for what was not measured.
const ErrNewer = holdfast.Refusal("it was written by a newer holdfast")

// read decodes a document, of which the version is looked at before anything
// else.
func read(path string, into any) error {
	text, err := readAtMost(path)
	if err != nil {
		return err
	}
	var about struct {
		Version *int             `json:"version"`
		Verdict holdfast.Verdict `json:"verdict"`
	}
	if err := json.Unmarshal(text, &about); err != nil {
		return fmt.Errorf("it is damaged, or no run: %w", err)
	}
	switch {
	case about.Version == nil || about.Verdict == "":
		return errors.New("it is no run: it has no version or no verdict; holdfast prove --json writes one")
	case *about.Version > Version:
		return fmt.Errorf("%w: its version is %d, and this one reads up to %d", ErrNewer, *about.Version, Version)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("it is damaged: %w", err)
	}
	return nil
}
