package prove

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/internal/files"
	"holdfast/internal/proc"
)

// Logs carry no times and do not say where a new incarnation begins. So while a
// drill is watched its logs are read as they grow: what a line explains follows
// from when it came.

// A printed is one line that a replica printed, and when it was seen: at most one
// look after it was written.
type printed struct {
	at   time.Duration
	by   holdfast.ReplicaName
	line string
}

const (
	// mostHeard bounds the replicas whose logs are read.
	mostHeard = 20
	// mostLines is how many lines of each are kept, the newest.
	mostLines = 400
	// mostOfALine is how much of a line is kept.
	mostOfALine = 300
	// mostRead bytes of a log are read in one look; of one that grows faster the
	// newest.
	mostRead = 64 << 10
)

// A hearing reads logs as they grow.
type hearing struct{ logs []*growing }

// A growing is one log and how far it was read.
type growing struct {
	by    holdfast.ReplicaName
	path  string
	read  int64
	rest  []byte // of a line that is not at its end yet
	lines []printed
}

// hear begins to read the logs of services' replicas in a state directory, from
// what is printed now on.
func hear(dir string, services ...holdfast.Service) *hearing {
	h := &hearing{}
	for _, service := range services {
		if service.Manage != holdfast.Full {
			continue // what runs elsewhere prints elsewhere
		}
		for ordinal := 1; ordinal <= service.Replicas && len(h.logs) < mostHeard; ordinal++ {
			name := holdfast.NameReplica(service.Name, ordinal)
			g := &growing{by: name, path: filepath.Join(dir, "log", string(name)+".log")}
			if info, err := os.Stat(g.path); err == nil {
				g.read = info.Size()
			}
			h.logs = append(h.logs, g)
		}
	}
	return h
}

// look reads what came since the last look. What cannot be read is left out: no
// verdict rests on it.
func (h *hearing) look() {
	if h == nil {
		return
	}
	for _, g := range h.logs {
		g.look(proc.Now())
	}
}

func (g *growing) look(now time.Duration) {
	info, err := os.Stat(g.path)
	if err != nil || info.Size() == g.read {
		return
	}
	size := info.Size()
	if size < g.read {
		g.read, g.rest = 0, nil // it was emptied: it had grown too long
	}
	if size-g.read > mostRead {
		g.read, g.rest = size-mostRead, nil
	}
	file, err := os.Open(g.path)
	if err != nil {
		return
	}
	defer file.Close()
	text := make([]byte, size-g.read)
	n, _ := file.ReadAt(text, g.read)
	g.read += int64(n)
	g.take(now, text[:n])
}

// take splits what came into lines.
func (g *growing) take(now time.Duration, text []byte) {
	text = append(g.rest, text...)
	for {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			break
		}
		g.add(now, line)
		text = rest
	}
	g.rest = bytes.Clone(text[:min(len(text), mostOfALine)])
}

func (g *growing) add(now time.Duration, line []byte) {
	text := files.Printable(string(line[:min(len(line), mostOfALine)]))
	if len(bytes.TrimSpace([]byte(text))) == 0 {
		return
	}
	if len(g.lines) >= 2*mostLines {
		g.lines = append(g.lines[:0], g.lines[len(g.lines)-mostLines:]...)
	}
	g.lines = append(g.lines, printed{at: now, by: g.by, line: text})
}

// all is what was heard, replica by replica, each in order.
func (h *hearing) all() []printed {
	if h == nil {
		return nil
	}
	h.look()
	var all []printed
	for _, g := range h.logs {
		all = append(all, g.lines...)
	}
	return all
}

// printedBy is what one replica printed, or, where a service was struck as a
// whole, all of it.
func (f facts) printedBy(id holdfast.ReplicaID) []printed {
	var by []printed
	for _, p := range f.printed {
		if p.by == id.Name() || id.Ordinal == 0 && f.isReplica(p.by) {
			by = append(by, p)
		}
	}
	return by
}

// isReplica tells whether a name is one of the struck service's.
func (f facts) isReplica(name holdfast.ReplicaName) bool {
	for ordinal := 1; ordinal <= f.service.Replicas; ordinal++ {
		if name == holdfast.NameReplica(f.service.Name, ordinal) {
			return true
		}
	}
	return false
}

// A silence is time in which a replica printed nothing, and the line beside it.
type silence struct {
	line   string
	before bool // the line ended it; else it came after the line
	took   time.Duration
}

// text is a silence as a part of a reason.
func (s silence) text() string {
	switch {
	case s.line == "":
		return ""
	case s.before:
		return fmt.Sprintf("; it printed nothing for %s and then %q", event.Short(s.took), s.line)
	default:
		return fmt.Sprintf("; it printed %q and then nothing for %s", s.line, event.Short(s.took))
	}
}

// longestSilence is the longest of some time in which something was printed.
func longestSilence(lines []printed, from, to time.Duration) silence {
	longest, last := silence{}, printed{at: from}
	hear := func(next time.Duration, line string) {
		if took := next - last.at; took > longest.took || longest.line == "" {
			longest = silence{line: cmp.Or(last.line, line), before: last.line == "", took: took}
		}
	}
	for _, p := range lines {
		if p.at >= from && p.at <= to {
			hear(p.at, p.line)
			last = p
		}
	}
	if last.line == "" {
		return silence{}
	}
	hear(to, "")
	return longest
}

// lastLine is the last that a replica printed between two instants.
func (f facts) lastLine(id holdfast.ReplicaID, from, to time.Duration) string {
	last := ""
	for _, p := range f.printedBy(id) {
		if p.at >= from && p.at <= to {
			last = p.line
		}
	}
	return last
}
