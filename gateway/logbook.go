package gateway

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// logLines bounds the log: what repeats more often than this says nothing new.
const logLines = 50

// perRequest bounds those lines among them that are about one request each: a
// service that is down makes thousands, and what was decided about it is to be
// read between them.
const perRequest = 5

// A logbook writes lines for people, at most logLines a second, and says how
// many it left out.
type logbook struct {
	mu     sync.Mutex
	out    io.Writer
	second int64
	lines  int
	missed int
	single int // lines about one request
}

func newLogbook(out io.Writer) *logbook {
	if out == nil {
		out = io.Discard
	}
	return &logbook{out: out}
}

// Write takes one line, as log.Logger gives it.
func (l *logbook) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn()
	return l.add(line)
}

// turn begins a new second. The caller holds mu.
func (l *logbook) turn() {
	if second := time.Now().Unix(); second != l.second {
		if l.missed > 0 {
			fmt.Fprintf(l.out, "gateway: %d lines left out\n", l.missed)
		}
		l.second, l.lines, l.missed, l.single = second, 0, 0, 0
	}
}

func (l *logbook) add(line []byte) (int, error) {
	if l.lines++; l.lines > logLines {
		l.missed++
		return len(line), nil
	}
	return l.out.Write(line)
}

func (l *logbook) say(format string, args ...any) {
	fmt.Fprintf(l, "gateway: "+format+"\n", args...)
}

// mention is say for a line about one request.
func (l *logbook) mention(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn()
	if l.single++; l.single > perRequest {
		l.missed++
		return
	}
	l.add(fmt.Appendf(nil, "gateway: "+format+"\n", args...))
}
