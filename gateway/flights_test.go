package gateway

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"
)

// A stream has no end of its own: when the time for draining is over it is cut
// off, and one that begins just then is cut off, too.
func TestStreamsAreCutOffWhenTheTimeIsOver(t *testing.T) {
	f := newFlights()
	ours, theirs := net.Pipe()
	defer theirs.Close()
	if !f.enter() {
		t.Fatal("nothing may begin")
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.land(over)
	}()
	forget := f.stream(ours)
	theirs.SetDeadline(time.Now().Add(patience))
	if _, err := theirs.Read(make([]byte, 1)); err == nil || err.Error() != "EOF" {
		t.Errorf("the stream was not closed: %v", err)
	}
	if f.enter() {
		t.Error("something began while everything ends")
	}
	forget()
	f.leave()
	<-ended
}

func TestTheLogIsBounded(t *testing.T) {
	var out strings.Builder
	l := newLogbook(&out)
	began := time.Now().Unix()
	for range 10 * logLines {
		l.say("again")
	}
	seconds := int(time.Now().Unix()-began) + 1
	if n := strings.Count(out.String(), "again"); n < logLines || n > seconds*logLines {
		t.Errorf("%d lines in %d seconds", n, seconds)
	}
}
