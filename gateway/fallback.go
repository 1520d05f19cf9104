package gateway

import (
	"cmp"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"holdfast"
)

// MaxFallback bounds the file of a fallback, in bytes.
const MaxFallback = 1 << 20

// degraded marks an answer that stands in for a replica's.
const degraded = "Holdfast-Degraded"

// answerBy is when the head of an answer must have come; zero for never.
func (x *exchange) answerBy() time.Time {
	if x.message.deadline.IsZero() || !x.covered() {
		return x.message.deadline
	}
	return x.message.deadline.Add(-time.Duration((1 - holdfast.FallbackShare) * float64(x.entry.Timeout)))
}

// covered says whether there is something to answer in the replicas' place.
func (x *exchange) covered() bool {
	f := x.entry.Fallback
	return f != nil && (f.Body != "" || f.File != "" || x.instead != nil || x.staleCopy(f) != nil)
}

// degrade answers in the replicas' place, as the edge's caller has declared, and
// says whether it could. Whatever the method is: who declares a fallback has
// said what to make of it, and the mark tells it from an answer.
func (x *exchange) degrade() bool {
	f := x.entry.Fallback
	if f == nil || isRPC(x.r) { // a call has no use for a body that is none of its messages
		return false
	}
	if c := x.staleCopy(f); c != nil {
		x.tally.stale.Add(1)
		x.answerStale(c)
	} else if body, kind := x.standIn(f); body != nil {
		x.w.Header().Set("Content-Type", kind)
		x.answerDegraded("fallback", body)
	} else if a := x.askInstead(); a != nil {
		x.tally.degraded.Add(1)
		x.answerInstead(a)
		return true
	} else {
		return false
	}
	x.tally.degraded.Add(1)
	return true
}

// standIn is what the fallback says, and its type.
func (x *exchange) standIn(f *holdfast.Fallback) (body []byte, kind string) {
	switch {
	case f.Body != "":
		return []byte(f.Body), "application/json"
	case f.File != "":
		body, err := readFallback(f.File)
		if err != nil {
			x.gateway.log.say("%s: its fallback cannot be answered: %v (request %s)", x.entry.Listener, err, x.marks.request)
			return nil, ""
		}
		return body, cmp.Or(mime.TypeByExtension(filepath.Ext(f.File)), "application/octet-stream")
	}
	return nil, ""
}

// readFallback reads a file that may have become anything since it was declared:
// one that is a pipe must not hold the request.
func readFallback(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > MaxFallback {
		return nil, fmt.Errorf("%s: not a file of at most 1 MiB", path)
	}
	body, err := io.ReadAll(io.LimitReader(file, MaxFallback))
	if body == nil {
		body = []byte{}
	}
	return body, err
}

func (x *exchange) answerStale(c *copied) {
	age := now() - c.at
	h := x.w.Header()
	for name, values := range c.header {
		h[name] = values
	}
	before, _ := strconv.ParseInt(h.Get("Age"), 10, 64)
	if _, typed := h["Content-Type"]; !typed {
		h["Content-Type"] = nil // or net/http would guess one, which the replica did not
	}
	h.Set("Age", strconv.FormatInt(before+int64(age.Seconds()), 10))
	x.answerDegraded("stale "+age.Truncate(time.Second).String(), c.body)
}

func (x *exchange) answerDegraded(how string, body []byte) {
	x.closeUnread()
	h := x.w.Header()
	h.Set(degraded, how)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set(requestIDField, x.marks.request)
	x.answers(http.StatusOK)
	x.w.WriteHeader(http.StatusOK)
	x.w.Write(body)
}
