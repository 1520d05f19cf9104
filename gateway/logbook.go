package gateway

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// logLines bounds the log: what repeats more often than this says nothing new.
const logLines = 50

// A logbook writes lines for people, at most logLines a second, and says how
// many it left out.
type logbook struct {
	mu     sync.Mutex
	out    io.Writer
	second int64
	lines  int
	missed int
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
	if second := time.Now().Unix(); second != l.second {
		if l.missed > 0 {
			fmt.Fprintf(l.out, "gateway: %d lines left out\n", l.missed)
		}
		l.second, l.lines, l.missed = second, 0, 0
	}
	if l.lines++; l.lines > logLines {
		l.missed++
		return len(line), nil
	}
	return l.out.Write(line)
}

func (l *logbook) say(format string, args ...any) {
	fmt.Fprintf(l, "gateway: "+format+"\n", args...)
}
